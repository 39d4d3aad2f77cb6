"""Maximum mean discrepancy: whether the questions of two windows come from one distribution, with no clusters at all.

Gretton et al. 2012 (JMLR 13), with a Gaussian kernel as wide as the median distance, by random Fourier features
(Rahimi & Recht 2007). Where nothing drifts, its square is a weighted sum of chi-squares, whose mean, variance and
skewness follow from the pooled features' covariance; its tail is Pearson's type III with those (Imhof 1961).
"""

from __future__ import annotations

import math

import numpy as np

from finetune.watch.permute import Floats
from finetune.watch.stability import Ints
from finetune.watch.tails import skewed_tail
from finetune.watch.vectors import Vectors

FEATURES = 128
PAIRED = 200
"""Rows among which the median distance is taken."""
SEED = 7


def discrepancy(reference: Vectors, current: Vectors) -> tuple[float, float]:
    """The discrepancy, less what chance alone adds to it, in [0, sqrt 2]; and its p-value."""
    one, other = _features(reference, current)
    mean = np.vstack([one, other]).mean(axis=0)
    before, now = _by_group(one - mean, reference.groups), _by_group(other - mean, current.groups)
    residuals = np.vstack([before, now])
    all_, drawn = len(residuals), len(now)
    covariance = drawn * (all_ - drawn) / (all_ * (all_ - 1)) * (residuals.T @ residuals)
    square = covariance @ covariance
    middle, spread = float(np.trace(covariance)), math.sqrt(2 * float(np.trace(square)))
    if spread <= 1e-12:
        return 0.0, 1.0
    skewness = 8 * float((square * covariance).sum()) / spread**3
    total = now.sum(axis=0)
    seen = float(total @ total)
    scale = 1 / len(other) + 1 / len(one)
    return math.sqrt(max(0.0, seen - middle)) * scale, skewed_tail((seen - middle) / spread, skewness)


def _features(reference: Vectors, current: Vectors) -> tuple[Floats, Floats]:
    random = np.random.default_rng(SEED)
    width = _median_distance(reference.matrix[:PAIRED])
    weights = random.normal(size=(reference.matrix.shape[1], FEATURES)) / width
    phases = random.uniform(0, 2 * math.pi, FEATURES)
    scale = math.sqrt(2 / FEATURES)
    one, other = (scale * np.cos(each.matrix @ weights + phases) for each in (reference, current))
    return one, other


def _median_distance(rows: Floats) -> float:
    squares = (rows**2).sum(axis=1)
    distances = np.sqrt(np.maximum(0.0, squares[:, None] + squares[None, :] - 2 * rows @ rows.T))
    apart = distances[np.triu_indices(len(rows), 1)]
    return float(np.median(apart)) or 1.0


def _by_group(features: Floats, groups: Ints) -> Floats:
    numbers, rows = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(numbers), features.shape[1]))
    np.add.at(sums, rows, features)
    return sums
