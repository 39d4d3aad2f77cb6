"""How many sources fit a window, and the order in which a prompt shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from agents.packing import arranged, fitting
from agents.prompting import answer_messages
from core.errors import InvalidInput
from core.types import Message, Source


class Words:
    """A window of so many words; `counted` says how often it was asked."""

    def __init__(self, words: int) -> None:
        self.words = words
        self.counted = 0

    async def room(self, max_tokens: int) -> int:
        return self.words - max_tokens

    async def count(self, messages: Sequence[Message]) -> int:
        self.counted += 1
        return sum(len(each.content.split()) for each in messages)


def source(number: int, text: str, version: str = "") -> Source:
    return Source(
        id=str(number),
        chunk_id=f"c{number}",
        document_id="d",
        version_id=version or f"v{number}",
        title="T",
        text=text,
    )


def numbered(count: int, words: int = 100) -> list[Source]:
    return [source(n, f"w{n} " * words) for n in range(1, count + 1)]


def words_of(sources: Sequence[Source]) -> int:
    return sum(len(each.content.split()) for each in answer_messages("Why?", sources))


async def test_without_a_window_everything_goes() -> None:
    packed = await fitting("Why?", numbered(8), None, 100)
    assert (len(packed.sources), packed.cut) == (8, False)


@pytest.mark.parametrize("kept", range(1, 8))
async def test_the_best_that_fit_are_kept_and_not_one_more(kept: int) -> None:
    sources = numbered(8)
    for spare in (0, 50):
        packed = await fitting("Why?", sources, Words(words_of(sources[:kept]) + spare + 10), 10)
        assert packed.sources == tuple(sources[:kept])
        assert packed.cut


async def test_what_fits_exactly_is_not_cut() -> None:
    sources = numbered(8)
    packed = await fitting("Why?", sources, Words(words_of(sources)), 0)
    assert (packed.sources, packed.cut) == (tuple(sources), False)


async def test_what_fits_in_any_case_is_not_counted() -> None:
    window = Words(100_000)
    await fitting("Why?", numbered(8), window, 1_000)
    assert window.counted == 0


async def test_a_single_source_is_cut_rather_than_left_out() -> None:
    long = replace(source(1, "word " * 4_000), sentences=((0, 10), (10, 20_000)))
    packed = await fitting("Why?", [long], Words(words_of([]) + 1_200), 0)
    assert packed.cut
    assert 0 < len(packed.sources[0].text) < len(long.text)
    assert long.text.startswith(packed.sources[0].text)
    assert packed.sources[0].sentences == ((0, 10),)


async def test_endless_headings_leave_room_for_the_text() -> None:
    one = replace(source(1, "Leave is 28 days."), title="T " * 5_000, heading_path=("H " * 5_000,))
    packed = await fitting("Why?", [one], Words(1_000), 0)
    assert (packed.sources, packed.cut) == ((one,), False)


async def test_a_question_without_room_for_a_source_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Shorten"):
        await fitting("why " * 900, numbered(2), Words(500), 0)


def test_the_best_comes_first_and_the_second_best_last() -> None:
    assert [each.id for each in arranged(numbered(6))] == ["1", "3", "5", "6", "4", "2"]
    assert [each.id for each in arranged(numbered(1))] == ["1"]
    assert arranged([]) == []


A = "Leave is granted by the manager. It must be asked for two weeks before it begins."
B = "It must be asked for two weeks before it begins. In summer four weeks are needed."
C = "In summer four weeks are needed. Who falls ill keeps the days."


def test_neighbours_are_joined_in_reading_order_and_said_once() -> None:
    found = arranged(
        [source(1, B, "v"), source(2, "Something else entirely.", "w"), source(3, C, "v"), source(4, A, "v")]
    )
    assert [each.id for each in found] == ["4", "1", "3", "2"]
    assert [each.text for each in found[:3]] == [
        A,
        "In summer four weeks are needed.",
        "Who falls ill keeps the days.",
    ]


@pytest.mark.parametrize(
    "pair",
    [
        [source(1, A, "v"), source(2, B, "w")],
        [source(1, A, "v"), source(2, A, "v")],
        [source(1, "Yes. Ok.", "v"), source(2, "Ok. No.", "v")],
    ],
    ids=["other-document", "the-same", "too-little-in-common"],
)
def test_what_are_no_neighbours_stay_whole(pair: list[Source]) -> None:
    assert arranged(pair) == pair


def test_passages_that_lead_to_one_another_are_all_shown() -> None:
    one, other = "Round and round the garden. " + "x" * 30, "x" * 30 + "Round and round the garden. "
    assert sorted(each.id for each in arranged([source(1, one, "v"), source(2, other, "v")])) == ["1", "2"]
