"""Drift that lasts: said once, reminded of now and then, over when it stays away."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import InvalidInput
from finetune.watch.lasting import FORGOTTEN, Course, Lasting, follow, from_json
from finetune.watch.report import plain
from finetune.watch.sentences import Alarm

DAY = timedelta(days=1)
START = datetime(2026, 11, 1, 0, 5, tzinfo=UTC)
LOOKED_AT = {("*", "support"), ("*", "length")}


def alarm(measure: str = "support", said: str = "Support fell.") -> Alarm:
    return Alarm(scope="*", measure=measure, direction="down", said=said, todo="Look.")


def days(found: list[bool | None], remind: timedelta | None = 7 * DAY) -> list[Course]:
    """A look a day: whether it raised the alarm, None where nothing could be told."""
    lasting: tuple[Lasting, ...] = ()
    courses = []
    for day, raised in enumerate(found):
        looked_at = LOOKED_AT if raised is not None else set()
        courses.append(follow(lasting, [alarm()] if raised else [], looked_at, START + day * DAY, remind))
        lasting = courses[-1].lasting
    return courses


def told(courses: list[Course]) -> list[str]:
    """What was said, by day."""
    return [
        "began" * len(each.begun) + "lasts" * len(each.reminded) + "over" * len(each.over) or "-" for each in courses
    ]


def test_what_lasts_is_said_once_and_then_each_week() -> None:
    assert told(days([True] * 16)) == ["began", *["-"] * 6, "lasts", *["-"] * 6, "lasts", "-"]
    assert told(days([True] * 16, None)) == ["began", *["-"] * 15]


def test_it_is_over_when_it_stayed_away_for_a_day() -> None:
    assert told(days([True, True, False, False, False])) == ["began", "-", "-", "over", "-"]
    assert told(days([True, False, True, False, True])) == ["began", "-", "-", "-", "-"], "at the edge: one drift"
    again = days([True, False, False, True])
    assert told(again) == ["began", "-", "over", "began"]
    assert again[-1].lasting[0].since == START + 3 * DAY


def test_two_looks_at_one_day_end_nothing() -> None:
    [begun] = follow([], [alarm()], LOOKED_AT, START, None).lasting
    [once] = follow([begun], [], LOOKED_AT, START + DAY, None).lasting
    [twice] = follow([once], [], LOOKED_AT, START + DAY + timedelta(hours=3), None).lasting
    assert twice.gone == START + DAY
    assert follow([twice], [], LOOKED_AT, START + 2 * DAY, None).over == (twice,)


def test_where_nothing_can_be_told_it_lasts_on() -> None:
    assert told(days([True, None, None, False, None, False])) == ["began", "-", "-", "-", "-", "over"]
    [begun] = follow([], [alarm()], LOOKED_AT, START, None).lasting
    assert follow([begun], [], set(), START + FORGOTTEN - DAY, None).lasting == (begun,)
    assert follow([begun], [], set(), START + FORGOTTEN, None).over == (begun,), "its scope is gone for good"


def test_another_way_or_measure_is_another_drift() -> None:
    [begun] = follow([], [alarm()], LOOKED_AT, START, None).lasting
    up = Alarm(scope="*", measure="support", direction="up", said="Support rose.", todo="Look.")
    found = follow([begun], [up, alarm("length")], LOOKED_AT, START + DAY, None)
    assert [each.key[1:] for each in found.begun] == [("support", "up"), ("length", "down")]
    assert len(found.lasting) == 3


def test_what_is_said_is_what_was_found_last() -> None:
    [begun] = follow([], [alarm()], LOOKED_AT, START, None).lasting
    [now] = follow([begun], [alarm(said="Support fell more.")], LOOKED_AT, START + DAY, None).lasting
    assert (now.said, now.since, now.seen) == ("Support fell more.", START, START + DAY)


def test_it_survives_being_kept() -> None:
    courses = days([True, False])
    for each in (courses[0].lasting[0], courses[1].lasting[0]):
        assert from_json(plain(each)) == each
    for broken in ({}, {**plain(courses[0].lasting[0]), "since": "2026-11-01"}, {"since": None}):
        with pytest.raises(InvalidInput):
            from_json(broken)


def test_every_beginning_has_one_end_whatever_happens() -> None:
    chance = random.Random(5)
    for _ in range(200):
        courses = days([chance.choice((True, False, None)) for _ in range(30)], chance.choice((None, 3 * DAY)))
        going = 0
        for each in courses:
            going += len(each.begun) - len(each.over)
            assert going == len(each.lasting) in (0, 1)
            assert not (each.begun and each.reminded)
