"""Whether a candidate passes, and why not.

A measure has to show that the candidate is not worse than its margin: the interval's lower end must not lie below
(non-inferiority). All measures have to, so none needs a correction for there being several (Berger 1982, the
intersection-union test). Parts and tasks are many and small: they stop a candidate only where it is shown to be worse,
with all of them counted, however good the mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from finetune.gate.compare import Interval
from finetune.gate.identity import Problem
from finetune.gate.judging import Judged
from finetune.gate.leaks import Leaks
from finetune.gate.results import Compared, Results
from finetune.gate.rules import DIFFERENCES, RATIOS, GateRules, MeasureRule

Cause = Literal[
    "identity", "leak", "leak_unchecked", "too_few", "worse", "not_shown", "floor", "ceiling", "no_gain", "judge"
]
_FEWEST_RATIOS = 10
"""Pairs from which a ratio can decide."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why a candidate is stopped: the measure ("identity", "leak", "items", "judge" and "general" among them), the part
    where it is one, the kind of cause, a sentence, and the figures it rests on."""

    measure: str
    slice: str | None = None
    cause: Cause
    said: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """`passed` where there is no reason against it. `undecided` are measures with too few items to tell anything, which
    stopped nothing."""

    passed: bool
    reasons: tuple[Reason, ...] = ()
    undecided: tuple[str, ...] = ()

    @property
    def blocked_by(self) -> tuple[str, ...]:
        """The measures, each once, that stop it."""
        return tuple(dict.fromkeys(reason.measure for reason in self.reasons))


def before(rules: GateRules, problems: tuple[Problem, ...], leaks: Leaks | None) -> tuple[Reason, ...]:
    """What stops a candidate before it is asked anything."""
    found = [Reason(measure="identity", cause="identity", said=problem.said) for problem in problems]
    return (*found, *_leaks(rules, leaks))


def verdict(rules: GateRules, measured: Results, judged: Judged | None = None) -> Verdict:
    """Whether what was measured suffices."""
    reasons = [*_enough(rules, measured)]
    undecided: list[str] = []
    for name, rule in rules.measures.items():
        compared = measured.measures.get(name)
        if not _decides(rules, compared):
            undecided.append(name)
        reasons += _measure(rules, name, rule, compared, measured.unmeasured.get(name))
    reasons += _general(rules, measured)
    if not _decides(rules, measured.general):
        undecided.append("general")
    for each in measured.slices:
        if each.measure in rules.measures and _shown(each.gain, rules.slices.margin):
            reasons.append(_reason(each, "worse", f"{each.measure} is worse in {each.slice}", each.gain))
    reasons += _judge(rules, judged, measured)
    return Verdict(passed=not reasons, reasons=tuple(reasons), undecided=tuple(undecided))


def _leaks(rules: GateRules, leaks: Leaks | None) -> Iterator[Reason]:
    unread = leaks is None or bool(leaks.unread) or not leaks.rows
    if unread and rules.leak.required:
        named = ", ".join(each for each in leaks.unread if each) if leaks is not None else ""
        said = f"What it was trained on cannot be looked through{f' ({named})' if named else ''}"
        yield Reason(measure="leak", cause="leak_unchecked", said=f"{said}: hand its training rows over.")
    if leaks is not None and leaks.found and leaks.share > rules.leak.max_share:
        given = len({each.item for each in leaks.found})
        said = f"It was trained on {given} of the {leaks.items} items it would be asked. Measure it on others."
        yield Reason(measure="leak", cause="leak", said=said, figures={"share": leaks.share, "items": given})


def _enough(rules: GateRules, measured: Results) -> Iterator[Reason]:
    if measured.items < rules.min_items or measured.clusters < rules.min_clusters:
        said = (
            f"Undecided: {measured.items} questions in {measured.clusters} conversations were kept back, and "
            f"{rules.min_items} in {rules.min_clusters} are needed. Gather more feedback."
        )
        figures = {"items": float(measured.items), "clusters": float(measured.clusters)}
        yield Reason(measure="items", cause="too_few", said=said, figures=figures)


def _decides(rules: GateRules, compared: Compared | None) -> bool:
    """Whether there is enough to tell that a measure is not worse."""
    if compared is None:
        return False
    if compared.measure == "memory_ratio":
        return True
    least = _FEWEST_RATIOS if compared.measure in RATIOS else rules.min_items
    return compared.interval.n >= least and compared.interval.clusters >= rules.min_clusters


def _measure(
    rules: GateRules, name: str, rule: MeasureRule, compared: Compared | None, why: str | None
) -> Iterator[Reason]:
    decides = _decides(rules, compared)
    if not decides and (rule.required or rule.required_gain is not None):
        n = 0 if compared is None else compared.interval.n
        said = f"{name} is required, and {n} items tell of it. Gather more of them."
        if compared is None and why:
            said = f"{name} is required, and was not measured: {why}."
        yield Reason(measure=name, cause="too_few", said=said, figures={"n": n})
    if compared is None:
        return
    if name in DIFFERENCES or name == "general":
        yield from _difference(compared, rule, decides)
    else:
        yield from _bounds(compared, rule, decides)


def _difference(compared: Compared, rule: MeasureRule, decides: bool) -> Iterator[Reason]:
    gain, margin = compared.gain, rule.margin or 0.0
    said = f"{compared.measure} went from {compared.champion:.3g} to {compared.candidate:.3g}"
    if _shown(gain, margin):
        yield _reason(compared, "worse", said, gain)
    elif decides and gain.low < -margin:
        cause: Cause = "worse" if gain.high < 0 else "not_shown"
        less = "which is worse" if cause == "worse" else f"and {margin:g} worse cannot be excluded"
        yield _reason(compared, cause, f"{said}, {less}", gain)
    if not decides:
        return
    if rule.floor is not None and compared.candidate < rule.floor:
        yield _reason(compared, "floor", f"{said}, below {rule.floor:g}", gain)
    if rule.ceiling is not None and compared.candidate > rule.ceiling:
        yield _reason(compared, "ceiling", f"{said}, above {rule.ceiling:g}", gain)
    if rule.required_gain is not None and (gain.low <= 0 or gain.low < rule.required_gain):
        yield _reason(compared, "no_gain", f"{said}, and {rule.required_gain:g} better has to be shown", gain)


def _bounds(compared: Compared, rule: MeasureRule, decides: bool) -> Iterator[Reason]:
    interval = compared.interval
    said = f"{compared.measure} is {interval.value:.3g}"
    if (
        rule.ceiling is not None
        and interval.high > rule.ceiling
        and (decides or _told(interval.low > rule.ceiling, interval))
    ):
        cause: Cause = "ceiling" if interval.value > rule.ceiling else "not_shown"
        yield _reason(compared, cause, f"{said}; it may be {rule.ceiling:g}", interval)
    if (
        rule.floor is not None
        and interval.low < rule.floor
        and (decides or _told(interval.high < rule.floor, interval))
    ):
        cause = "floor" if interval.value < rule.floor else "not_shown"
        yield _reason(compared, cause, f"{said}; it must be {rule.floor:g}", interval)


def _general(rules: GateRules, measured: Results) -> Iterator[Reason]:
    rule = MeasureRule(margin=rules.general.margin, required=rules.general.required)
    yield from _measure(rules, "general", rule, measured.general, None)
    for each in measured.tasks:
        name = (each.slice or "").partition(":")[2]
        if _shown(each.gain, rules.general.tasks.get(name, rules.general.drop)):
            yield _reason(each, "worse", f"The task {name} was forgotten", each.gain)


def _judge(rules: GateRules, judged: Judged | None, measured: Results) -> Iterator[Reason]:
    """A judge that people agree with, and a measure that is worse within its margin, are two witnesses."""
    if judged is None or judged.rate is None or not judged.trusted or not rules.judge.enabled:
        return
    others = [name for name, each in measured.measures.items()
              if name in DIFFERENCES and name in rules.measures and _shown(each.gain, 0.0)]  # fmt: skip
    if judged.rate.high < 0.5 - rules.judge.margin and others:
        said = f"The judge prefers it in {judged.rate.value:.0%} of cases, and {', '.join(others)} fell too."
        yield Reason(measure="judge", cause="judge", said=said, figures=_figures(judged.rate))


def _shown(gain: Interval, margin: float) -> bool:
    """Whether it is sure to be worse, and by more than the margin as far as anybody can tell."""
    return _told(gain.high < 0 and gain.value < -margin, gain)


def _told(seen: bool, interval: Interval) -> bool:
    """What few conversations seem to show is nothing."""
    return seen and interval.clusters >= 5


def _reason(compared: Compared, cause: Cause, said: str, interval: Interval) -> Reason:
    said = f"{said} ({interval.low:.3g} to {interval.high:.3g}, {interval.n} items)."
    figures = {"candidate": compared.candidate, "champion": compared.champion, **_figures(interval)}
    return Reason(measure=compared.measure, slice=compared.slice, cause=cause, said=said, figures=figures)


def _figures(interval: Interval) -> dict[str, float]:
    return {"value": interval.value, "low": interval.low, "high": interval.high, "n": interval.n}
