"""Differences of means, shares and ratios: against published figures, by chance, and for those that hang together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.errors import InvalidInput
from finetune.watch.difference import Totals, difference, totals


def test_newcombes_own_example() -> None:
    found = difference(_shares(48, 80), _shares(56, 70), share=True, step=1.0)
    assert found.difference == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=2e-3), pytest.approx(0.3339, abs=2e-3))


def test_rare_shares_have_the_p_value_of_counting() -> None:
    for hits, hits_now in ((2, 4), (0, 3), (5, 9), (10, 1)):
        found = difference(_shares(hits, 200), _shares(hits_now, 100), share=True, step=1.0)
        exact = _fisher(hits, 200, hits_now, 100)
        assert exact / 2.5 <= found.p <= exact * 2.5, (hits, hits_now)


@pytest.mark.parametrize(("hits", "hits_now"), [(5, 3), (10, 4), (20, 6)])
def test_windows_of_very_different_sizes_have_skewed_chances(hits: int, hits_now: int) -> None:
    found = difference(_shares(hits, 2_000), _shares(hits_now, 100), share=True, step=1.0)
    exact = _fisher(hits, 2_000, hits_now, 100)
    assert exact <= found.p <= exact * 4, "on the careful side"


def test_a_mean_by_hand() -> None:
    one, other = np.array([1.0, 2.0, 3.0, 4.0] * 20), np.array([2.0, 3.0, 4.0, 5.0] * 10)
    found = difference(_alone(one), _alone(other))
    assert (found.reference, found.current, found.difference) == (2.5, 3.5, 1.0)
    error = math.sqrt(one.var(ddof=1) / 80 + other.var(ddof=1) / 40)
    assert found.high - 1.0 == pytest.approx(2.0227 * error, rel=1e-3)  # t with 39 degrees of freedom
    assert found.p < 1e-4


def test_chance_alone_is_held_to_be_drift_as_seldom_as_promised() -> None:
    means, shares, held = [], [], []
    for seed in range(2_000):
        random = np.random.default_rng(seed)
        found = difference(_alone(random.lognormal(size=300)), _alone(random.lognormal(size=75)))
        means.append(found.p)
        held.append(found.low <= 0 <= found.high)
        one, other = (random.random(400) < 0.05).astype(float), (random.random(100) < 0.05).astype(float)
        shares.append(difference(_alone(one), _alone(other), share=True, step=1.0).p)
    for promised in (0.05, 0.01, 0.002):
        bound = promised + 3 * math.sqrt(promised * (1 - promised) / 2_000)
        assert np.mean(np.array(means) <= promised) <= bound
        assert np.mean(np.array(shares) <= promised) <= bound
    assert np.mean(np.array(means) <= 0.05) >= 0.03
    assert 0.92 <= np.mean(held) <= 0.98


def test_answers_of_one_conversation_are_not_independent() -> None:
    grouped, alone = [], []
    for seed in range(500):
        random = np.random.default_rng(seed)
        values = [
            np.repeat(random.normal(size=number), 5) + 0.3 * random.normal(size=5 * number) for number in (80, 40)
        ]
        groups = [np.repeat(np.arange(number), 5) for number in (80, 40)]
        grouped.append(difference(*(totals(each, own) for each, own in zip(values, groups, strict=True))).p)
        alone.append(difference(*map(_alone, values)).p)
    assert np.mean(np.array(grouped) <= 0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 500)
    assert np.mean(np.array(alone) <= 0.05) > 0.2


def test_ratios_weigh_answers_by_their_statements() -> None:
    window = totals(np.array([1.0, 0.0, 3.0]), np.array([0, 1, 1]), np.array([2.0, 2.0, 4.0]))
    assert window.ratio == 0.5
    assert window.sums.tolist() == [1.0, 3.0]
    assert window.sizes.tolist() == [2.0, 6.0]


def test_order_does_not_matter() -> None:
    random = np.random.default_rng(1)
    values, groups = random.normal(size=200), random.integers(0, 60, 200)
    order = random.permutation(200)
    other = _alone(random.normal(size=50))
    one, again = difference(totals(values, groups), other), difference(totals(values[order], groups[order]), other)
    assert again.p == pytest.approx(one.p, rel=1e-9)
    assert again.low == pytest.approx(one.low)


def test_what_never_varies_does_not_drift_and_nothing_has_no_mean() -> None:
    assert difference(_alone(np.full(60, 0.1)), _alone(np.full(50, 0.1))).p == 1.0
    none = difference(_shares(0, 60), _shares(0, 60), share=True, step=1.0)
    assert none.p == 1.0
    assert none.low < 0 < none.high
    with pytest.raises(InvalidInput):
        totals(np.zeros(0), np.zeros(0, dtype=np.int64))


def _alone(values: np.ndarray) -> Totals:
    return totals(values, np.arange(len(values)))


def _shares(hits: int, count: int) -> Totals:
    return _alone(np.array([1.0] * hits + [0.0] * (count - hits)))


def _fisher(hits: int, count: int, hits_now: int, count_now: int) -> float:
    """Twice the smaller tail of Fisher's exact test, less half of what was seen (the mid-p value)."""
    all_ = hits + hits_now
    ways = [math.comb(count, all_ - now) * math.comb(count_now, now) for now in range(all_ + 1)]
    lower = sum(ways[: hits_now + 1]) - ways[hits_now] / 2
    upper = sum(ways[hits_now:]) - ways[hits_now] / 2
    return min(1.0, 2 * min(lower, upper) / sum(ways))
