"""Answers in the documents' own sentences: which, in which order, citing what, and when none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from core.errors import DeadlineExceeded, EmbedderUnavailable, GeneratorUnavailable
from core.types import GenerationRequest, Message, Source, Vectors
from serving.extractive import ExtractiveGenerator
from serving.settings import ExtractiveSettings

LEAVE = (
    "Leave is requested by mail. Employees in Germany receive 28 days of paid leave per year. "
    "Employees in France receive 25 days of paid leave per year. The canteen is closed in August."
)
TRAVEL = "Trains are booked in second class. Flights need the approval of a manager."


def source(number: int, text: str, **rest: Any) -> Source:
    return Source(
        id=str(number),
        chunk_id=f"c{number}",
        document_id=f"d{number}",
        version_id="v",
        title=rest.pop("title", "Handbook"),
        text=text,
        **rest,
    )


def schema(ids: Sequence[str]) -> dict[str, Any]:
    statement = {"properties": {"text": {"maxLength": 400}, "sources": {"items": {"enum": list(ids)}, "maxItems": 3}}}
    return {"properties": {"statements": {"maxItems": 4, "items": statement}}}


def asks(question: str, *sources: Source, timeout: float = 30) -> GenerationRequest:
    return GenerationRequest(
        task="answer",
        messages=(),
        schema=schema([each.id for each in sources]),
        question=question,
        sources=sources,
        timeout=timeout,
    )


@pytest.fixture
def generator(word_embedder: Any) -> ExtractiveGenerator:
    return ExtractiveGenerator(word_embedder, ExtractiveSettings())


async def said(generator: ExtractiveGenerator, question: str, *sources: Source) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = json.loads((await generator.complete(asks(question, *sources))).text)[
        "statements"
    ]
    return statements


async def test_the_sentence_that_answers_is_said_and_cited(generator: ExtractiveGenerator) -> None:
    found = await said(
        generator, "How many days of paid leave do employees in Germany receive?", source(1, TRAVEL), source(2, LEAVE)
    )
    assert {"text": "Employees in Germany receive 28 days of paid leave per year.", "sources": ["2"]} in found
    assert all(statement["sources"] == ["2"] for statement in found)


@pytest.mark.parametrize("question", ["Who won the world cup in 1954?", "Xyzzy plugh?", "?", "هل تمطر غدا؟"])
async def test_it_abstains_when_nothing_answers(generator: ExtractiveGenerator, question: str) -> None:
    generation = await generator.complete(asks(question, source(1, LEAVE), source(2, TRAVEL)))
    assert json.loads(generation.text) == {"answerable": False, "statements": []}


async def test_without_sentences_it_abstains(generator: ExtractiveGenerator) -> None:
    assert await said(generator, "How many days?", source(1, ""), source(2, " \n ")) == []


async def test_a_sentence_in_two_sources_is_said_once_and_cites_both(generator: ExtractiveGenerator) -> None:
    again = "Overlap comes first. Employees in Germany receive 28 days of\npaid leave per year."
    found = await said(
        generator, "How many days of leave do employees in Germany receive?", source(1, LEAVE), source(2, again)
    )
    texts = [statement["text"] for statement in found]
    assert len(texts) == len(set(texts))
    assert found[texts.index("Employees in Germany receive 28 days of paid leave per year.")]["sources"] == ["1", "2"]


async def test_statements_come_in_reading_order(word_embedder: Any) -> None:
    generator = ExtractiveGenerator(word_embedder, ExtractiveSettings(statements=4))
    found = await said(generator, "How many days of paid leave do employees receive per year?", source(1, LEAVE))
    texts = [statement["text"] for statement in found]
    assert len(texts) > 1
    assert texts == sorted(texts, key=LEAVE.index)


async def test_broken_words_are_joined_and_the_given_sentences_kept(generator: ExtractiveGenerator) -> None:
    text = "Dr. No. 5 says: employ-\nees receive   28 days of paid\u00ad leave."
    found = await said(
        generator, "How many days of paid leave do employees receive?", source(1, text, sentences=((0, len(text)),))
    )
    assert found == [{"text": "Dr. No. 5 says: employees receive 28 days of paid leave.", "sources": ["1"]}]


async def test_a_table_row_is_said_with_the_names_of_its_columns(generator: ExtractiveGenerator) -> None:
    rows = ["Revenue | 1,234 | 1,100", "Net income | 120 | "]
    top = "Key figures\n\nItem | 2023 | 2022\n"
    text = top + "\n".join(rows)
    spans = ((len(top), len(top) + len(rows[0])), (len(top) + len(rows[0]) + 1, len(text)))
    table = source(1, text, kind="table", sentences=spans, title="Annual report")
    assert {"text": "Item: Net income — 2023: 120", "sources": ["1"]} in await said(
        generator, "What was the net income in 2023?", table
    )
    assert {"text": "Item: Revenue — 2023: 1,234; 2022: 1,100", "sources": ["1"]} in await said(
        generator, "What was the revenue in 2022?", table
    )


WARRANTY = (
    "We repair what breaks. The warranty does not cover:\n\n- damage by lightning\n\n- opened seals\n\n- lost data\n\n"
    "Ask the hotline."
)


async def test_a_lead_in_is_never_said_alone(word_embedder: Any) -> None:
    generator = ExtractiveGenerator(word_embedder, ExtractiveSettings(threshold=0))
    for question in ("What does the warranty not cover?", "warranty cover", "Is lightning covered by the warranty?"):
        found = await said(generator, question, source(1, WARRANTY))
        assert not any(statement["text"].endswith(":") for statement in found)


async def test_several_items_of_a_list_are_said_as_the_list(generator: ExtractiveGenerator) -> None:
    (found, *more) = await said(generator, "What does the warranty not cover?", source(1, WARRANTY))
    assert found["text"] == "The warranty does not cover: damage by lightning; opened seals; lost data"
    assert not any("seals" in statement["text"] for statement in more)


async def test_a_single_item_is_said_behind_its_lead(word_embedder: Any) -> None:
    generator = ExtractiveGenerator(word_embedder, ExtractiveSettings(statements=1))
    (found,) = await said(generator, "Does the warranty cover damage by lightning?", source(1, WARRANTY))
    assert found["text"].startswith("The warranty does not cover: damage by lightning")


PLACES = "A full week has 38 hours in Kiel. A full week has 37 hours in Bergen. Hours are recorded by everybody."


def follows(question: str, before: str, *sources: Source) -> GenerationRequest:
    return replace(asks(question, *sources), history=(Message(role="user", content=before),))


async def test_a_follow_up_is_answered_for_what_it_asks_anew(word_embedder: Any) -> None:
    generator = ExtractiveGenerator(word_embedder, ExtractiveSettings(statements=1))
    before = "How many hours has a full week in Kiel?"

    async def answer(question: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            (await generator.complete(follows(question, before, source(1, PLACES)))).text
        )
        return found

    bergen = await answer("How many hours has a full week in Bergen?")
    assert [each["text"] for each in bergen["statements"]] == ["A full week has 37 hours in Bergen."]
    nowhere = {"answerable": False, "statements": []}
    assert await answer("How many hours has a full week in Tokyo?") == nowhere
    assert await answer("Why? (hours full week Kiel)") == nowhere


async def test_a_follow_up_in_german_does_not_repeat_the_answer_before(word_embedder: Any) -> None:
    generator = ExtractiveGenerator(word_embedder, ExtractiveSettings())
    text = (
        "Beschäftigte können drei Tage in der Woche mobil arbeiten. Im Ausland sind es zwanzig Tage im Jahr. "
        "Niemand ist verpflichtet, mobil zu arbeiten."
    )
    before = "Wie viele Tage in der Woche kann ich mobil arbeiten?"
    request = follows("Und im Ausland? (viele Tage Woche mobil arbeiten)", before, source(1, text))
    statements = json.loads((await generator.complete(request)).text)["statements"]
    assert statements[0]["text"] == "Im Ausland sind es zwanzig Tage im Jahr."


async def test_what_is_said_of_another_name_is_not_added(generator: ExtractiveGenerator) -> None:
    sentence = "As of December we had {} full time employees in all."
    found = await said(
        generator,
        "How many full time employees did Netflix have in December?",
        source(1, sentence.format("11,300"), title="Netflix report"),
        source(2, sentence.format("42,000"), title="Casino report"),
    )
    assert [statement["sources"] for statement in found] == [["1"]]


async def test_a_long_sentence_is_cut_at_a_word(word_embedder: Any) -> None:
    generator = ExtractiveGenerator(word_embedder, ExtractiveSettings(threshold=0))
    (statement,) = await said(generator, "leave", source(1, "leave " * 500))
    assert len(statement["text"]) <= 400
    assert statement["text"].endswith("leave…")


async def test_only_a_shortlist_is_embedded_and_nothing_twice(word_embedder: Any) -> None:
    generator = ExtractiveGenerator(word_embedder, ExtractiveSettings(candidates=8))
    many = " ".join(f"Rule {n} is about matter {n}." for n in range(200)) + " Leave lasts 28 days."
    request = asks("How many days does leave last?", source(1, many))
    first = await generator.complete(request)
    assert [len(call) for call in word_embedder.calls] == [8]
    assert "Leave lasts 28 days." in first.text
    assert (await generator.complete(request)).text == first.text
    assert len(word_embedder.calls) == 1


async def test_the_cache_is_bounded(word_embedder: Any) -> None:
    generator = ExtractiveGenerator(word_embedder, ExtractiveSettings(cache=0))
    request = asks("How many days of paid leave?", source(1, LEAVE))
    assert (await generator.complete(request)).text == (await generator.complete(request)).text
    assert len(word_embedder.calls) == 2


def test_the_fingerprint_changes_with_whatever_could_change_an_answer(word_embedder: Any) -> None:
    def fingerprint(**settings: Any) -> str:
        return ExtractiveGenerator(word_embedder, ExtractiveSettings(**settings)).info.fingerprint

    assert fingerprint() == fingerprint(cache=7)
    assert len({fingerprint(), fingerprint(threshold=0.9), fingerprint(candidates=9)}) == 3
    before = fingerprint()
    word_embedder.fingerprint = "words-2"
    assert fingerprint() != before


class Silent:
    """An embedder that does not answer in time, or not at all."""

    fingerprint = "silent"
    size = 4
    tokens: Any = None

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def passages(self, texts: Sequence[str]) -> Vectors:
        if self._error:
            raise self._error
        await asyncio.sleep(30)
        raise AssertionError

    async def query(self, text: str) -> Vectors:
        return await self.passages([text])


async def test_an_embedder_without_an_answer_is_a_generator_without_one() -> None:
    away = ExtractiveGenerator(Silent(EmbedderUnavailable("The model is away.")), ExtractiveSettings())
    with pytest.raises(GeneratorUnavailable, match="model is away"):
        await away.complete(asks("How many days?", source(1, LEAVE)))
    slow = ExtractiveGenerator(Silent(None), ExtractiveSettings())
    with pytest.raises(DeadlineExceeded):
        await slow.complete(asks("How many days?", source(1, LEAVE), timeout=0.05))
