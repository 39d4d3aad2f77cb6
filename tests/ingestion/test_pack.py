"""Packing: bounded, in order, evenly, overlapping by whole members."""

from __future__ import annotations

import itertools
import random

import pytest

from ingestion.pack import Overlap, pack

QUARTER = Overlap(least=0.15, most=0.25)


def test_what_fits_is_one_group() -> None:
    assert pack([10, 20, 30], 60) == [(0, 3)]
    assert pack([], 60) == []


def test_groups_come_out_even_rather_than_full_and_a_crumb() -> None:
    assert pack([10] * 11, 100) == [(0, 6), (6, 11)]


def test_a_paragraphs_end_is_preferred() -> None:
    assert pack([10] * 12, 100, ends=[int(i == 6) for i in range(12)]) == [(0, 7), (7, 12)]


def test_an_end_that_leads_to_what_follows_is_avoided() -> None:
    assert pack([10] * 12, 100, ends=[0] * 12) == [(0, 6), (6, 12)]
    assert pack([10] * 12, 100, ends=[-int(i == 5) for i in range(12)]) == [(0, 7), (7, 12)]


def test_a_member_over_the_budget_stands_alone() -> None:
    assert pack([5, 500, 5], 100) == [(0, 1), (1, 2), (2, 3)]


def test_overlap_repeats_whole_members() -> None:
    groups = pack([10] * 30, 100, QUARTER)
    for (_, stop), (start, _) in itertools.pairwise(groups):
        assert stop - start in (1, 2)


def test_no_overlap_when_the_last_member_is_too_large() -> None:
    assert pack([60, 60, 60], 100, QUARTER) == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.parametrize("seed", range(20))
def test_everything_once_in_order_and_within_bounds(seed: int) -> None:
    draw = random.Random(seed)
    sizes = [draw.randrange(0, draw.choice([10, 40, 90])) for _ in range(draw.randrange(1, 200))]
    overlap = draw.choice([Overlap(), QUARTER, Overlap(least=0.0, most=0.4)])
    groups = pack(sizes, 100, overlap, [draw.choice([-1, 0, 0, 1]) for _ in sizes])
    assert groups[0][0] == 0
    assert groups[-1][1] == len(sizes)
    for (first, stop), (after, end) in itertools.pairwise(groups):
        assert first < after <= stop < end
        assert sum(sizes[after:stop]) <= overlap.most * sum(sizes[first:stop])
    assert all(sum(sizes[first:stop]) <= 100 for first, stop in groups)
