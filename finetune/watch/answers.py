"""Whether answers are other than before: their length, how often there is none, how far sources carry them, how sure
the model was of its tokens. Means and shares are compared, and of what is continuous the distributions, too: a mean
can stay where it was while half of the answers get longer and half shorter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from finetune.watch.difference import difference, totals
from finetune.watch.findings import Finding, Kind, of_difference, of_stability, too_little
from finetune.watch.records import Seen, group_numbers
from finetune.watch.rules import WatchRules
from finetune.watch.stability import binned, quantile_edges, stability

_PER_BIN = 10
"""Records of the smaller window for one bin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """`value` of an answer and its `size` (what it is a measure of: one answer, or its statements; 0: it has none).
    `borne` is a difference, or a share of the reference's mean where it is `relative`."""

    name: str
    kind: Kind
    value: Callable[[Seen], float]
    size: Callable[[Seen], float]
    relative: bool = False
    step: float = 0.0
    spread: bool = False

    def borne(self, rules: WatchRules, before: float) -> float:
        """The difference of means that is borne."""
        share = float(getattr(rules, self.name))
        return share * abs(before) if self.relative else share


def _answered(each: Seen) -> float:
    return float(each.answerable)


MEASURES = (
    Measure(
        name="length", kind="mean", value=lambda each: float(each.words), size=_answered, relative=True, spread=True
    ),
    Measure(
        name="abstention", kind="share", value=lambda each: float(not each.answerable), size=lambda _: 1.0, step=1.0
    ),
    Measure(
        name="support",
        kind="mean",
        value=lambda each: each.support or 0.0,
        size=lambda each: float(each.answerable and each.support is not None),
        spread=True,
    ),
    Measure(
        name="hallucination",
        kind="share",
        value=lambda each: float(each.unsupported),
        size=lambda each: float(each.statements if each.answerable else 0),
    ),
    Measure(
        name="entropy",
        kind="mean",
        value=lambda each: each.entropy or 0.0,
        size=lambda each: float(each.answerable and each.entropy is not None),
        relative=True,
        spread=True,
    ),
)
"""Length, support, statements and entropy are of answers given; that more are withheld is what abstention tells."""


def answers(reference: Sequence[Seen], current: Sequence[Seen], rules: WatchRules) -> tuple[Finding, ...]:
    """Compares the answers of two windows: every measure's mean, and the distribution of those that are continuous."""
    return tuple(finding for measure in MEASURES for finding in _measured(measure, reference, current, rules))


def _measured(
    measure: Measure, reference: Sequence[Seen], current: Sequence[Seen], rules: WatchRules
) -> tuple[Finding, ...]:
    before = [each for each in reference if measure.size(each) > 0]
    now = [each for each in current if measure.size(each) > 0]
    groups, groups_now = group_numbers(before), group_numbers(now)
    records, number = (len(before), len(now)), (len(np.unique(groups)), len(np.unique(groups_now)))
    spread = f"{measure.name}_distribution"
    if min(number) < rules.least:
        few = too_little(measure.name, measure.kind, records, number, (rules.least, rules.least))
        return (
            (few, too_little(spread, "distribution", records, number, (rules.least, rules.least)))
            if measure.spread
            else (few,)
        )
    values, values_now = (np.array([measure.value(each) for each in window]) for window in (before, now))
    sizes, sizes_now = (np.array([measure.size(each) for each in window]) for window in (before, now))
    found = difference(
        totals(values, groups, sizes),
        totals(values_now, groups_now, sizes_now),
        share=measure.kind == "share",
        step=measure.step,
    )
    mean = of_difference(measure.name, measure.kind, records, found, measure.borne(rules, found.reference))
    if not measure.spread:
        return (mean,)
    edges = quantile_edges(values, min(rules.bins, max(2, min(number) // _PER_BIN)))
    shape = stability(binned(values, edges), binned(values_now, edges), len(edges) + 1, groups, groups_now)
    return mean, of_stability(spread, records, shape, rules.psi)
