"""Krippendorff's alpha, held against a published value and its limits."""

from __future__ import annotations

import pytest

from finetune.agreement import Agreement, agreement

NAN = None
PUBLISHED = (  # two raters, ten units, binary; Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), A
    (0, 1, 0, 0, 0, 0, 0, 0, 1, 0),
    (1, 1, 1, 0, 0, 1, 0, 0, 0, 0),
)


def test_the_published_example() -> None:
    ratings = [(f"r{row}", unit, bool(value)) for row, each in enumerate(PUBLISHED) for unit, value in enumerate(each)]
    assert agreement(ratings) == Agreement(alpha=pytest.approx(0.095, abs=5e-4), raters=2, units=10, shared=10)


def test_full_agreement_is_one_and_opposition_is_below_nothing() -> None:
    alike = [(rater, unit, unit % 2 == 0) for rater in "abc" for unit in range(6)]
    assert agreement(alike).alpha == 1.0
    against = [(rater, unit, (unit % 2 == 0) == (rater == "a")) for rater in "ab" for unit in range(6)]
    assert (agreement(against).alpha or 0) < 0


def test_where_it_is_not_defined_there_is_none() -> None:
    assert agreement([]) == Agreement(alpha=None, raters=0, units=0, shared=0)
    assert agreement([("a", 1, True), ("b", 2, False)]) == Agreement(alpha=None, raters=2, units=2, shared=0)
    assert agreement([("a", 1, True), ("b", 1, True)]) == Agreement(alpha=None, raters=2, units=1, shared=1)


def test_the_last_rating_of_a_person_counts() -> None:
    first = [("a", 1, False), ("a", 1, True), ("b", 1, True), ("a", 2, False), ("b", 2, False)]
    assert agreement(first).alpha == 1.0
