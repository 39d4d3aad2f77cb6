"""Tests that may be looked at after every observation and stopped at any: by betting against what is to be disproved.

Differences lie in [-1, 1]. Whoever believes that their mean, given all before, is at most `tolerance` offers fair bets
on each; capital that grows a hundredfold is as much evidence against it, at whatever moment that happens, since by
Ville's inequality it does so with a probability of at most a hundredth.

- Waudby-Smith, Ramdas: Estimating means of bounded random variables by betting. JRSS B 86 (2024), arXiv:2010.09686
- Ramdas, Grünwald, Vovk, Shafer: Game-theoretic statistics and safe anytime-valid inference. Stat. Science 38 (2023)
- Shin, Ramdas, Rinaldo: E-detectors. NEJSDS 2 (2024), arXiv:2203.03532, for beginnings later on
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_STAKES = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9])
"""Shares of what may be staked without ruin. The capital is spread over all: which is best depends on how large and
how frequent the harm is."""
_ENOUGH = 1e200


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """How much speaks against a mean of at most the tolerance. `value` is the capital now, `peak` the most it was;
    `crossed` the number of observations after which it first reached the limit, None where it never did."""

    value: float = 1.0
    peak: float = 1.0
    crossed: int | None = None


def evidence(differences: Sequence[float], tolerance: float, limit: float) -> Evidence:
    """The capital of betting that differences in [-1, 1] exceed `tolerance` in the mean, from 1 on.

    After t observations a share log 2 / log(t + 2) of it is in no bet yet, and loses none: with each observation some
    of it begins, so that harm which begins late is found as well. Raises `ValueError` for a difference outside [-1, 1].
    """
    values = (np.asarray(differences, dtype=float) + 1.0) / 2.0
    if values.size and not (values.min() >= 0.0 and values.max() <= 1.0):
        raise ValueError("differences lie in [-1, 1]")
    mean = (min(tolerance, 0.999) + 1.0) / 2.0
    waiting = np.log(2.0) / np.log(np.arange(values.size + 1) + 2.0)
    begins = -np.diff(waiting)
    staked = np.zeros_like(_STAKES)
    value = peak = 1.0
    crossed = None
    for number, gain in enumerate((values - mean) / mean, start=1):
        staked = np.minimum((staked + begins[number - 1]) * (1.0 + _STAKES * gain), _ENOUGH)
        value = float(staked.mean() + waiting[number])
        peak = max(peak, value)
        if crossed is None and value >= limit:
            crossed = number
    return Evidence(value=value, peak=peak, crossed=crossed)


def interval(differences: Sequence[float], alpha: float) -> tuple[float, float] | None:
    """Where the mean of differences in [-1, 1] lies at every moment with probability 1 - `alpha`: the predictable
    plug-in empirical Bernstein confidence sequence (Waudby-Smith and Ramdas, theorem 2). None without a difference."""
    values = (np.asarray(differences, dtype=float) + 1.0) / 2.0
    if not values.size:
        return None
    counts = np.arange(1, values.size + 1)
    means = (0.5 + np.cumsum(values)) / (counts + 1)
    before = np.concatenate(([0.5], means[:-1]))
    variances = (0.25 + np.cumsum((values - means) ** 2)) / (counts + 1)
    known = np.concatenate(([0.25], variances[:-1]))
    worth = np.log(2.0 / alpha)
    stakes = np.minimum(np.sqrt(2.0 * worth / (known * counts * np.log(1.0 + counts))), 0.5)
    cost = 4.0 * (values - before) ** 2 * (-np.log1p(-stakes) - stakes) / 4.0
    centre = float((stakes * values).sum() / stakes.sum())
    margin = float((worth + cost.sum()) / stakes.sum())
    return max(-1.0, 2.0 * (centre - margin) - 1.0), min(1.0, 2.0 * (centre + margin) - 1.0)


__all__ = ["Evidence", "evidence", "interval"]
