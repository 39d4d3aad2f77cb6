"""How sure a difference is: the cluster bootstrap (Efron and Tibshirani 1993, chapters 6 and 13; Cameron, Gelbach and
Miller 2008, "Bootstrap-Based Improvements for Inference with Clustered Errors").

Both versions answer the same questions, so differences are paired; questions of one conversation are drawn together,
since one that goes wrong often takes the next with it. Percentiles of few clusters are too narrow: they are taken as
far out as Student's distribution asks (the expanded percentile interval: Hesterberg 2015). Percentiles that so few
draws cannot tell are replaced by the value and so many of the bootstrap's own standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_FEWEST = 5
"""Draws beyond a percentile that are needed to tell it."""
_GRID = 20_001

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A value with its interval at `confidence` (two-sided), from `n` items in `clusters`. Of a single cluster the
    interval is infinite."""

    value: float
    low: float
    high: float
    n: int
    clusters: int
    confidence: float

    def turned(self) -> Interval:
        """That of the negative value."""
        return Interval(
            value=-self.value, low=-self.high, high=-self.low, n=self.n, clusters=self.clusters,
            confidence=self.confidence,
        )  # fmt: skip

    def ratio(self) -> Interval:
        """That of the exponential: of a ratio, where this one is of its logarithm."""
        low, value, high = (math.exp(min(each, 700.0)) for each in (self.low, self.value, self.high))
        return Interval(
            value=value, low=low, high=high, n=self.n, clusters=self.clusters, confidence=self.confidence
        )  # fmt: skip


def mean_interval(
    values: Sequence[float], clusters: Sequence[str], *, confidence: float, draws: int, seed: int
) -> Interval:
    """The mean with its interval. There must be a value."""
    data, member = np.asarray(values, dtype=np.float64), _members(clusters)
    sums, counts = np.bincount(member, weights=data), np.bincount(member).astype(np.float64)
    weights = resamples(len(counts), draws, seed)
    resampled = (weights @ sums) / (weights @ counts)
    return _interval(float(data.mean()), resampled, len(data), len(counts), confidence)


def median_interval(
    values: Sequence[float], clusters: Sequence[str], *, confidence: float, draws: int, seed: int
) -> Interval:
    """The median with its interval. There must be a value."""
    data, member = np.asarray(values, dtype=np.float64), _members(clusters)
    order = np.argsort(data, kind="stable")
    weights = resamples(int(member.max()) + 1, draws, seed)[:, member[order]]
    reached = np.cumsum(weights, axis=1)
    total = reached[:, -1:]
    lower = np.argmax(reached >= total / 2, axis=1)
    upper = np.argmax(reached > total / 2, axis=1)
    resampled = (data[order][lower] + data[order][upper]) / 2
    return _interval(float(np.median(data)), resampled, len(data), int(member.max()) + 1, confidence)


def paired(candidate: dict[str, float], champion: dict[str, float]) -> tuple[list[str], list[float]]:
    """Ids that both have a value of, sorted, and the candidate's less the champion's."""
    ids = sorted(candidate.keys() & champion.keys())
    return ids, [candidate[each] - champion[each] for each in ids]


@lru_cache(maxsize=2)  # of ten thousand clusters one takes hundreds of megabytes
def resamples(clusters: int, draws: int, seed: int) -> Floats:
    """How often each cluster is drawn, (draws, clusters); the same for the same numbers."""
    chance = np.random.default_rng([seed, clusters, draws])
    drawn = chance.integers(0, clusters, size=(draws, clusters))
    drawn += np.arange(draws)[:, None] * clusters
    found = np.bincount(drawn.ravel(), minlength=draws * clusters).reshape(draws, clusters).astype(np.float64)
    found.flags.writeable = False
    return found


@lru_cache(maxsize=256)
def student(probability: float, freedom: int) -> float:
    """The quantile of Student's distribution, by integrating its density over the angle."""
    if probability < 0.5:
        return -student(1 - probability, freedom)
    angle = np.linspace(0, math.pi / 2, _GRID)
    density = np.cos(angle) ** (freedom - 1)
    summed = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    reached = 0.5 + summed / summed[-1] / 2
    return float(math.sqrt(freedom) * math.tan(float(np.interp(probability, reached, angle))))


def _interval(value: float, resampled: Floats, n: int, clusters: int, confidence: float) -> Interval:
    low, high = -math.inf, math.inf
    if clusters > 1:
        tail = (1 - confidence) / 2
        wide = math.sqrt(clusters / (clusters - 1)) * student(1 - tail, clusters - 1)
        outer = NormalDist().cdf(-wide)
        if outer * len(resampled) >= _FEWEST:
            low, high = (float(each) for each in np.quantile(resampled, [outer, 1 - outer]))
        else:
            error = float(resampled.std(ddof=1))
            low, high = value - wide * error, value + wide * error
    return Interval(value=value, low=low, high=high, n=n, clusters=clusters, confidence=confidence)


def _members(clusters: Sequence[str]) -> NDArray[np.intp]:
    """The number of each value's cluster."""
    return np.unique(np.asarray(clusters, dtype=np.str_), return_inverse=True)[1].ravel()
