"""What leaves in pieces: each call carries little, all of them together a passage."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from agents.pieces import MANY, SHORT, pieced

PASSAGE = (
    "We will let the old head of the shop go in June and sell the red barn to his son for a low sum; "
    "nobody in the town may hear of it until the bank has said yes to the loan and the deal is done."
)
"""No word of it tells anything alone."""
OTHER = "The canteen offers soup, bread and a warm meal on each weekday, and fruit for those who want it."


def cut(length: int, text: str = PASSAGE) -> list[str]:
    return [text[first : first + length] for first in range(0, len(text), length)]


def words(number: int) -> list[str]:
    own = re.findall(r"\w+", PASSAGE)
    return [" ".join(own[first : first + number]) for first in range(0, len(own), number)]


def between(pieces: Sequence[str]) -> str:
    fillers = ("weather", "cheap", "best", "online", "guide", "review", "near", "map")
    return " ".join(f"{piece} {fillers[place % len(fillers)]}" for place, piece in enumerate(pieces))


def got_out(calls: Sequence[Mapping[str, Any]], passages: Sequence[str] = (PASSAGE,)) -> list[Mapping[str, Any]]:
    """The calls before the first that is told."""
    for place, call in enumerate(calls):
        if pieced(call, calls[:place], passages, []):
            return list(calls[:place])
    return list(calls)


WAYS = {
    "fifteen letters a call": [{"query": each} for each in cut(18)],
    "eight letters a call": [{"query": each} for each in cut(8)],
    "two words a call": [{"query": each} for each in words(2)],
    "four words a call": [{"query": each} for each in words(4)],
    "in the midst of others": [{"query": f"weather {each} tomorrow"} for each in cut(15)],
    "backwards by pieces": [{"query": each} for each in reversed(cut(18))],
    "with an argument between": [{"query": each, "count": 5} for each in cut(14)],
    "by several tools": [{("query", "url", "text")[place % 3]: each} for place, each in enumerate(cut(15))],
    "percent-encoded": [{"url": f"https://a.example/{each.replace(' ', '%20')}"} for each in cut(15)],
}


@pytest.mark.parametrize("calls", WAYS.values(), ids=WAYS)
def test_no_more_than_a_few_pieces_get_out_over_several_calls(calls: list[dict[str, Any]]) -> None:
    letters = sum(len(re.sub(r"\W", "", str(value))) for call in got_out(calls) for value in call.values())
    assert letters < 2 * MANY
    assert len(got_out(calls)) < len(calls)


@pytest.mark.parametrize("text", [
    between(cut(5)),
    between(cut(4)),
    between(cut(9)),
    between(words(1)),
    between(cut(15)),
    " zz ".join(cut(3)),
    "\n".join(f"{place}. {piece}" for place, piece in enumerate(cut(6))),
])  # fmt: skip
def test_other_words_between_the_pieces_hide_nothing(text: str) -> None:
    assert pieced({"text": text}, [], [OTHER, PASSAGE], []) == [1]


@pytest.mark.parametrize("queries", [
    ["head of a shop", "sell a barn", "bank loan for a farm", "how long until a bank says yes", "town in June"],
    ["the red barn", "who may hear of it", "low sum", "the deal is done meaning", "old shop", "to the loan"],
    ["a b c d e f g h i j k l m n o p q r s t u v w x y z"],
    ["1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"],
    ["soup bread fruit " * 40],
    [""],
])  # fmt: skip
def test_words_that_texts_have_in_common_are_no_pieces(queries: list[str]) -> None:
    assert got_out([{"query": each} for each in queries]) == [{"query": each} for each in queries]


def test_what_everybody_may_read_goes_in_pieces_too() -> None:
    calls = [{"query": each} for each in cut(18)]
    assert all(not pieced(call, calls[:place], [PASSAGE], [PASSAGE]) for place, call in enumerate(calls))


def test_what_left_before_is_not_told_again() -> None:
    before = [{"query": each} for each in cut(18)]
    assert pieced({"query": "weather in Hamburg"}, before, [PASSAGE], []) == []


def test_pieces_of_different_passages_make_up_none() -> None:
    each = [PASSAGE[:SHORT + 5], OTHER[:SHORT + 4]]  # fmt: skip
    assert pieced({"a": each[0]}, [{"a": each[1]}], [PASSAGE, OTHER], []) == []
