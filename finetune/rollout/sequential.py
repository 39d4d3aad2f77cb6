"""Tests that may be looked at after every observation and stopped at any: by betting against what is to be disproved.

Differences lie in [-1, 1]. Whoever believes that their mean, given all before, is at most some figure offers fair bets
on each; capital that grows a hundredfold is as much evidence against it, at whatever moment that happens, since by
Ville's inequality it does so with a probability of at most a hundredth. Whoever believes that it is at least some
figure offers bets the other way; the figures that are still believed are a confidence sequence.

- Waudby-Smith, Ramdas: Estimating means of bounded random variables by betting. JRSS B 86 (2024), arXiv:2010.09686
- Ramdas, Grünwald, Vovk, Shafer: Game-theoretic statistics and safe anytime-valid inference. Stat. Science 38 (2023)
- Shin, Ramdas, Rinaldo: E-detectors. NEJSDS 2 (2024), arXiv:2203.03532, for beginnings later on
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STAKES = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9])
"""Shares of what may be staked without ruin. The capital is spread over all: which is best depends on how large and
how frequent the harm is."""
_ENOUGH = 1e200
_UTMOST = 0.999
"""Means nearer to an end of [-1, 1] are bet on as if they were here."""


class Bets:
    """Capital, from 1 on, of betting that the mean exceeds each figure of `over`, and that it is below each of `under`.

    After t observations a share log 2 / log(t + 2) of it is in no bet yet, and loses none: with each observation some
    of it begins, so that what begins late is found as well.
    """

    def __init__(self, over: Sequence[float], under: Sequence[float] = ()) -> None:
        signs = np.array([1.0] * len(over) + [-1.0] * len(under))
        means = (np.clip(signs * np.array([*over, *under]), -_UTMOST, _UTMOST) + 1.0) / 2.0
        # A gain is (value - mean) / mean, where the value is (sign * difference + 1) / 2.
        self._slopes = np.outer(signs / (2.0 * means), STAKES)
        self._fixed = 1.0 + np.outer((0.5 - means) / means, STAKES)
        self._staked = np.zeros_like(self._slopes)
        self.n = 0

    def add(self, difference: float) -> None:
        """One observation more. Raises `ValueError` for a difference outside [-1, 1]."""
        if not -1.0 <= difference <= 1.0:
            raise ValueError("differences lie in [-1, 1]")
        begins = _waiting(self.n) - _waiting(self.n + 1)
        self.n += 1
        self._staked = np.minimum((self._staked + begins) * (self._fixed + self._slopes * difference), _ENOUGH)

    def capital(self, row: int) -> float:
        """The capital of one figure: those of `over` first, then those of `under`."""
        return float(self._staked[row].sum()) / STAKES.size + _waiting(self.n)

    def capitals(self) -> list[float]:
        """All of them."""
        return [float(each) + _waiting(self.n) for each in self._staked.mean(axis=1)]


class Interval:
    """Where the mean of differences in [-1, 1] lies at every moment with probability 1 - `alpha`: the predictable
    plug-in empirical Bernstein confidence sequence (Waudby-Smith and Ramdas, theorem 2)."""

    def __init__(self, alpha: float) -> None:
        self._worth = math.log(2.0 / alpha)
        self._n = 0
        self._sum = self._squares = self._stakes = self._staked = self._cost = 0.0

    def add(self, difference: float) -> None:
        """One observation more."""
        value = (difference + 1.0) / 2.0
        before = (0.5 + self._sum) / (self._n + 1)
        known = (0.25 + self._squares) / (self._n + 1)
        self._n += 1
        self._sum += value
        self._squares += (value - (0.5 + self._sum) / (self._n + 1)) ** 2
        stake = min(math.sqrt(2.0 * self._worth / (known * self._n * math.log(1.0 + self._n))), 0.5)
        self._stakes += stake
        self._staked += stake * value
        self._cost += (value - before) ** 2 * (-math.log1p(-stake) - stake)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Its ends; None without an observation."""
        if not self._n:
            return None
        centre, margin = self._staked / self._stakes, (self._worth + self._cost) / self._stakes
        return max(-1.0, 2.0 * (centre - margin) - 1.0), min(1.0, 2.0 * (centre + margin) - 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """How much speaks against a mean of at most the tolerance. `value` is the capital now, `peak` the most it was;
    `crossed` the number of observations after which it first reached the limit, None where it never did."""

    value: float = 1.0
    peak: float = 1.0
    crossed: int | None = None


def evidence(differences: Sequence[float], tolerance: float, limit: float) -> Evidence:
    """What betting that differences in [-1, 1] exceed `tolerance` in the mean has come to. Raises `ValueError` for a
    difference outside [-1, 1]."""
    bets = Bets([tolerance])
    value = peak = 1.0
    crossed = None
    for number, difference in enumerate(differences, start=1):
        bets.add(float(difference))
        value = bets.capital(0)
        peak = max(peak, value)
        if crossed is None and value >= limit:
            crossed = number
    return Evidence(value=value, peak=peak, crossed=crossed)


def interval(differences: Sequence[float], alpha: float) -> tuple[float, float] | None:
    """The interval of all of them; None without a difference."""
    made = Interval(alpha)
    for each in differences:
        made.add(float(each))
    return made.bounds


def _waiting(n: int) -> float:
    """The share of the capital that is in no bet after so many observations."""
    return math.log(2.0) / math.log(n + 2.0)


__all__ = ["STAKES", "Bets", "Evidence", "Interval", "evidence", "interval"]
