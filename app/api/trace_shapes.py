"""How it is told how a search or an answer came about."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from app.api.filters import Filters
from app.api.shapes import Mode, Response
from core import types

if TYPE_CHECKING:
    from app.store.records import TraceRecord


class Candidate(Response):
    """A passage that the index proposed, in the index's order. `ranks` are its places by each leg's score among all
    that were proposed. `withheld`: it may no longer be read."""

    chunk_id: str
    document_id: str
    title: str
    page: int | None
    heading_path: list[str]
    excerpt: str
    rank: int
    score: float
    scores: dict[str, float]
    ranks: dict[str, int]
    fate: Literal["kept", "duplicate", "moved", "spare"] = Field(
        description="It went on; it would have shown a passage twice (`duplicate_of`); its document has moved since; "
        "there were enough before it."
    )
    duplicate_of: str | None
    withheld: bool = False


class Placed(Response):
    """A passage's place at the end; `rerank` is the reranker's own score, null where it did not read it."""

    chunk_id: str
    score: float
    rerank: float | None


class SearchTrace(Response):
    """How a search came about. Of passages that the store refused only the number is told."""

    query: str
    mode: Mode = Field(description="What was left of the mode asked for.")
    looks: int = Field(description="How often the index was asked.")
    proposed: int = Field(description="Passages the index proposed at the last look.")
    refused: int = Field(description="Those of them that are not live or not the caller's to read.")
    candidates: list[Candidate]
    order: list[Placed] = Field(description="What was kept, as it was at the end; the hits come first.")
    reranked: bool


class Offered(Response):
    """A passage that was offered to the generator as a source."""

    source: str
    chunk_id: str


class Message(Response):
    """One part of a prompt."""

    role: str
    content: str


class Sent(Response):
    """What the generator was sent: a prompt, and the JSON schema that its output had to satisfy."""

    messages: list[Message]
    output_schema: dict[str, Any]


class Attempt(Response):
    """What the generator wrote, to the letter, and why it was not taken."""

    output: str
    problem: str | None


class Verdict(Response):
    """How a statement came to its support."""

    support: float
    supported: bool
    method: Literal["verbatim", "similarity", "nli", "generator"] = Field(
        description="It is its source's own words; likeness; a model of inference; the generator as judge."
    )
    similarity: float = Field(description="The support by likeness, which stands without a judge.")
    reason: str | None = Field(description="The generator's own words as judge.")


class Reused(Response):
    """The answer that was given again, and when it was written."""

    answer_id: str = Field(description="Not the caller's own where somebody asked who may read the same.")
    written_at: datetime


class Finding(Response):
    """What a rail did to a text."""

    rail: str = Field(examples=["personal"])
    place: Literal["question", "passage", "tool_result", "arguments", "answer", "training"]
    action: Literal["marked", "masked", "blocked"]
    what: str = Field(description="The kind of what was found, never the text itself.", examples=["EMAIL_ADDRESS"])
    count: int


class AnswerTrace(Response):
    """How an answer came about, or as far as it came. For one that was remembered it tells how it was first written."""

    answer_id: str
    asked: str = Field(description="The question as it was asked.")
    question: str = Field(description="The question as it was searched for.")
    collections: list[str]
    filters: Filters
    search: SearchTrace | None = Field(description="Null where no document was consulted.")
    offered: list[Offered]
    sent: Sent | None = Field(description="Null where no generator was asked.")
    attempts: list[Attempt]
    verdicts: list[Verdict] = Field(description="On each statement, in order; none where the trace is older.")
    timings_ms: dict[str, float]
    search_ms: dict[str, float]
    degraded: list[str]
    reused: Reused | None = Field(description="Null where it was written for this question.")
    findings: list[Finding] = Field(description="What the rails did; where they mask, these texts are masked too.")
    withheld: bool = Field(description="Something of it may no longer be read and was left out.")


def search_trace(trace: types.SearchTrace, withheld: Collection[str] = ()) -> SearchTrace:
    """The trace of a search as it is told; candidates in `withheld` are marked."""
    told = SearchTrace.model_validate(trace)
    for candidate in told.candidates:
        candidate.withheld = candidate.chunk_id in withheld
    return told


def answer_trace(answer_id: str, record: TraceRecord) -> AnswerTrace:
    """The trace of an answer as it is told."""
    trace = record.trace
    narrowed = trace.filters
    filters = Filters.model_construct(
        document_ids=list(narrowed.document_ids),
        metadata={key: list(v) if isinstance(v, tuple) else v for key, v in narrowed.metadata.items()},
        created_after=narrowed.created_after,
        created_before=narrowed.created_before,
    )
    messages = [Message.model_validate(message) for message in trace.messages]
    return AnswerTrace(
        answer_id=answer_id,
        asked=trace.asked,
        question=trace.question,
        collections=list(trace.collections),
        filters=filters,
        search=search_trace(trace.search, frozenset(record.withheld)) if trace.search else None,
        offered=[Offered(source=str(n), chunk_id=chunk) for n, chunk in enumerate(trace.offered, start=1)],
        sent=Sent(messages=messages, output_schema=dict(trace.schema)) if messages else None,
        attempts=[Attempt.model_validate(attempt) for attempt in trace.attempts],
        verdicts=[Verdict.model_validate(verdict) for verdict in trace.verdicts],
        timings_ms=dict(trace.timings_ms),
        search_ms=dict(trace.search_ms),
        degraded=list(trace.degraded),
        reused=trace.reused and Reused.model_validate(trace.reused),
        findings=[Finding.model_validate(finding) for finding in trace.findings],
        withheld=bool(record.withheld),
    )


TRACE: dict[str, Any] = {
    "answer_id": "3c1f9e57-5b6e-4b0c-8a58-0d6c8a9b1c22",
    "asked": "And how many for part-time?",
    "question": "How many days of leave does a part-time employee have?",
    "collections": ["default"],
    "filters": {"document_ids": [], "metadata": {}, "created_after": None, "created_before": None},
    "search": {
        "query": "How many days of leave does a part-time employee have?",
        "mode": "hybrid",
        "looks": 1,
        "proposed": 28,
        "refused": 0,
        "candidates": [
            {
                "chunk_id": "0e5b8f53-92cf-5d0c-8f3e-1f3d6f0a9c11",
                "document_id": "5f3c4b9a-8e0d-4e57-8c43-2b1b7f2f3a10",
                "title": "Leave policy",
                "page": 2,
                "heading_path": ["Leave", "Part-time"],
                "excerpt": "Part-time employees have leave in proportion to their working days.",
                "rank": 1,
                "score": 0.31,
                "scores": {"dense": 0.71, "lexical": 11.4, "fused": 0.31},
                "ranks": {"dense": 1, "lexical": 2},
                "fate": "kept",
                "duplicate_of": None,
                "withheld": False,
            }
        ],
        "order": [{"chunk_id": "0e5b8f53-92cf-5d0c-8f3e-1f3d6f0a9c11", "score": 0.31, "rerank": None}],
        "reranked": False,
    },
    "offered": [{"source": "1", "chunk_id": "0e5b8f53-92cf-5d0c-8f3e-1f3d6f0a9c11"}],
    "sent": {
        "messages": [
            {"role": "system", "content": "Answer from the sources alone…"},
            {"role": "user", "content": "Sources:\n\n<<source 1 5f0a…>>\nLeave policy…\n\nQuestion: How many days…"},
        ],
        "output_schema": {"type": "object", "properties": {"answerable": {"type": "boolean"}}},
    },
    "attempts": [{"output": '{"answerable": true, "statements": […]}', "problem": None}],
    "verdicts": [
        {
            "support": 1.0,
            "supported": True,
            "method": "generator",
            "similarity": 0.71,
            "reason": "Source 1 says that part-time employees have leave in proportion to their working days.",
        }
    ],
    "timings_ms": {"condense": 0.1, "retrieve": 5.3, "generate": 21.0, "verify": 0.2, "total": 27.1},
    "search_ms": {"embed": 2.4, "search": 1.3, "check": 0.9, "rerank": 0.0, "total": 5.1},
    "degraded": [],
    "reused": None,
    "findings": [{"rail": "personal", "place": "passage", "action": "masked", "what": "EMAIL_ADDRESS", "count": 1}],
    "withheld": False,
}
