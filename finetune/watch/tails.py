"""Tail probabilities of the gamma family: chi-square, and Pearson's type III for what is skewed.

Regularised incomplete gamma function by its series and its continued fraction (Press et al. 2007, Numerical Recipes,
6.2), good to about 1e-12, also far out in the tail.
"""

from __future__ import annotations

import math

_SMALL = 1e-300
_CLOSE = 1e-14
_STEPS = 100_000
_STRAIGHT = 0.01
"""A skewness below which the normal distribution serves."""


def gamma_tail(shape: float, value: float) -> float:
    """P(X >= value) of a gamma variable with this shape and scale 1."""
    if value <= 0:
        return 1.0
    return 1.0 - _series(shape, value) if value < shape + 1 else _fraction(shape, value)


def chi2_tail(value: float, freedom: float) -> float:
    """P(X >= value) of a chi-square variable."""
    return gamma_tail(freedom / 2, value / 2)


def normal_tail(value: float) -> float:
    """P(Z >= value) of a standard normal variable."""
    return 0.5 * math.erfc(value / math.sqrt(2))


def skewed_tail(value: float, skewness: float) -> float:
    """P(Z >= value) of a variable with mean 0, variance 1 and this skewness: Pearson's type III, a shifted gamma."""
    if abs(skewness) < _STRAIGHT:
        return normal_tail(value)
    shape = 4.0 / skewness**2
    if skewness > 0:
        return gamma_tail(shape, shape + value * math.sqrt(shape))
    return _gamma_head(shape, shape - value * math.sqrt(shape))


def _gamma_head(shape: float, value: float) -> float:
    """P(X <= value), without the loss of 1 - P(X >= value)."""
    if value <= 0:
        return 0.0
    return _series(shape, value) if value < shape + 1 else 1.0 - _fraction(shape, value)


def _series(shape: float, value: float) -> float:
    term = total = 1.0 / shape
    for step in range(1, _STEPS):
        term *= value / (shape + step)
        total += term
        if term < total * _CLOSE:
            break
    return min(1.0, total * math.exp(shape * math.log(value) - value - math.lgamma(shape)))


def _fraction(shape: float, value: float) -> float:
    """Lentz's continued fraction."""
    b = value + 1.0 - shape
    c = 1.0 / _SMALL
    d = 1.0 / b
    total = d
    for step in range(1, _STEPS):
        a = -step * (step - shape)
        b += 2.0
        d = a * d + b
        d = 1.0 / (d if abs(d) > _SMALL else _SMALL)
        c = b + a / c
        c = c if abs(c) > _SMALL else _SMALL
        total *= c * d
        if abs(c * d - 1.0) < _CLOSE:
            break
    return min(1.0, total * math.exp(shape * math.log(value) - value - math.lgamma(shape)))
