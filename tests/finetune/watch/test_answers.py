"""Drift of answers: what was planted is found, and what was not is left alone."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from finetune.watch.answers import answers
from finetune.watch.findings import Finding, alarms
from finetune.watch.rules import WatchRules
from tests.finetune.watch.stream import AS_EVER, Habits, stream

RULES = WatchRules()
NOTHING_BORNE = WatchRules(alpha=0.2, looks=1, psi=0, abstention=0, support=0, hallucination=0, length=0, entropy=0)


@pytest.mark.slow
@pytest.mark.parametrize("habits", [AS_EVER, Habits(conversation=3)])
def test_where_nothing_drifts_alarms_are_as_seldom_as_promised(habits: Habits) -> None:
    """Nothing is borne here, so that the tests alone have to keep the promise."""
    seeds, raised = (200 if habits is AS_EVER else 100), 0
    for seed in range(seeds):
        found = answers(stream(seed, 400, habits), stream(seed + 10_000, 200, habits, name="b"), NOTHING_BORNE)
        raised += any(each.alarm for each in alarms({"*": found}, NOTHING_BORNE)["*"])
    assert raised <= seeds * 0.2 + 3 * math.sqrt(seeds * 0.2 * 0.8)
    assert raised >= seeds * 0.03, "a watch that never speaks is none"


@pytest.mark.slow
def test_with_the_usual_rules_hundreds_of_quiet_looks_raise_none_or_one() -> None:
    raised = 0
    for seed in range(200):
        found = answers(stream(seed, 400), stream(seed + 10_000, 100, name="b"), RULES)
        raised += any(each.alarm for each in alarms({"*": found}, RULES)["*"])
    assert raised <= 2


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("harm", "measure", "up"),
    [
        (Habits(abstention=0.2), "abstention", True),
        (Habits(support=0.7), "support", False),
        (Habits(longer=1.5), "length", True),
        (Habits(entropy=0.7), "entropy", True),
        (Habits(unsupported=0.2), "hallucination", True),
    ],
)
def test_what_was_planted_is_found(harm: Habits, measure: str, up: bool, seed: int) -> None:
    found = _judged(stream(seed, 800), stream(seed + 50, 250, harm, name="b"))
    alarm = found[measure]
    assert alarm.state == "alarm"
    assert alarm.difference is not None
    assert alarm.interval is not None
    assert (alarm.difference > 0) == up
    assert alarm.interval[0] <= alarm.difference <= alarm.interval[1]
    assert (alarm.interval[0] > 0) == up
    others = {name for name, each in found.items() if each.alarm} - {measure, f"{measure}_distribution"}
    assert not others, "and nothing else is"


def test_a_distribution_that_moves_under_the_same_mean_is_found() -> None:
    one, other = stream(1, 800), stream(2, 400, name="b")
    split = [replace(each, words=20 if place % 2 else 112) for place, each in enumerate(other)]
    found = _judged(one, split)
    assert found["length_distribution"].state == "alarm"
    assert found["length_distribution"].level == "shifted"
    assert found["length"].state == "steady"


def test_what_is_withheld_changes_abstention_alone() -> None:
    found = _judged(stream(3, 800), stream(4, 400, Habits(abstention=0.4), name="b"))
    assert [name for name, each in found.items() if each.alarm] == ["abstention"]
    assert found["support"].records[1] == pytest.approx(240, abs=40)


def test_statements_of_what_was_withheld_do_not_count() -> None:
    drafts = [
        each if each.answerable else replace(each, statements=9, unsupported=9, words=900, entropy=9.0)
        for each in stream(4, 400, Habits(abstention=0.4), name="b")
    ]
    assert [name for name, each in _judged(stream(3, 800), drafts).items() if each.alarm] == ["abstention"]


def test_a_change_that_is_borne_is_no_alarm_however_sure() -> None:
    found = _judged(stream(5, 20_000), stream(6, 20_000, Habits(support=0.785), name="b"))["support"]
    assert found.p is not None
    assert found.p < 1e-9
    assert found.state == "steady"


@pytest.mark.parametrize(("before", "now"), [(0, 0), (0, 300), (300, 0), (300, 30), (20, 300)])
def test_small_windows_are_too_little(before: int, now: int) -> None:
    harm = Habits(abstention=0.9, support=0.1, longer=5)
    found = answers(stream(7, before), stream(8, now, harm, name="b"), RULES)
    assert {each.state for each in found} == {"too_little"}
    assert all(each.p is None for each in found)


def test_few_conversations_are_too_little_however_many_answers() -> None:
    long = Habits(conversation=25)
    found = _judged(stream(9, 1_000, long), stream(10, 1_000, replace(long, support=0.5), name="b"))
    assert found["support"].state == "too_little"
    assert "40 independent answers" in str(found["support"].too_little)


def test_measures_that_an_engine_does_not_tell_are_too_little() -> None:
    mute = [replace(each, entropy=None) for each in stream(11, 300)]
    found = _judged(mute, mute)
    assert found["entropy"].state == found["entropy_distribution"].state == "too_little"
    assert found["support"].state == "steady"


def test_the_order_of_records_does_not_matter() -> None:
    one, other = stream(12, 300), stream(13, 120, Habits(conversation=2), name="b")
    first, again = answers(one, other, RULES), answers(one[::-1], other[::-1], RULES)
    for each, same in zip(first, again, strict=True):
        assert same.p == pytest.approx(each.p, rel=1e-9)
        assert (same.measure, same.index) == (each.measure, each.index)


def _judged(one: list, other: list) -> dict[str, Finding]:
    return {each.measure: each for each in alarms({"*": answers(one, other, RULES)}, RULES)["*"]}
