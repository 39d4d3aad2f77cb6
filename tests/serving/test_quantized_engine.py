"""A trained model in eight bits behind a real vLLM: on passages that it never saw it writes cited answers, as a stream.

What holds for a model of random weights is held over it, too, in `test_real_engine.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from agents.answer import Answerer, AnswerRequest
from agents.settings import AgentSettings
from bench.answering_data import Asked, Case
from bench.answering_model import held_out
from core.types import AnswerEvent, Hit, Principal, SearchRequest, SearchResult
from serving.openai_compatible import OpenAICompatibleGenerator
from tests.engine_process import Engine

CASES = 30
"""Some ninety questions; the recipe's figures in `bench/results/answering_model.json` are of other cases."""

pytestmark = pytest.mark.slow


class Searcher:
    """Finds the passages of the case whose question it is asked."""

    def __init__(self, cases: list[Case]) -> None:
        self._cases = {asked.question: case for case in cases for asked in case.asked}

    async def search(self, request: SearchRequest) -> SearchResult:
        hits = [
            Hit(
                chunk_id=each.chunk_id,
                document_id=each.document_id,
                version_id=each.version_id,
                title=each.title,
                text=each.text,
                page=each.page,
                score=1.0,
                scores={},
            )
            for each in self._cases[request.query].sources
        ]
        return SearchResult(hits=tuple(hits), timings_ms={})


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return held_out(CASES, seed=2)


@pytest.fixture
async def answerer(trained_engine: Engine, cases: list[Case], word_embedder: Any) -> AsyncIterator[Answerer]:
    generator = OpenAICompatibleGenerator(trained_engine.endpoint())
    yield Answerer(Searcher(cases), generator, word_embedder, AgentSettings(), window=generator)
    await generator.close()


async def events_of(answerer: Answerer, asked: Asked) -> list[AnswerEvent]:
    request = AnswerRequest(id=asked.question, question=asked.question, principal=Principal(id="ana"))
    async with aclosing(answerer.run(request)) as events:
        return [event async for event in events]


async def test_on_passages_it_never_saw_it_cites_the_right_ones(answerer: Answerer, cases: list[Case]) -> None:
    asked = [(case, each) for case in cases for each in case.asked if each.facts]
    told = await asyncio.gather(*(events_of(answerer, each) for _, each in asked))
    right = 0
    for (case, each), events in zip(asked, told, strict=True):
        statements = events[-1].data["answer"].statements
        # It may say a thing twice; what it says has to rest on the right passages, and on no other.
        right += {said.sources for said in statements} == {(case.cited(fact),) for fact in each.facts}
    assert len(asked) > 80
    assert right / len(asked) > 0.7, right  # by chance 0.25, and less where two are asked for


async def test_a_statement_is_told_before_the_answer_is_complete(answerer: Answerer, cases: list[Case]) -> None:
    two = [each for case in cases for each in case.asked if len(each.facts) == 2]
    streamed = 0
    for asked in two[:5]:
        names = [event.name for event in await events_of(answerer, asked)]
        if names.count("statement") == 2:
            first = names.index("statement")
            assert "delta" in names[:first]
            assert "delta" in names[first:]  # the second statement's words come after the first was told whole
            streamed += 1
    assert streamed


def test_vllm_says_that_it_computes_in_eight_bits(trained_engine: Engine) -> None:
    assert any("CPUInt8ScaledMMLinearKernel" in line for line in trained_engine.said)
