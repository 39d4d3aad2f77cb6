"""Evidence by betting: right in small, never too quick without harm, and quick with it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from finetune.rollout.sequential import Bets, evidence, interval


def test_capital_is_what_bets_make_of_it() -> None:
    # The mean of the stakes 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9 is 0.3525, that of their squares 0.215675. Of the
    # capital 1 - log 2 / log 3 = 0.36907 is staked on the first observation, log 2 / log 3 - 1 / 2 = 0.13093 more on
    # the second; a gain of 1 pays each its stake.
    assert evidence([], 0.0, 100).value == 1.0
    assert evidence([1.0], 0.0, 100).value == pytest.approx(1 + 0.36907 * 0.3525, abs=1e-5)
    assert evidence([-1.0], 0.0, 100).value == pytest.approx(1 - 0.36907 * 0.3525, abs=1e-5)
    both = 0.5 + 0.36907 * (1 + 2 * 0.3525 + 0.215675) + 0.13093 * 1.3525
    assert evidence([1.0, 1.0], 0.0, 100).value == pytest.approx(both, abs=1e-5)
    # With 0.2 borne, what is bet on is (d - 0.2) / 1.2.
    assert evidence([0.5], 0.2, 100).value == pytest.approx(1 + 0.36907 * 0.3525 * 0.25, abs=1e-5)


def test_bets_the_other_way_are_the_same_bets_mirrored() -> None:
    random = np.random.default_rng(11)
    values = random.choice([-1.0, 0.0, 0.5], size=200, p=[0.3, 0.5, 0.2])
    bets = Bets([0.1, 0.3], [0.02, -0.1])
    for each in values:
        bets.add(float(each))
    for row, mean in enumerate((0.1, 0.3)):
        assert bets.capital(row) == pytest.approx(evidence(values, mean, 1e9).value)
    for row, mean in ((2, 0.02), (3, -0.1)):
        assert bets.capital(row) == pytest.approx(evidence(-values, -mean, 1e9).value)
    assert bets.capitals() == pytest.approx([bets.capital(row) for row in range(4)])
    assert bets.capital(2) > bets.capital(3), "what is easier to exclude is excluded sooner"


def test_what_is_fair_gains_nothing_in_the_mean() -> None:
    # All 2^10 outcomes of ten fair coins: the capital is a martingale, exactly.
    outcomes = np.array(list(itertools.product([-1.0, 1.0], repeat=10)))
    assert np.mean([evidence(each, 0.0, 100).value for each in outcomes]) == pytest.approx(1.0)


def test_a_difference_outside_is_refused() -> None:
    with pytest.raises(ValueError, match="lie in"):
        evidence([0.0, 1.5], 0.0, 100)


def test_what_comes_later_changes_nothing_before() -> None:
    random = np.random.default_rng(3)
    values = random.choice([-1.0, 0.0, 1.0], size=300, p=[0.1, 0.6, 0.3])
    crossed = evidence(values, 0.02, 40).crossed
    assert crossed is not None
    assert evidence(values[:crossed], 0.02, 40).crossed == crossed
    assert evidence(values[: crossed - 1], 0.02, 40).crossed is None


def test_a_false_alarm_is_as_rare_as_promised() -> None:
    random = np.random.default_rng(1)
    alarms = 0
    for _ in range(200):
        kind = random.integers(3)
        if kind == 0:
            values = random.choice([-1.0, 0.0, 1.0], size=250, p=[0.1, 0.8, 0.1])
        elif kind == 1:
            values = np.clip(random.normal(0, 0.2, 250), -1, 1)
        else:  # rare and large against often and small
            values = random.choice([-0.01, 1.0], size=250, p=[1 / 1.01, 0.01 / 1.01])
        alarms += evidence(values, 0.0, 20).crossed is not None
    assert alarms <= 0.05 * 200


@pytest.mark.parametrize(("share", "within"), [(1.0, 20), (0.5, 60), (0.2, 250)])
def test_harm_is_found(share: float, within: int) -> None:
    random = np.random.default_rng(5)
    for _ in range(10):
        crossed = evidence((random.random(1000) < share).astype(float), 0.03, 160).crossed
        assert crossed is not None
        assert crossed <= within


def test_harm_that_begins_late_is_found_as_well() -> None:
    random = np.random.default_rng(7)
    quiet = random.choice([-1.0, 0.0, 1.0], size=2000, p=[0.1, 0.8, 0.1])
    crossed = evidence([*quiet, *(random.random(400) < 0.4)], 0.03, 160).crossed
    assert crossed is not None
    assert 2000 < crossed < 2200


def test_the_interval_holds_at_every_moment() -> None:
    random = np.random.default_rng(9)
    missed = 0
    for _ in range(200):
        values = random.choice([-1.0, 0.0, 1.0], size=200, p=[0.1, 0.6, 0.3])
        spans = [interval(values[:n], 0.1) for n in (5, 10, 20, 50, 100, 150, 200)]
        missed += any(not (low <= 0.2 <= high) for low, high in filter(None, spans))
    assert missed <= 0.1 * 200
    assert interval([], 0.1) is None
    low, high = interval([0.0] * 2000, 0.05) or (-1.0, 1.0)
    assert -0.02 < low < 0 < high < 0.02
