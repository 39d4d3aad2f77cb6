"""What the watch finds of each measure, and which of all findings of a look are alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from finetune.watch.difference import Difference
from finetune.watch.rules import WatchRules
from finetune.watch.stability import Level, Stability

Kind = Literal["mean", "share", "distribution"]
State = Literal["too_little", "steady", "alarm"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One measure of one scope. `records` are those of the reference and the current window; means and shares have
    both values, their difference and its interval (95 %), distributions an index and, of PSI, its level. `large` says
    that more has moved than is `borne`, `ids` names answers that show it. `too_little` says what is missing; then
    nothing else is known."""

    measure: str
    kind: Kind
    records: tuple[int, int]
    too_little: str | None = None
    reference: float | None = None
    current: float | None = None
    difference: float | None = None
    interval: tuple[float, float] | None = None
    index: float | None = None
    level: Level | None = None
    p: float | None = None
    borne: float = 0.0
    large: bool = False
    alarm: bool = False
    ids: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """What is to be said of it in a word."""
        return "too_little" if self.too_little else "alarm" if self.alarm else "steady"


def too_little(
    measure: str, kind: Kind, records: tuple[int, int], groups: tuple[int, int], needed: tuple[int, int]
) -> Finding:
    """A measure of which nothing can be said, by the window that lacks most."""
    windows = zip(("reference", "current window"), groups, needed, strict=True)
    window, there, least = min(windows, key=lambda each: each[1] / each[2])
    said = f"The {window} has {there} independent answers with this figure; {least} are needed."
    return Finding(measure=measure, kind=kind, records=records, too_little=said)


def of_difference(
    measure: str, kind: Kind, records: tuple[int, int], found: Difference, borne: float, ids: tuple[str, ...] = ()
) -> Finding:
    """Of a mean or share."""
    return Finding(
        measure=measure,
        kind=kind,
        records=records,
        reference=found.reference,
        current=found.current,
        difference=found.difference,
        interval=(found.low, found.high),
        p=found.p,
        borne=borne,
        large=abs(found.difference) > borne,
        ids=ids,
    )


def of_stability(
    measure: str, records: tuple[int, int], found: Stability, borne: float, ids: tuple[str, ...] = ()
) -> Finding:
    """Of a distribution over bins."""
    return Finding(
        measure=measure,
        kind="distribution",
        records=records,
        index=found.psi,
        level=found.level,
        p=found.p,
        borne=borne,
        large=found.psi > borne,
        ids=ids,
    )


def alarms(scopes: Mapping[str, Sequence[Finding]], rules: WatchRules) -> dict[str, tuple[Finding, ...]]:
    """The findings of one look with its alarms set.

    Holm's step-down form of Bonferroni's correction (1979, Scand. J. Stat. 6) over all measures of all scopes at
    `alpha / looks`, whatever depends on what: where nothing drifts, a look raises any alarm with at most that
    probability, and `looks` of them together at most `alpha` alarmed looks in the mean. What is too small to matter
    takes part in the correction and raises none.
    """
    tested = sorted(
        (each.p, name, place)
        for name, findings in scopes.items()
        for place, each in enumerate(findings)
        if each.p is not None
    )
    refused: set[tuple[str, int]] = set()
    for rank, (p, name, place) in enumerate(tested):
        if p > rules.per_look / (len(tested) - rank):
            break
        refused.add((name, place))
    return {
        name: tuple(replace(each, alarm=(name, place) in refused and each.large) for place, each in enumerate(findings))
        for name, findings in scopes.items()
    }
