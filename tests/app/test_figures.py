"""Durations counted in buckets and read back as percentiles; counts that can be added up and written down."""

from __future__ import annotations

import random

import pytest

from app.figures import LARGEST, SMALLEST, Figures, bucket, percentile, total


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_a_percentile_is_within_five_per_cent_of_the_true_one(share: float) -> None:
    chance = random.Random(7)
    durations = sorted(chance.lognormvariate(2, 1.5) for _ in range(20_000))
    counted = Figures()
    for duration in durations:
        counted.took("search", "total", duration)
    true = durations[int(share * len(durations))]
    assert percentile(counted.stages["search.total"], share) == pytest.approx(true, rel=0.05)


def test_one_duration_is_every_percentile() -> None:
    assert percentile({bucket(12.0): 1}, 0.5) == percentile({bucket(12.0): 1}, 0.99) == pytest.approx(12, rel=0.05)


@pytest.mark.parametrize("odd", [0.0, -1.0, SMALLEST / 2, float("nan")])
def test_what_is_no_duration_counts_as_the_smallest(odd: float) -> None:
    assert bucket(odd) == 0


def test_however_long_something_takes_there_is_a_bucket() -> None:
    assert bucket(1e12) == bucket(LARGEST)
    assert percentile({bucket(float("inf")): 3}, 0.5) == pytest.approx(LARGEST, rel=0.05)


def test_figures_add_up_and_come_back_from_their_text() -> None:
    one, other = Figures(errors={"not_found": 2}, degraded={"rerank_timeout": 1}), Figures(errors={"not_found": 1})
    for figures, duration in ((one, 1.0), (one, 8.0), (other, 8.0)):
        figures.took("answer", "generate", duration)
    one.saw(queued=4, running=1)
    other.saw(queued=2, running=2)
    whole = total([one, other])
    assert whole.stages == {"answer.generate": {bucket(1.0): 1, bucket(8.0): 2}}
    assert (whole.errors, whole.degraded) == ({"not_found": 3}, {"rerank_timeout": 1})
    assert (whole.queued, whole.running) == (4, 2)
    assert Figures.load(whole.dump()) == whole


def test_where_nobody_looked_there_is_no_queue() -> None:
    assert (total([]).queued, total([Figures()]).running) == (None, None)
    assert Figures.load(Figures().dump()).queued is None
