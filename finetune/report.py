"""What became of everything that was looked at while a dataset was made, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Stage = Literal["import", "join", "blame", "trust", "build", "check", "cap", "split", "augment"]
Outcome = Literal["kept", "refused", "quarantined", "left_out"]
"""Kept, with something to be said of it; refused for good; set apart for whom or when it came from; fine in itself, and
more than there may be, or asked to be left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fate:
    """One thing's fate at one stage. `subject` names it ("answer:…", "feedback:…", "example:…", "person:…",
    "handbook.jsonl:12"), `reason` is a code to count by, `detail` a sentence for people; never a text of the data."""

    subject: str
    stage: Stage
    outcome: Outcome
    reason: str
    detail: str

    def to_row(self) -> dict[str, Any]:
        """As an object of JSON."""
        return asdict(self)


def summary(fates: Sequence[Fate]) -> dict[str, dict[str, int]]:
    """How many had which outcome for which reason."""
    found: dict[str, dict[str, int]] = {}
    for (outcome, reason), number in sorted(Counter((fate.outcome, fate.reason) for fate in fates).items()):
        found.setdefault(outcome, {})[reason] = number
    return found


@dataclass(kw_only=True, slots=True)
class Report:
    """Fates and figures, gathered from stage to stage."""

    fates: list[Fate] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def add(self, subject: str, stage: Stage, outcome: Outcome, reason: str, detail: str) -> None:
        """Notes a fate."""
        self.fates.append(Fate(subject=subject, stage=stage, outcome=outcome, reason=reason, detail=detail))

    def refuse(self, subject: str, stage: Stage, reason: str, detail: str) -> None:
        """Notes a refusal."""
        self.add(subject, stage, "refused", reason, detail)
