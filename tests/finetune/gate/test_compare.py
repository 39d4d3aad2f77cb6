from __future__ import annotations

import math

import numpy as np
import pytest

from finetune.gate.compare import Interval, mean_interval, median_interval, paired, resamples, student

SURE: dict[str, object] = {"confidence": 0.95, "draws": 500, "seed": 3}


def interval(values: list[float], clusters: list[str], confidence: float = 0.95, draws: int = 2_000) -> Interval:
    return mean_interval(values, clusters, confidence=confidence, draws=draws, seed=3)


def alone(values: list[float]) -> list[str]:
    return [str(number) for number in range(len(values))]


@pytest.mark.parametrize(
    ("probability", "freedom", "known"),
    [(0.975, 4, 2.7764), (0.975, 30, 2.0423), (0.95, 10, 1.8125), (0.9995, 20, 3.8495)],
)
def test_students_quantiles_are_those_of_the_tables(probability: float, freedom: int, known: float) -> None:
    assert student(probability, freedom) == pytest.approx(known, abs=2e-3)
    assert student(1 - probability, freedom) == -student(probability, freedom)


@pytest.mark.parametrize(("size", "shape"), [(40, "normal"), (60, "binary"), (25, "normal"), (80, "skewed")])
def test_intervals_cover_the_truth_as_often_as_they_say(size: int, shape: str) -> None:
    chance = np.random.default_rng(5)
    covered = 0
    for trial in range(400):
        if shape == "normal":
            values, truth = chance.normal(0.3, 1.0, size), 0.3
        elif shape == "binary":
            values, truth = chance.choice([-1.0, 0.0, 1.0], size, p=[0.1, 0.75, 0.15]), 0.05
        else:
            values, truth = chance.exponential(1.0, size) - 1, 0.0
        found = mean_interval(list(values), alone(list(values)), confidence=0.95, draws=400, seed=trial)
        covered += found.low <= truth <= found.high
    assert covered / 400 >= 0.93


def test_clusters_are_drawn_whole() -> None:
    """Questions of a conversation share its luck: taken one by one, the interval misses the truth far too often."""
    chance = np.random.default_rng(6)
    members = np.repeat(np.arange(30), 5)
    whole = single = 0
    for trial in range(300):
        values = list(np.repeat(chance.normal(0, 1, 30), 5) + chance.normal(0, 0.3, 150))
        by_cluster = mean_interval(values, [str(each) for each in members], confidence=0.95, draws=300, seed=trial)
        one_by_one = mean_interval(values, alone(values), confidence=0.95, draws=300, seed=trial)
        whole += by_cluster.low <= 0 <= by_cluster.high
        single += one_by_one.low <= 0 <= one_by_one.high
    assert whole / 300 >= 0.93
    assert single / 300 <= 0.75


def test_medians_cover_too_and_outliers_move_nothing() -> None:
    chance = np.random.default_rng(7)
    covered = 0
    for trial in range(300):
        values = list(chance.standard_t(2, 41) + 0.2)
        found = median_interval(values, alone(values), confidence=0.95, draws=400, seed=trial)
        covered += found.low <= 0.2 <= found.high
    assert covered / 300 >= 0.93
    assert median_interval([1.0, 2.0, 3.0, 1e9], list("abcd"), confidence=0.95, draws=300, seed=1).value == 2.5


def test_a_tail_that_draws_cannot_tell_is_that_of_students_distribution() -> None:
    values = [float(each) for each in np.random.default_rng(8).normal(0, 1, 50)]
    usual, strict = interval(values, alone(values)), interval(values, alone(values), confidence=0.9999)
    error = np.std(values) / math.sqrt(50)
    assert strict.high - strict.value == pytest.approx(student(0.99995, 49) * error, rel=0.1)
    assert strict.low < usual.low < usual.high < strict.high


def test_the_same_numbers_make_the_same_interval() -> None:
    values = [0.1, 0.5, -0.2, 0.4, 0.0, 0.3]
    assert interval(values, alone(values)) == interval(values, alone(values))
    assert resamples(4, 200, 1).sum(axis=1).tolist() == [4.0] * 200


def test_one_cluster_tells_nothing_and_no_difference_has_no_width() -> None:
    found = interval([0.1, 0.2], ["a", "a"])
    assert (found.low, found.high, found.clusters) == (-math.inf, math.inf, 1)
    assert found.ratio().high > 1e300
    same = interval([0.0] * 20, alone([0.0] * 20))
    assert (same.low, same.value, same.high) == (0, 0, 0)


def test_what_only_one_has_is_not_compared() -> None:
    assert paired({"a": 1.0, "b": 0.5}, {"b": 0.25, "c": 1.0}) == (["b"], [0.25])


def test_an_interval_turns_and_becomes_a_ratio() -> None:
    found = Interval(value=math.log(2), low=0.0, high=math.log(4), n=9, clusters=9, confidence=0.95)
    assert (found.turned().low, found.turned().high) == (-math.log(4), 0)
    assert found.ratio().high == pytest.approx(4)
