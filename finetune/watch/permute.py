"""Permutation tests of whole groups: what a statistic would be had chance alone dealt the groups to the two windows.

Groups whose rows are the same are one kind, and how many of a kind fall into a window is hypergeometric, so that a
permutation costs as much as there are kinds, not records. The order of records does not matter. Beyond what can be
counted, the tail is that of a gamma variable with the permutations' mean and variance (Mielke & Berry 2007, Permutation
Methods, 2nd ed., ch. 2, who match a third moment, too).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from finetune.watch.tails import gamma_tail

TIMES = 2_000
COUNTED = 20
"""Permutations beyond the statistic, from which their share is the p-value."""
SEED = 7
Floats = NDArray[np.float64]
Statistic = Callable[[Floats, Floats], Floats]
"""From sums over the reference's and the current groups (one row a permutation) to one figure a permutation, of which
large ones speak of drift."""


def permuted(reference: Floats, current: Floats, statistic: Statistic, seed: int = SEED) -> float:
    """The p-value of rows of features, one row a group."""
    total = reference.sum(axis=0) + current.sum(axis=0)
    seen = float(statistic(reference.sum(axis=0)[None], current.sum(axis=0)[None])[0])
    kinds, counts = np.unique(np.vstack([reference, current]), axis=0, return_counts=True)
    dealt = _dealt(kinds, counts, len(current), seed)
    values = statistic(total - dealt, dealt)
    return tail(values, seen)


def tail(values: Floats, seen: float) -> float:
    """How likely chance alone comes this far, by its `values` under permutation."""
    beyond = int(np.count_nonzero(values >= seen * (1 - 1e-9)))
    mean, variance = float(values.mean()), float(values.var(ddof=1))
    counted = (beyond + 1) / (len(values) + 1)
    if beyond >= COUNTED or variance <= 0:
        return counted
    return min(counted, gamma_tail(mean**2 / variance, seen * mean / variance))


def _dealt(kinds: Floats, counts: NDArray[np.int64], size: int, seed: int) -> Floats:
    """Sums over a window of so many groups, one row a permutation."""
    random = np.random.default_rng(seed)
    if len(kinds) * 4 < counts.sum():
        drawn = random.multivariate_hypergeometric(counts, size, TIMES, method="marginals")
        return np.asarray(drawn @ kinds, dtype=np.float64)
    rows = np.repeat(kinds, counts, axis=0)
    sums = np.empty((TIMES, kinds.shape[1]))
    for time in range(TIMES):
        sums[time] = rows[random.permutation(len(rows))[:size]].sum(axis=0)
    return sums
