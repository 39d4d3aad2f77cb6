"""Numbered lines: a series of headings, or the items of a list."""

from __future__ import annotations

import pytest

from ingestion.readers.numbered import is_sentence, with_series

BODY = ["The chair reports on what was done since spring, and on what it has cost so far.", "Nobody had a question."]


def told(*paragraphs: list[str] | str) -> list[tuple[str, bool | None]]:
    """The first line of each paragraph, and what the series tells of it."""
    given = [[each] if isinstance(each, str) else each for each in paragraphs]
    return [(paragraph[0], heading) for paragraph, heading in with_series(given)]


@pytest.mark.parametrize(
    "words",
    [
        "Budget was approved.",
        "Anna reported on the figures.",
        "Haushalt wurde angenommen.",
        "Is it enough for all of us?",
        "the " * 15,
        "„Das Budget wurde angenommen.“",
    ],
)
def test_sentences(words: str) -> None:
    assert is_sentence(words)


@pytest.mark.parametrize(
    "words", ["Budget", "Minutes of 20 August", "Definitions.", "Modified Source Versions.", "Any other business"]
)
def test_titles(words: str) -> None:
    assert not is_sentence(words)


def test_short_titles_with_text_under_them_are_headings() -> None:
    found = told("Minutes", "1. Figures", BODY, "2. Staff", BODY, "3. Any other business", "None.")
    assert [heading for _, heading in found] == [None, True, None, True, None, True, None]


def test_a_heading_right_above_its_text_is_parted_from_it() -> None:
    found = told(["1. Figures", *BODY], ["2. Staff", *BODY])
    assert found == [("1. Figures", True), (BODY[0], None), ("2. Staff", True), (BODY[0], None)]


def test_a_decision_among_titles_stands_beside_them() -> None:
    assert ("2. Budget was approved.", True) in told("1. Figures", BODY, "2. Budget was approved.", "3. Staff", BODY)


@pytest.mark.parametrize(
    "paragraphs",
    [
        ("1. Open the lid", "2. Take out the battery", "3. Close the lid"),
        ("1. Open the lid", "It may be hot.", "2. Take out the battery", "Mind the seal.", "3. Close the lid"),
        ("1. Budget was approved.", BODY, "2. Prices stay as they are.", BODY, "3. Staff", BODY),
    ],
)
def test_steps_and_sentences_are_items(paragraphs: tuple[list[str] | str, ...]) -> None:
    found = told(*paragraphs)
    assert {heading for line, heading in found if line[1] == "."} == {False}


def test_several_items_in_one_paragraph_are_a_list_of_their_own() -> None:
    assert told(["1. Figures", "2. Staff"], BODY) == [("1. Figures", None), (BODY[0], None)]


def test_an_indented_list_in_a_section_does_not_end_the_series() -> None:
    found = told("1. Figures", BODY, "  1. Revenue", "  2. Costs", BODY, "2. Staff", BODY)
    assert [line for line, heading in found if heading] == ["1. Figures", "2. Staff"]


def test_what_waits_for_the_next_number_is_bounded() -> None:
    taken = 0

    def endless() -> object:
        nonlocal taken
        yield ["1. Figures"]
        for _ in range(10_000):
            taken += 1
            yield BODY

    first = next(with_series(endless()))  # type: ignore[arg-type]
    assert first[0] == ["1. Figures"]
    assert taken < 1_000
