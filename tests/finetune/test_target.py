"""Outputs, read and written."""

from __future__ import annotations

import json

import jsonschema
import pytest

from agents.schema import answer_schema, read_answer
from agents.settings import OutputSettings
from finetune.target import Said, answer, parsed, plain, rewritten, statements, written

SCHEMA = answer_schema(["1", "2"], OutputSettings())


def test_an_answer_is_what_the_schema_demands() -> None:
    text = written(answer([Said(text="28 Tage „frei“.", sources=("2", "1"))]), SCHEMA)
    assert text == '{"answerable":true,"statements":[{"text":"28 Tage „frei“.","sources":["2","1"]}]}'
    jsonschema.validate(json.loads(text), SCHEMA)
    assert read_answer(text, ["1", "2"], OutputSettings()).statements[0].sources == ("2", "1")


def test_without_statements_it_does_not_answer() -> None:
    assert written(answer([]), SCHEMA) == '{"answerable":false,"statements":[]}'


def test_two_outputs_that_say_the_same_are_written_alike() -> None:
    one = '{"statements": [ {"sources": ["1"], "text": "x"} ], "answerable": true}'
    two = '{"answerable":true,\n "statements":[{"text":"x","sources":["1"]}]}'
    assert rewritten(one, SCHEMA) == rewritten(two, SCHEMA)
    assert rewritten("not json", SCHEMA) == "not json"
    assert rewritten('{"a": 1}', {}) == '{"a": 1}'


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"a": Infinity}', "[" * 100_000])
def test_what_is_no_json_is_none(text: str) -> None:
    assert parsed(text) is None


@pytest.mark.parametrize("value", [None, [], {}, {"statements": [1]}, {"statements": [{"text": "x", "sources": [1]}]}])
def test_what_is_no_answer_has_no_statements(value: object) -> None:
    assert statements(value) is None


def test_plain_text_is_what_is_said_without_the_form() -> None:
    assert plain(written(answer([Said(text="A.", sources=("1",)), Said(text="B.", sources=("2",))]), SCHEMA)) == "A. B."
    assert plain("A plain answer.") == "A plain answer."
    assert plain('{"answerable":false,"statements":[]}') == ""
