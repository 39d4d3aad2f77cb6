"""Figures by time as they are drawn: steps that end now, in the reader's zone, with gaps where nothing was."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from app.figures import Figures
from app.overview import DAY, HOUR, SCALES, by_step, counted, latency, steps

NOON = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC).timestamp()


def test_steps_reach_back_over_the_span_and_end_with_the_running_one() -> None:
    assert [len(steps(NOON, scale.seconds, scale.step)) for scale in SCALES.values()] == [60, 96, 84, 120]
    times = steps(NOON, HOUR, 60)
    assert datetime.fromtimestamp(times[-1], UTC) == datetime(2026, 11, 20, 12, 34, tzinfo=UTC)
    assert all(later - earlier == 60 for earlier, later in pairwise(times))


@pytest.mark.parametrize(("offset", "hour"), [(0, 0), (60, 23), (-5 * 60, 5), (330, 18)])
def test_days_begin_at_the_readers_midnight(offset: int, hour: int) -> None:
    (today,) = steps(NOON, DAY, DAY, offset * 60)
    assert datetime.fromtimestamp(today, UTC).hour == hour
    assert today <= NOON < today + DAY


def test_every_resolution_fits_its_steps() -> None:
    for scale in SCALES.values():
        assert scale.step % scale.resolution == 0
        assert scale.seconds % scale.count_step == 0


def test_percentiles_by_step_and_over_the_whole() -> None:
    figures = {60: Figures(), 120: Figures(), 240: Figures()}
    for at, durations in ((60, [10.0] * 9 + [100.0]), (120, [20.0]), (240, [40.0])):
        for duration in durations:
            figures[at].took("search", "total", duration)
    figures[240].took("answer", "total", 5.0)
    answer, search = latency(by_step(figures, [60, 180, 300], 120))
    assert (answer.operation, answer.counts) == ("answer", (0, 1, 0))
    assert (search.operation, search.stage, search.counts) == ("search", "total", (11, 1, 0))
    assert search.p50 == (pytest.approx(10, rel=0.05), pytest.approx(40, rel=0.05), None)
    assert search.p99[0] == pytest.approx(100, rel=0.05)
    assert search.whole["p95"] == pytest.approx(100, rel=0.05)


def test_counts_are_zero_where_nothing_was_counted() -> None:
    tally = {"up": {100: 2, 300: 1, 9_999: 5}, "down": {}}
    assert counted(tally, [100, 200, 300]) == {"up": [2, 0, 1], "down": [0, 0, 0]}
