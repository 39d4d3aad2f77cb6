"""Corrections as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from agents.schema import answer_schema
from agents.settings import OutputSettings
from finetune.correction import attribute, max_statement_chars, read
from finetune.target import Said
from tests.finetune.material import SOURCES, VACATION

IDS = ("1", "2", "3")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("28 days. [1][3] They expire in March. [2]", [("28 days.", ("1", "3")), ("They expire in March.", ("2",))]),
        ("28 days [1]. They expire [2].", [("28 days.", ("1",)), ("They expire.", ("2",))]),
        ("28 days. They expire in March.", [("28 days.", ()), ("They expire in March.", ())]),
        ("28 days. [1] And more.\nMuch more", [("28 days.", ("1",)), ("And more.", ()), ("Much more", ())]),
        ("28 days. [9]", [("28 days.", ())]),
        ("28 days. [1][9]", [("28 days.", ("1",))]),
        ("See [clause] 4. [1]", [("See [clause] 4.", ("1",))]),
        ("28日です。三月に失効します。", [("28日です。", ()), ("三月に失効します。", ())]),
        ('{"answerable": true, "statements": [{"text": " 28 days. ", "sources": ["1", "7"]}]}', [("28 days.", ("1",))]),
        ('{"answerable": false, "statements": []}', []),
        (" \n— ", []),
    ],
)
def test_statements_and_marks(text: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert [(each.text, each.sources) for each in read(text, IDS, 1_200)] == expected


def test_what_is_longer_than_the_schema_allows_is_divided_by_sentences() -> None:
    text = f"{VACATION} Unused days expire in March. [1]"
    assert [each.text for each in read(text, IDS, 70)] == [VACATION, "Unused days expire in March."]
    assert [each.sources for each in read(text, IDS, 70)] == [("1",), ("1",)]


def test_the_longest_statement_is_the_schemas() -> None:
    assert max_statement_chars(answer_schema(IDS, OutputSettings(max_statement_chars=90))) == 90
    assert max_statement_chars({}) > 1_000


async def test_a_statement_without_marks_finds_its_source(support: Any) -> None:
    said = [Said(text="Flights need the approval of a manager.", sources=()), Said(text=VACATION, sources=())]
    found = await attribute(said, SOURCES, support, 0.4, 4)
    assert [each.sources for each in found] == [("2",), ("1",)]
    assert all(each.supported for each in found)


async def test_a_wrong_mark_gives_way_to_the_source_that_carries_the_statement(support: Any) -> None:
    found = await attribute([Said(text=VACATION, sources=("3",))], SOURCES, support, 0.4, 4)
    assert (found[0].sources, found[0].supported) == (("1",), True)


async def test_marks_that_carry_the_statement_stay(support: Any) -> None:
    found = await attribute([Said(text=VACATION, sources=("2", "1"))], SOURCES, support, 0.4, 4)
    assert (found[0].sources, found[0].supported) == (("1", "2"), True)


async def test_no_more_sources_than_the_schema_allows(support: Any) -> None:
    found = await attribute([Said(text=VACATION, sources=("2", "1"))], SOURCES, support, 0.4, 1)
    assert (found[0].sources, found[0].supported) == (("1",), True)


async def test_what_no_source_carries_is_unsupported(support: Any) -> None:
    found = await attribute([Said(text="Dogs may come to the office.", sources=("1",))], SOURCES, support, 0.4, 4)
    assert not found[0].supported
    assert not (await attribute([Said(text=VACATION, sources=())], [], support, 0.4, 4))[0].supported


def test_a_correction_of_nothing_but_spaces_and_brackets_is_read_at_once() -> None:
    assert read(" " * 20_000 + "[" * 20_000, IDS, 1_200) == []
    assert [each.text for each in read("28   days.\n\n \t They  expire.", IDS, 1_200)] == ["28 days.", "They expire."]
