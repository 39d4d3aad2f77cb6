"""Two hundred answers of a model of random weights: whatever it would say, it is held to the schema of its request."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import aclosing
from typing import Any

import jsonschema

from agents.answer import Answerer, AnswerRequest
from agents.settings import AgentSettings, OutputSettings
from core.ports import Generator, PromptWindow
from core.types import AnswerTrace, Hit, Principal, SearchRequest, SearchResult

BOUNDS = OutputSettings(max_statements=2, max_statement_chars=40, max_citations=2)
COUNT = 200


def hit(number: int, text: str) -> Hit:
    return Hit(
        chunk_id=f"c{number}", document_id="d", version_id=f"v{number}", title="T", text=text, score=1.0, scores={}
    )


class Searcher:
    """Finds as many passages as the question names."""

    async def search(self, request: SearchRequest) -> SearchResult:
        count = int(request.query.split()[-1])
        hits = [hit(n, f"Passage {n} for {request.query}: leave is {n + 20} days.") for n in range(1, count + 1)]
        return SearchResult(hits=tuple(hits), timings_ms={})


async def trace_of(answerer: Answerer, question: str) -> AnswerTrace:
    request = AnswerRequest(id=question, question=question, principal=Principal(id=question[:3]))
    async with aclosing(answerer.run(request)) as events:
        async for event in events:
            if event.name == "done":
                trace: AnswerTrace = event.data["trace"]
                return trace
    raise AssertionError("no end")


async def are_held_to_their_schemas(generator: Generator, window: PromptWindow, embedder: Any) -> set[str]:
    """Asks all of them at once: every output is valid at the first try, cites only what was offered for it, and has no
    run of white space. Returns the outputs."""
    settings = AgentSettings(output=BOUNDS, max_tokens=512, generate_seconds=3_000)  # pytest's own limit comes first
    answerer = Answerer(Searcher(), generator, embedder, settings, window=window)
    questions = [f"{n:03} is how many passages? {n % 6 + 1}" for n in range(COUNT)]
    traces = await asyncio.gather(*(trace_of(answerer, question) for question in questions))
    for trace in traces:
        (attempt,) = trace.attempts
        value = json.loads(attempt.output)
        jsonschema.validate(value, dict(trace.schema))
        offered = {str(n) for n in range(1, len(trace.offered) + 1)}
        assert {each for said in value["statements"] for each in said["sources"]} <= offered
        assert not re.search(r"\s{8}", attempt.output)
    outputs = {trace.attempts[0].output for trace in traces}
    assert any(json.loads(output)["statements"] for output in outputs)
    return outputs
