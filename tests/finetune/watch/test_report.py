"""A look, whole: its scopes, alarms, series, and its JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from core.errors import InvalidInput
from finetune.advise import PROMPTS, Counts
from finetune.watch.costs import Price
from finetune.watch.proposal import propose
from finetune.watch.records import Seen, by_scope
from finetune.watch.report import DriftReport, report
from finetune.watch.rules import WatchRules
from finetune.watch.schedule import windows
from finetune.watch.sentences import _NAMES, _TODO
from tests.finetune.watch.stream import AS_EVER, START, Habits, stream

RULES = WatchRules()
PRICES = {("base", None): Price(per_million_in=0.2, per_million_out=0.8)}
NOW = START + timedelta(days=35, hours=2)


def test_a_quiet_stream_is_said_to_be_quiet() -> None:
    found = _look(_records(AS_EVER))
    assert found.alarms == ()
    assert [scope.name for scope in found.scopes] == ["*", "collection:handbook", "collection:wiki"]
    assert found.said == "Nothing drifts by more than is borne. Scopes looked at: 2; 1 have too few answers."
    assert [scope.state for scope in found.scopes] == ["steady", "steady", "too_little"]


def test_an_alarm_says_what_moved_by_how_much_and_what_to_do() -> None:
    found = _look(_records(Habits(abstention=0.25, new_topic=0.15)))
    told = {(each.scope, each.measure): each for each in found.alarms}
    assert ("*", "abstention") in told
    assert ("collection:handbook", "new_questions") in told
    abstention = told["*", "abstention"]
    assert abstention.direction == "up"
    assert abstention.said.startswith("The share of questions without an answer rose from ")
    assert "points, 95 %" in abstention.said
    assert "retrieval" in abstention.todo
    assert len(told["*", "new_questions"].ids) == RULES.examples
    assert found.said.split(" First: ")[1].startswith(found.alarms[0].said)


def test_the_series_has_a_point_a_day_and_costs_are_of_the_current_window() -> None:
    found = _look(_records(AS_EVER)).scopes[1]
    assert len(found.series) == 35
    assert sum(point.answers for point in found.series) == 900
    assert found.series[0].day == START.date()
    assert found.series[0].cost == pytest.approx(found.series[0].answers * (1_000 * 0.2 + 100 * 0.8) / 1e6)
    assert sum(each.answers for each in found.costs) == 200
    assert {each.adapter for each in found.costs} == {None, "v1"}
    day = [each for each in _records(AS_EVER) if each.at.date() == START.date() and each.collection == "handbook"]
    statements = sum(each.statements for each in day)
    assert found.series[0].hallucination == pytest.approx(sum(each.unsupported for each in day) / statements)


def test_before_there_are_windows_costs_are_of_as_many_days() -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0)
    [scope, *_] = report(midnight, _records(Habits()), None, RULES, PRICES).scopes
    [compared, *_] = _look(_records(Habits())).scopes
    assert [each.answers for each in scope.costs] == [each.answers for each in compared.costs]


def test_a_day_without_answers_given_has_no_support() -> None:
    none = [replace(each, answerable=False, support=None) for each in stream(1, 10, days=1)]
    point = _look(none).scopes[0].series[0]
    assert (point.abstention, point.support, point.length, point.entropy) == (1.0, None, None, None)


def test_json_is_plain_and_whole() -> None:
    found = _look(_records(Habits(support=0.6)))
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["at"] == NOW.isoformat()
    assert told["windows"]["since"] == "beginning"
    assert len(told["alarms"]) == len(found.alarms) > 0
    assert {each["state"] for each in told["scopes"][0]["findings"]} >= {"alarm", "steady"}
    assert set(told["scopes"][0]["topics"]) == {"grew", "shrank"}
    assert told["scopes"][0]["series"][0]["day"] == START.date().isoformat()
    assert told["rules"]["looks"] == RULES.looks
    assert told["proposal"] is None


def test_a_proposal_comes_along_and_says_whether_it_is_due() -> None:
    counts = Counts(judged=200, good=100, misused=90, rows={"sft": 500}, prompts=PROMPTS)
    due = report(NOW, [], None, RULES, PRICES, propose(counts, {"sft": 500}, [])).to_json()["proposal"]
    assert (due["due"], due["method"], due["expected"]["low"]) == (True, "sft", None)
    waiting = report(NOW, [], None, RULES, PRICES, propose(counts, {}, [])).to_json()["proposal"]
    assert (waiting["due"], waiting["missing"]) == (False, {"sft": 200})


def test_nothing_seen_and_windows_that_are_not_full_are_too_little() -> None:
    for records in ([], stream(3, 20, days=3)):
        found = _look(records)
        assert found.scopes[0].state == "too_little"
        assert found.said.startswith("There is too little to compare")
        assert json.dumps(found.to_json(), allow_nan=False)
    early = report(NOW, stream(4, 500), None, RULES, PRICES)
    assert early.said == "There is too little to compare: 28 full days of reference and 7 after them are needed."
    assert early.alarms == ()
    assert len(early.scopes[0].series) == 28


def test_every_measure_has_words_for_each_way_it_can_go() -> None:
    names = {each.measure for scope in _look(_records(AS_EVER)).scopes for each in scope.findings}
    assert names == set(_NAMES)
    for name in names:
        ways = {way for measure, way in _TODO if measure == name}
        assert ways in ({"up", "down"}, {"other"}), name


def test_texts_are_never_in_a_report() -> None:
    assert not {"question", "answer", "text"} & set(Seen.__slots__)


@pytest.mark.parametrize(
    "change", [{"at": NOW.replace(tzinfo=None)}, {"unsupported": 9}, {"words": -1}, {"tokens_in": -1}]
)
def test_records_that_cannot_be_are_refused(change: dict) -> None:
    with pytest.raises(InvalidInput):
        replace(stream(5, 1)[0], **(change | {"statements": 3}))


def test_scopes_are_everything_and_each_collection() -> None:
    scopes = by_scope([*stream(6, 5), *stream(7, 3, collection=None), *stream(8, 2, collection="wiki")])
    assert {name: len(own) for name, own in scopes.items()} == {"*": 10, "collection:handbook": 5, "collection:wiki": 2}


def _records(now: Habits) -> list[Seen]:
    after = START + timedelta(days=28)
    return [
        *stream(1, 700),
        *stream(2, 200, now, start=after, days=7, name="b"),
        *stream(3, 60, collection="wiki", name="c"),
        *stream(4, 15, start=after, days=7, collection="wiki", name="d"),
    ]


def _look(records: list[Seen]) -> DriftReport:
    return report(NOW, records, windows(NOW, START, None, RULES), RULES, PRICES)
