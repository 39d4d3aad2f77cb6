"""The schema of an answer, and that reading an output agrees with it."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import jsonschema
import pytest

from agents.schema import answer_schema, condense_schema, read_answer, read_question
from agents.settings import OutputSettings
from core.errors import GenerationInvalid

BOUNDS = OutputSettings(max_statements=3, max_statement_chars=60, max_citations=2)
IDS = ["1", "2", "3"]
SCHEMA = answer_schema(IDS, BOUNDS)
GOOD: dict[str, Any] = {
    "answerable": True,
    "statements": [{"text": "One.", "sources": ["1"]}, {"text": "Two “quoted”.", "sources": ["2", "3"]}],
}


def test_the_schema_is_one_and_names_only_this_requests_sources() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    sources = SCHEMA["properties"]["statements"]["items"]["properties"]["sources"]
    assert sources["items"]["enum"] == IDS
    assert next(iter(SCHEMA["properties"])) == "answerable"


def test_every_string_and_array_of_the_schemas_is_bounded() -> None:
    def walk(part: dict[str, Any]) -> None:
        if part.get("type") == "string":
            assert "enum" in part or "maxLength" in part
        if part.get("type") == "array":
            assert "maxItems" in part
            walk(part["items"])
        for child in part.get("properties", {}).values():
            walk(child)

    walk(SCHEMA)
    walk(condense_schema(100))


def test_a_good_answer_is_read() -> None:
    output = read_answer(json.dumps(GOOD), IDS, BOUNDS)
    assert output.answerable
    assert [(draft.text, draft.sources) for draft in output.statements] == [
        ("One.", ("1",)),
        ("Two “quoted”.", ("2", "3")),
    ]


def test_a_repeated_source_is_cited_once() -> None:
    output = read_answer('{"answerable": true, "statements": [{"text": "a", "sources": ["2", "2"]}]}', IDS, BOUNDS)
    assert output.statements[0].sources == ("2",)


@pytest.mark.parametrize(
    "text",
    [
        '{"answerable": false, "statements": []}',
        '{"answerable": false, "statements": [{"text": "I do not know.", "sources": ["1"]}]}',
        '{"answerable": true, "statements": []}',
    ],
)
def test_without_an_answer_nothing_is_said(text: str) -> None:
    output = read_answer(text, IDS, BOUNDS)
    assert not output.answerable
    assert output.statements == ()


BAD: list[Any] = ["", 7, None, True, [], {}, "x" * 61, ["4"], ["1", "2", "3"], [1], {"text": "a", "sources": ["1"]}]


def _mutated(rng: random.Random) -> Any:
    """A good answer with one random place replaced, removed or added to."""
    value = copy.deepcopy(GOOD)
    places: list[tuple[Any, Any]] = []

    def walk(part: Any) -> None:
        for key in part if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ():
            places.append((part, key))
            walk(part[key])

    walk(value)
    holder, key = rng.choice(places)
    kind = rng.randrange(4)
    if kind == 0 and isinstance(holder, dict):
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder["more"] = 1
    elif kind == 2 and isinstance(holder, list):
        holder.extend(copy.deepcopy(holder) * 2)
    else:
        holder[key] = rng.choice(BAD)
    return value


def test_reading_accepts_what_the_schema_accepts_and_nothing_else() -> None:
    rng = random.Random(5)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    refused = 0
    for _ in range(1_500):
        value = _mutated(rng)
        if validator.is_valid(value):
            read_answer(json.dumps(value), IDS, BOUNDS)
        else:
            refused += 1
            with pytest.raises(GenerationInvalid):
                read_answer(json.dumps(value), IDS, BOUNDS)
    assert 300 < refused < 1_500


def test_a_statement_of_white_space_is_refused() -> None:
    with pytest.raises(GenerationInvalid):
        read_answer('{"answerable": true, "statements": [{"text": "  ", "sources": ["1"]}]}', IDS, BOUNDS)


@pytest.mark.parametrize("text", ["", "no json", '{"answerable": true', "[]", '{"a": 1} {"b": 2}', "\x00"])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(GenerationInvalid):
        read_answer(text, IDS, BOUNDS)


def test_a_question_is_read_within_its_bound() -> None:
    assert read_question('{"question": " Who pays? "}', 20) == "Who pays?"
    for text in ('{"question": ""}', '{"question": "  "}', '{"question": "' + "x" * 21 + '"}', '{"q": "a"}', "x"):
        with pytest.raises(GenerationInvalid):
            read_question(text, 20)
