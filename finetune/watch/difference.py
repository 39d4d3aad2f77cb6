"""The difference of a mean, a share or a ratio between two windows of grouped records: interval and p-value.

The p-value is that of permuting whole groups between the windows, with the exact mean, variance and skewness of that
distribution and Pearson's type III tail (Mielke & Berry 2007): no random numbers, and right for rare shares, where the
normal distribution promises too much. Intervals are those of ratio estimators over clusters (Cochran 1977, Sampling
Techniques, 6.4, 11); of shares by Newcombe's method (1998, Stat. Med. 17, method 10) at the effective sample size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from core.errors import InvalidInput
from finetune.watch.permute import Floats
from finetune.watch.stability import Ints
from finetune.watch.tails import skewed_tail

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """By group: the sum of a measure, and of what it is a measure of (records, or statements)."""

    sums: Floats
    sizes: Floats

    @property
    def ratio(self) -> float:
        """The mean."""
        return float(self.sums.sum() / self.sizes.sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Both means, current less reference with its interval (95 %), and how likely chance alone comes this far."""

    reference: float
    current: float
    difference: float
    low: float
    high: float
    p: float


def totals(values: Floats, groups: Ints, sizes: Floats | None = None) -> Totals:
    """Adds records up by group. Raises `InvalidInput` where there is nothing to add."""
    sizes = np.ones(len(values)) if sizes is None else sizes
    if not len(values) or sizes.sum() <= 0:
        raise InvalidInput("A mean needs records.")
    numbers, rows = np.unique(groups, return_inverse=True)
    return Totals(
        sums=np.bincount(rows, weights=values, minlength=len(numbers)).astype(np.float64),
        sizes=np.bincount(rows, weights=sizes, minlength=len(numbers)).astype(np.float64),
    )


def difference(reference: Totals, current: Totals, share: bool = False, step: float = 0.0) -> Difference:
    """Compares two windows. `share`: the measure is in [0, 1] by what it is; `step`: the least by which its sum can
    change (1 for counts), for the correction for continuity."""
    moved = current.ratio - reference.ratio
    low, high = _share_interval(reference, current) if share else _interval(reference, current)
    return Difference(
        reference=reference.ratio,
        current=current.ratio,
        difference=moved,
        low=min(low, moved),
        high=max(high, moved),
        p=_p(reference, current, step),
    )


def _p(reference: Totals, current: Totals, step: float) -> float:
    sums = np.concatenate([reference.sums, current.sums])
    sizes = np.concatenate([reference.sizes, current.sizes])
    mean = sums.sum() / sizes.sum()
    residuals = np.sort(sums - mean * sizes)
    all_, drawn = len(residuals), len(current.sums)
    square, cube = float((residuals**2).sum()), float((residuals**3).sum())
    if all_ < 3 or square <= 1e-18 * max(1.0, mean**2) * all_:
        return 1.0
    variance = drawn * (all_ - drawn) / (all_ * (all_ - 1)) * square
    third = drawn * (all_ - drawn) * (all_ - 2 * drawn) / (all_ * (all_ - 1) * (all_ - 2)) * cube
    spread = math.sqrt(variance)
    skewness = third / spread**3
    seen = float(current.sums.sum() - mean * current.sizes.sum())
    value = math.copysign(max(0.0, abs(seen) - step / 2), seen) / spread
    one_sided = skewed_tail(value, skewness) if value > 0 else skewed_tail(-value, -skewness)
    return min(1.0, 2 * one_sided)


def _variance(window: Totals) -> float:
    groups = len(window.sums)
    if groups < 2:
        return math.inf
    residuals = window.sums - window.ratio * window.sizes
    return float((residuals**2).sum() / window.sizes.sum() ** 2 * groups / (groups - 1))


def _interval(reference: Totals, current: Totals) -> tuple[float, float]:
    freedom = min(len(reference.sums), len(current.sums)) - 1
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    t = z + (z**3 + z) / (4 * freedom) if freedom else math.inf
    reach = t * math.sqrt(_variance(reference) + _variance(current))
    moved = current.ratio - reference.ratio
    return moved - reach, moved + reach


def _share_interval(reference: Totals, current: Totals) -> tuple[float, float]:
    (low, high), (low_now, high_now) = _wilson(reference), _wilson(current)
    one, other = reference.ratio, current.ratio
    below = math.hypot(other - low_now, high - one)
    above = math.hypot(high_now - other, one - low)
    return other - one - below, other - one + above


def _wilson(window: Totals) -> tuple[float, float]:
    share, variance = window.ratio, _variance(window)
    groups = float(len(window.sums))
    known = 0 < variance < math.inf and 0 < share < 1
    size = share * (1 - share) / variance if known else groups
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    middle = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    reach = z * math.sqrt(share * (1 - share) / size + z**2 / (4 * size**2)) / (1 + z**2 / size)
    return middle - reach, middle + reach
