"""The population stability index: how far the shares of two windows lie apart, and whether chance would do as much.

PSI = Σ (q - p) ln(q / p) over bins (Siddiqi 2006, Credit Risk Scorecards). Below 0.1 a population is commonly held to
be stable, above 0.25 to be another one; these levels know nothing of sample sizes, so a test stands beside them: where
nothing drifts, PSI / (1/N + 1/M) follows chi-square with one degree of freedom less than there are bins (Yurdakul &
Naranjo 2020, J. Risk Model Validation 14(4)). Where bins are thin, or answers hang together in groups, groups are
permuted instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput
from finetune.watch.permute import Floats, permuted
from finetune.watch.tails import chi2_tail

Level = Literal["stable", "moved", "shifted"]
By = Literal["chi-square", "permutation"]
MOVED, SHIFTED = 0.1, 0.25
SMOOTHING = 1.0
"""Laplace's: so many are added to the count of each bin."""
THIN = 20.0
"""Records expected in a bin, below which chi-square is not trusted."""
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stability:
    """PSI of two windows, how likely chance alone comes this far, and how that was told. `reference` and `current` are
    shares by bin, not smoothed."""

    psi: float
    p: float
    by: By
    level: Level
    reference: tuple[float, ...]
    current: tuple[float, ...]


def psi(reference: Sequence[float], current: Sequence[float], smoothing: float = SMOOTHING) -> float:
    """The index from counts by bin. Raises `InvalidInput` where it is not defined."""
    one, other = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if one.shape != other.shape or one.ndim != 1 or len(one) < 2:
        raise InvalidInput("Both windows need counts of the same bins, two at least.")
    if smoothing == 0 and (one.min() <= 0 or other.min() <= 0):
        raise InvalidInput("A bin is empty: count with smoothing, or join it with its neighbour.")
    return float(_psi(one[None], other[None], smoothing)[0])


def stability(
    reference: Ints,
    current: Ints,
    bins: int,
    reference_groups: Ints | None = None,
    current_groups: Ints | None = None,
) -> Stability:
    """Of records by the bin they are in (from 0), and the group they belong to (None: each its own).

    Bins that are empty in both windows are left out; where one is left, nothing can have moved. Raises `InvalidInput`
    where a window is empty.
    """
    if not len(reference) or not len(current):
        raise InvalidInput("Both windows need records.")
    before, now = _counts(reference, bins, reference_groups), _counts(current, bins, current_groups)
    one, other = before.sum(axis=0), now.sum(axis=0)
    alone = len(before) == len(reference) and len(now) == len(current)
    index, p, by = _tested(before, now, alone)
    return Stability(
        psi=index,
        p=p,
        by=by,
        level=level(index),
        reference=tuple((one / one.sum()).tolist()),
        current=tuple((other / other.sum()).tolist()),
    )


def _tested(before: Floats, now: Floats, alone: bool) -> tuple[float, float, By]:
    filled = before.sum(axis=0) + now.sum(axis=0) > 0
    before, now = before[:, filled], now[:, filled]
    one, other = before.sum(axis=0), now.sum(axis=0)
    if len(one) < 2:
        return 0.0, 1.0, "permutation"
    index = float(_psi(one[None], other[None], SMOOTHING)[0])
    expected = (one + other) / (one + other).sum() * min(one.sum(), other.sum())
    if alone and float(expected.min()) >= THIN:
        return index, chi2_tail(index / (1 / one.sum() + 1 / other.sum()), len(one) - 1), "chi-square"
    return index, permuted(before, now, lambda a, b: _psi(a, b, SMOOTHING)), "permutation"


def level(index: float) -> Level:
    """What is commonly said of such an index."""
    return "stable" if index < MOVED else "moved" if index < SHIFTED else "shifted"


def quantile_edges(reference: Floats, bins: int) -> Floats:
    """Inner edges of bins that hold about as many of the reference each; fewer where values repeat."""
    edges = np.quantile(reference, np.arange(1, bins) / bins)
    return np.asarray(np.unique(edges), dtype=np.float64)


def binned(values: Floats, edges: Floats) -> Ints:
    """The bin of each value, from 0; a value on an edge belongs to the bin above."""
    return np.asarray(np.searchsorted(edges, values, side="right"), dtype=np.int64)


def _psi(one: Floats, other: Floats, smoothing: float) -> Floats:
    p, q = one + smoothing, other + smoothing
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=1), dtype=np.float64)


def _counts(bins_of: Ints, bins: int, groups: Ints | None) -> Floats:
    """Counts by group and bin."""
    if groups is None:
        groups = np.arange(len(bins_of), dtype=np.int64)
    numbers, rows = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(numbers), bins))
    np.add.at(counts, (rows, bins_of), 1.0)
    return counts
