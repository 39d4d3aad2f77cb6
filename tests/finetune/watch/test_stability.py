"""The population stability index: by hand, by chance, and in whatever order records come."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.errors import InvalidInput
from finetune.watch.stability import binned, level, psi, quantile_edges, stability


def test_by_hand() -> None:
    assert psi([50, 50], [60, 40], smoothing=0) == pytest.approx(0.1 * math.log(1.2) - 0.1 * math.log(0.8))
    assert psi([50, 50], [60, 40], smoothing=0) == pytest.approx(0.0405465, abs=1e-7)
    assert psi([8, 0], [4, 4]) == pytest.approx(0.4 * math.log(0.9 / 0.5) + 0.4 * math.log(5), abs=1e-12)
    assert psi([10, 20, 70], [10, 20, 70]) == 0.0
    assert psi([30, 70], [55, 45]) == pytest.approx(psi([55, 45], [30, 70]))


@pytest.mark.parametrize(("one", "other"), [([1], [1]), ([1, 2], [1, 2, 3]), ([5, 0], [1, 2])])
def test_what_is_not_defined_is_said(one: list[float], other: list[float]) -> None:
    with pytest.raises(InvalidInput):
        psi(one, other, smoothing=0)


def test_levels() -> None:
    assert [level(each) for each in (0.0, 0.0999, 0.1, 0.2499, 0.25)] == [
        "stable", "stable", "moved", "moved", "shifted",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "now", "by"), [(2_000, 500, "chi-square"), (240, 60, "permutation"), (60, 60, "permutation")]
)
def test_chance_alone_is_held_to_be_drift_as_seldom_as_promised(before: int, now: int, by: str) -> None:
    shares = np.array([0.3, 0.2, 0.2, 0.1, 0.1, 0.1])
    found = []
    for seed in range(400):
        random = np.random.default_rng(seed)
        found.append(stability(random.choice(6, before, p=shares), random.choice(6, now, p=shares), 6))
    assert {each.by for each in found} == {by}
    for promised in (0.05, 0.2):
        share = sum(each.p <= promised for each in found) / len(found)
        assert share <= promised + 3 * math.sqrt(promised * (1 - promised) / len(found))
        assert share >= promised / 3, "a test that never speaks is none"


def test_bins_from_quantiles_of_the_reference_keep_the_promise() -> None:
    found = []
    for seed in range(300):
        random = np.random.default_rng(seed)
        one, other = random.gamma(2, size=400), random.gamma(2, size=100)
        edges = quantile_edges(one, 10)
        found.append(stability(binned(one, edges), binned(other, edges), 10).p)
    assert sum(p <= 0.05 for p in found) <= 300 * 0.05 + 3 * math.sqrt(300 * 0.05 * 0.95)


def test_groups_that_answer_alike_are_one_voice_each() -> None:
    alone, grouped = [], []
    for seed in range(150):
        random = np.random.default_rng(seed)
        one, other = np.repeat(random.integers(0, 5, 200), 4), np.repeat(random.integers(0, 5, 50), 4)
        groups, groups_now = np.repeat(np.arange(200), 4), np.repeat(np.arange(50), 4)
        alone.append(stability(one, other, 5).p)
        grouped.append(stability(one, other, 5, groups, groups_now).p)
    assert sum(p <= 0.05 for p in grouped) <= 150 * 0.05 + 3 * math.sqrt(150 * 0.05 * 0.95)
    assert sum(p <= 0.05 for p in alone) > 150 * 0.3, "the groups are what keeps the promise"


def test_the_order_of_records_and_the_names_of_groups_do_not_matter() -> None:
    random = np.random.default_rng(3)
    one, other = random.integers(0, 4, 120), random.integers(0, 4, 80)
    groups, groups_now = random.integers(0, 40, 120), random.integers(0, 30, 80)
    first = stability(one, other, 4, groups, groups_now)
    order, order_now = random.permutation(120), random.permutation(80)
    again = stability(one[order], other[order_now], 4, 1_000 - groups[order], 7 * groups_now[order_now])
    assert again == first
    renamed = np.array([2, 0, 3, 1])
    assert stability(renamed[one], renamed[other], 4).psi == pytest.approx(stability(one, other, 4).psi)


def test_a_shift_is_found_and_bins_that_nobody_is_in_do_not_matter() -> None:
    random = np.random.default_rng(5)
    one, other = random.choice(3, 1_000, p=[0.5, 0.3, 0.2]), random.choice(3, 300, p=[0.2, 0.3, 0.5])
    found = stability(one, other, 3)
    assert found.p < 1e-12
    assert found.level == "shifted"
    more = stability(one, other, 9)
    assert (more.psi, more.p) == (found.psi, found.p)
    assert more.reference[:3] == found.reference
    assert sum(found.current) == pytest.approx(1.0)


def test_one_bin_cannot_move_and_no_records_are_refused() -> None:
    same = stability(np.zeros(50, dtype=np.int64), np.zeros(20, dtype=np.int64), 3)
    assert (same.psi, same.p, same.level) == (0.0, 1.0, "stable")
    with pytest.raises(InvalidInput):
        stability(np.zeros(0, dtype=np.int64), np.zeros(20, dtype=np.int64), 3)


def test_edges_of_values_that_repeat_are_fewer() -> None:
    edges = quantile_edges(np.array([1.0] * 90 + [2.0] * 10), 10)
    assert edges.tolist() == sorted(set(edges.tolist()))
    assert binned(np.array([0.5, 1.0, 3.0]), np.array([1.0, 2.0])).tolist() == [0, 1, 2]
