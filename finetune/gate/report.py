"""A gate's report: everything that was decided by, as one object of JSON. No text of a question or answer is in it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from finetune.gate.compare import Interval
from finetune.gate.identity import Base
from finetune.gate.judging import Judged
from finetune.gate.leaks import Leaks
from finetune.gate.results import Compared, Results
from finetune.gate.rules import GateRules
from finetune.gate.verdict import Reason, Verdict

FORMAT = 1
SPEED = ("latency_ratio", "throughput_ratio", "memory_ratio")
LEAKS = 100
"""Leaks that a report names; the count is whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GateReport:
    """What came of a run. `results` is None where a check stopped it before anything was asked."""

    rules: GateRules
    candidate: str
    champion: str
    base: Base | None = None
    leaks: Leaks | None = None
    verdict: Verdict = field(default_factory=lambda: Verdict(passed=False))
    results: Results | None = None
    judged: Judged | None = None

    def told(self, verdict: Verdict, results: Results | None = None, judged: Judged | None = None) -> GateReport:
        """With what was found."""
        return replace(self, verdict=verdict, results=results, judged=judged)

    def to_row(self) -> dict[str, Any]:
        """As an object of JSON; an end of an interval that is infinite is null."""
        measured = self.results
        row = {
            "format": FORMAT,
            "passed": self.verdict.passed,
            "rules": {"digest": self.rules.digest, **self.rules.model_dump(mode="json")},
            "candidate": self.candidate,
            "champion": self.champion,
            "base": None if self.base is None else {"model": self.base.model, "quantization": self.base.quantization},
            "reasons": [_reason(each) for each in self.verdict.reasons],
            "blocked_by": list(self.verdict.blocked_by),
            "undecided": list(self.verdict.undecided),
            "unmeasured": {} if measured is None else dict(measured.unmeasured),
            "leaks": None if self.leaks is None else _leaks(self.leaks),
            "judge": None if self.judged is None else asdict(self.judged),
            "items": 0 if measured is None else measured.items,
            "clusters": 0 if measured is None else measured.clusters,
        }
        finite: dict[str, Any] = _finite({**row, **self._measured()})
        return finite

    def text(self) -> str:
        """As JSON text, the same for the same findings."""
        return json.dumps(self.to_row(), ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False) + "\n"

    def _measured(self) -> dict[str, Any]:
        found = self.results
        if found is None:
            return {"measures": [], "speed": [], "slices": [], "general": None, "tasks": []}
        return {
            "measures": [self._compared(each) for name, each in found.measures.items() if name not in SPEED],
            "speed": [self._compared(each) for name, each in found.measures.items() if name in SPEED],
            "slices": [self._compared(each) for each in found.slices],
            "general": None if found.general is None else self._compared(found.general),
            "tasks": [self._compared(each) for each in found.tasks],
        }

    def _compared(self, each: Compared) -> dict[str, Any]:
        return {
            "measure": each.measure,
            "slice": each.slice,
            "candidate": each.candidate,
            "champion": each.champion,
            **_interval(each.interval),
            "said": self._said(each),
            "worst": list(each.worst),
        }

    def _said(self, each: Compared) -> str:
        """The measure's own verdict: the cause that stops, "undecided", "not_ruled" or "passed"."""
        for reason in self.verdict.reasons:
            if (reason.measure, reason.slice) == (each.measure, each.slice):
                return reason.cause
        if each.slice is None and each.measure in self.verdict.undecided:
            return "undecided"
        ruled = each.measure == "general" or each.measure in self.rules.measures
        return "passed" if ruled else "not_ruled"


def _reason(each: Reason) -> dict[str, Any]:
    return {**asdict(each), "figures": dict(each.figures)}


def _interval(each: Interval) -> dict[str, Any]:
    return {"difference": each.value, "low": each.low, "high": each.high, "n": each.n, "clusters": each.clusters,
            "confidence": each.confidence}  # fmt: skip


def _leaks(leaks: Leaks) -> dict[str, Any]:
    return {
        "share": leaks.share,
        "items": leaks.items,
        "rows": leaks.rows,
        "unread": list(leaks.unread),
        "count": len(leaks.found),
        "found": [asdict(each) for each in leaks.found[:LEAKS]],
    }


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value
