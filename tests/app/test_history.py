"""What is counted goes into the minute it happened in, and waits there until it is kept."""

from __future__ import annotations

from app.figures import Figures, bucket
from app.history import MOST, History


class Clock:
    def __init__(self, now: float = 1_000_000_020.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_each_minute_has_its_own_figures() -> None:
    clock = Clock()
    history = History(clock)
    history.stages("search", {"embed": 2.0, "total": 5.0})
    history.error("not_found")
    clock.now += 60
    history.degraded(["rerank_timeout", "rerank_timeout"])
    history.queue(3, 1)
    first, second = history.minutes.values()
    assert list(history.minutes) == [1_000_000_020, 1_000_000_080]
    assert (first.stages["search.embed"], first.errors) == ({bucket(2.0): 1}, {"not_found": 1})
    assert (second.degraded, second.queued, second.running) == ({"rerank_timeout": 2}, 3, 1)


def test_what_was_taken_and_could_not_be_kept_is_counted_again() -> None:
    history = History(Clock())
    history.error("a")
    taken = history.take()
    assert history.minutes == {}
    history.error("a")
    history.give_back(taken)
    (minute,) = history.minutes.values()
    assert minute.errors == {"a": 2}


def test_what_nobody_keeps_does_not_grow_for_ever() -> None:
    clock = Clock()
    history = History(clock)
    for _ in range(MOST + 20):
        history.error("unavailable")
        clock.now += 60
    assert len(history.minutes) == MOST
    newest = max(history.minutes)
    history.give_back({newest - 60 * number: Figures() for number in range(2 * MOST)})
    assert (len(history.minutes), max(history.minutes)) == (MOST, newest)
