"""Rewards by rule: what earns, what does not, and what cannot be talked around."""

from __future__ import annotations

import json
from typing import Any

import pytest

from finetune.defaults import REWARDS
from finetune.methods.online import said, told
from finetune.rewards import Told, citations, length, repetition, schema, support

SOURCES = (
    {"id": "1", "title": "Leave", "text": "Staff have 28 days of leave."},
    {"id": "2", "title": "Pay", "text": "Pay comes on the 25th."},
)
ROW = Told(
    schema=json.dumps(
        {
            "type": "object",
            "required": ["statements"],
            "properties": {
                "statements": {"type": "array", "items": {"type": "object", "required": ["text", "sources"]}}
            },
        }
    ),
    sources=SOURCES,
)


def answer(*statements: tuple[str, Any]) -> str:
    return json.dumps({"statements": [{"text": text, "sources": ids} for text, ids in statements]})


def test_what_keeps_the_schema_earns_all() -> None:
    assert schema(answer(("a", ["1"])), ROW) == 1.0
    assert schema('{"other": 1}', ROW) == 0.2
    assert schema("no json", ROW) == 0.0
    assert schema("[" * 100_000, ROW) == 0.0


@pytest.mark.parametrize(
    ("text", "earned"),
    [
        (answer(("28 days of leave", ["1"])), 1.0),
        (answer(("28 days of leave", ["2"])), 0.0),
        (answer(("28 days of leave", ["7"])), 0.0),
        (answer(("28 days of leave", ["1", "7"])), 0.0),
        (answer(("28 days of leave", [])), 0.0),
        (answer(("28 days of leave", "1")), 0.0),
        (answer(("28 days of leave", ["1"]), ("Pay on the 25th", ["1"])), 0.5),
        (answer(("", ["1"])), 0.0),
        (answer(("zebra", ["1"])), 0.0),
        (answer(), 0.0),
        ("no json", 0.0),
        ('{"statements": 3}', 0.0),
    ],
)
def test_citations_must_be_of_what_carries_the_statement(text: str, earned: float) -> None:
    assert citations(text, ROW) == earned


def test_without_sources_nothing_is_to_be_cited() -> None:
    assert citations(answer(), Told()) == 1.0
    assert citations("no json", Told()) == 0.0


def test_support_is_what_the_judge_says_of_cited_sources() -> None:
    def judge(statement: str, texts: Any) -> float:
        return float(any(statement in text for text in texts))

    assert support(answer(("28 days", ["1"]), ("28 days", ["2"])), ROW, judge) == 0.5
    assert support("no json", ROW, judge) == 0.0


def test_length_costs_beyond_the_target_and_never_earns() -> None:
    assert length("word " * 10, 10, 20) == 0.0
    assert length("word " * 15, 10, 20) == -0.5
    assert length("word " * 500, 10, 20) == -1.0
    assert length("", 10, 20) == 0.0


def test_repetition_costs_its_share() -> None:
    assert repetition("one two three four five") == 0.0
    assert repetition("one two three " * 10) < -0.8
    assert repetition("one") == 0.0


HONEST = ("Staff have 28 days of leave", ["1"])


@pytest.mark.parametrize(
    "cheat",
    [
        answer(),
        answer(("", ["1"])),
        answer(("leave", ["1", "2", "3"])),
        answer(("Staff have 28 days of leave", ["2"])),
        answer(*[HONEST] * 60),
        answer(("Staff have 28 days of leave " * 40, ["1"])),
        answer((" ".join(f"leave{number}" for number in range(500)) + " 28 days", ["1"])),
        answer(HONEST)[:-1],
    ],
    ids=["empty", "no-text", "every-source", "wrong-source", "again", "repeats", "long", "unended"],
)
def test_what_is_cheated_earns_less_than_an_honest_answer_by_the_defaults(cheat: str) -> None:
    def earned(text: str) -> float:
        by_name = {
            "schema": schema(text, ROW), "citations": citations(text, ROW), "repetition": repetition(text),
            "length": length(text, REWARDS[2].target, REWARDS[2].limit),
        }  # fmt: skip
        return sum(each.weight * by_name[each.name] for each in REWARDS)

    assert [each.name for each in REWARDS] == ["schema", "citations", "length", "repetition"]
    assert earned(answer(HONEST)) == 2.0
    assert earned(cheat) < 1.75


def test_trl_calls_them_with_columns() -> None:
    reward = told("citations", citations)
    good, bad = answer(("28 days of leave", ["1"])), answer(("28 days of leave", ["2"]))
    completions = [[{"role": "assistant", "content": text}] for text in (good, bad)]
    found = reward(["p", "p"], completions, completion_ids=[[1], [2]], schema=["{}"] * 2, sources=[SOURCES] * 2)
    assert (found, reward.__name__) == ([1.0, 0.0], "citations")
    assert reward(["p"], ["plain"]) == [0.0]
    assert said("plain") == "plain"
