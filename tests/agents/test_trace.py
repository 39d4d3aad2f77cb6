"""How an answer came about is told with it, and with its failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agents.answer import Answerer, AnswerRequest
from agents.settings import AgentSettings
from core.errors import DeadlineExceeded, GenerationInvalid
from core.types import AnswerTrace, Filters, Hit, Message, Placed, Principal, SearchRequest, SearchResult, SearchTrace

QUOTE = "Unused days expire in March."
ASKED = AnswerRequest(id="a1", question="When do unused days expire?", principal=Principal(id="ana"))
BROKEN = '{"answerable": true, "statements": [{"text": "a", "sources": ["9"]}]}'


class TracingSearcher:
    """Finds the given hits and says so."""

    def __init__(self, hits: list[Hit]) -> None:
        self._hits = tuple(hits)

    async def search(self, request: SearchRequest) -> SearchResult:
        assert request.trace
        order = tuple(Placed(chunk_id=hit.chunk_id, score=hit.score) for hit in self._hits)
        trace = SearchTrace(
            query=request.query,
            mode="dense",
            looks=1,
            proposed=9,
            refused=2,
            candidates=(),
            order=order,
            reranked=False,
        )
        return SearchResult(hits=self._hits, timings_ms={"embed": 2.0}, degraded=("dense_unavailable",), trace=trace)


@pytest.fixture
def answerer(word_embedder: Any, hits: list[Hit]) -> Callable[..., Answerer]:
    def make(generator: Any, found: list[Hit] | None = None, **settings: Any) -> Answerer:
        searching = TracingSearcher(hits if found is None else found)
        return Answerer(searching, generator, word_embedder, AgentSettings(**settings))

    return make


async def told(answering: Answerer, request: AnswerRequest = ASKED, event: str = "done") -> AnswerTrace:
    """The trace that comes with an event, whatever is raised after it."""
    trace = None
    try:
        async for each in answering.run(request):
            trace = each.data["trace"] if each.name == event else trace
    except (GenerationInvalid, DeadlineExceeded):
        assert event == "failed"
    assert isinstance(trace, AnswerTrace)
    return trace


async def test_everything_that_led_to_an_answer(answerer: Any, generator_of: Any, written: Any) -> None:
    output = written((QUOTE, ["1"]))
    generator = generator_of([output[:20], output[20:]])
    request = replace(ASKED, collections=("handbook",), filters=Filters(document_ids=("d1",)))
    trace = await told(answerer(generator, sources=2), request)
    assert (trace.asked, trace.question) == (ASKED.question, ASKED.question)
    assert (trace.collections, trace.filters) == (("handbook",), Filters(document_ids=("d1",)))
    assert trace.search is not None
    assert (trace.search.proposed, [placed.chunk_id for placed in trace.search.order]) == (9, ["c1", "c2", "c3"])
    assert trace.offered == ("c1", "c2")
    (sent,) = generator.requests
    assert (trace.messages, trace.schema) == (sent.messages, sent.schema)
    assert [(attempt.output, attempt.problem) for attempt in trace.attempts] == [(output, None)]
    assert trace.search_ms == {"embed": 2.0}
    assert set(trace.timings_ms) >= {"condense", "retrieve", "generate", "verify", "total"}
    assert trace.degraded == ("dense_unavailable",)


async def test_a_follow_up_as_it_was_asked_and_as_it_was_searched(
    answerer: Any, generator_of: Any, written: Any
) -> None:
    history = (Message(role="user", content="Who pays for trains?"), Message(role="assistant", content="We do."))
    generator = generator_of([written((QUOTE, ["1"]))], condensed='{"question": "Who pays for flights?"}')
    trace = await told(answerer(generator), replace(ASKED, question="And flights?", history=history))
    assert (trace.asked, trace.question) == ("And flights?", "Who pays for flights?")
    assert trace.search is not None
    assert trace.search.query == "Who pays for flights?"


async def test_an_output_that_was_not_taken_is_told_with_its_reason(
    answerer: Any, generator_of: Any, written: Any
) -> None:
    trace = await told(answerer(generator_of([BROKEN], [written((QUOTE, ["1"]))])))
    first, second = trace.attempts
    assert first.output == BROKEN
    assert first.problem is not None
    assert "not offered" in first.problem
    assert (second.output, second.problem) == (written((QUOTE, ["1"])), None)


async def test_an_answer_that_fails_tells_how_far_it_came(answerer: Any, generator_of: Any) -> None:
    trace = await told(answerer(generator_of([BROKEN], [BROKEN])), event="failed")
    assert [attempt.output for attempt in trace.attempts] == [BROKEN, BROKEN]
    late = await told(answerer(generator_of(['{"answerable": t', 30.0]), generate_seconds=0.05), event="failed")
    assert [attempt.output for attempt in late.attempts] == ['{"answerable": t']
    assert late.messages


async def test_where_no_generator_is_asked_nothing_was_sent(answerer: Any, generator_of: Any) -> None:
    greeting = await told(answerer(generator_of()), replace(ASKED, question=" Hello! "))
    assert (greeting.search, greeting.messages, greeting.attempts) == (None, (), ())
    nothing = await told(answerer(generator_of(), found=[]))
    assert nothing.search is not None
    assert (nothing.offered, nothing.messages, nothing.schema) == ((), (), {})
