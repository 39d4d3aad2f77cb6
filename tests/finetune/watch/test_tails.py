"""Tail probabilities against tables and against each other."""

from __future__ import annotations

import math

import pytest

from finetune.watch.tails import chi2_tail, gamma_tail, normal_tail, skewed_tail


@pytest.mark.parametrize(
    ("value", "freedom", "p"),
    [(3.841459, 1, 0.05), (16.918978, 9, 0.05), (27.877165, 9, 0.001), (2.087901, 9, 0.99), (0.0, 4, 1.0)],
)
def test_chi_square_as_in_tables(value: float, freedom: int, p: float) -> None:
    assert chi2_tail(value, freedom) == pytest.approx(p, rel=1e-6)


@pytest.mark.parametrize("value", [0.1, 1.0, 1.9, 2.1, 30.0, 300.0])
def test_an_exponential_tail_is_exact_however_far_out(value: float) -> None:
    assert gamma_tail(1.0, value) == pytest.approx(math.exp(-value), rel=1e-10)


def test_a_chi_square_of_one_is_a_squared_normal() -> None:
    for z in (0.5, 1.0, 3.0, 6.0):
        assert chi2_tail(z**2, 1) == pytest.approx(2 * normal_tail(z), rel=1e-9)


def test_skewness_2_is_an_exponential_and_both_tails_mirror() -> None:
    for z in (-0.5, 0.0, 1.0, 5.0):
        assert skewed_tail(z, 2.0) == pytest.approx(math.exp(-(z + 1)), rel=1e-9)
        assert skewed_tail(-z, -2.0) == pytest.approx(1 - math.exp(-(z + 1)), rel=1e-9)
    assert skewed_tail(-1.5, 2.0) == 1.0
    assert skewed_tail(1.5, -2.0) == 0.0


def test_small_skewness_runs_into_the_normal_distribution() -> None:
    for z in (-2.0, 0.0, 2.0):
        assert skewed_tail(z, 0.0101) == pytest.approx(normal_tail(z), rel=0.02)
