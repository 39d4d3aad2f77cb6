"""How an answer is told over HTTP, in whole and in events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from app.api.shapes import ErrorShape, Response, Source, Statement, source
from core import types

if TYPE_CHECKING:
    from app.store.records import AnswerRecord


class Retrieval(Response):
    """Whether documents were consulted, why or why not, and how many passages were offered to the generator."""

    used: bool
    reason: str
    n: int


class Generator(Response):
    """Who spoke."""

    name: str
    fingerprint: str
    adapter: str | None = None


class Usage(Response):
    """Tokens read and written by the generator."""

    prompt_tokens: int
    completion_tokens: int


class Answer(Response):
    """An answer. While it is `running`, and where it `failed`, it has no statements."""

    id: str
    conversation_id: str
    status: Literal["running", "done", "failed"]
    question: str = Field(description="As it was asked.")
    standalone_question: str | None = Field(default=None, description="What was searched for.")
    statements: list[Statement] = Field(default_factory=list)
    sources: list[Source] = Field(default_factory=list)
    answerable: bool | None = None
    retrieval: Retrieval | None = None
    generator: Generator | None = None
    timings_ms: dict[str, float] = Field(default_factory=dict)
    degraded: list[str] = Field(default_factory=list)
    usage: Usage | None = None
    cached: bool = Field(default=False, description="It was not written for this question, but remembered.")
    written_at: datetime | None = Field(default=None, description="When it was first written, where it is `cached`.")
    error: ErrorShape | None = None
    created_at: datetime


def shown_answer(record: AnswerRecord) -> Answer:
    """A record as it is told; sources that may no longer be read are marked as withheld."""
    head = {
        "id": record.id,
        "conversation_id": record.conversation_id,
        "status": record.status,
        "question": record.question,
        "created_at": record.created_at,
        "error": None if record.error is None else ErrorShape.model_validate(record.error),
    }
    answer = record.answer
    if answer is None:
        return Answer(**head)
    return Answer(
        **head,
        standalone_question=answer.question,
        statements=[Statement.model_validate(item) for item in answer.statements],
        sources=[source(item, item.id in record.withheld) for item in answer.sources],
        answerable=answer.answerable,
        retrieval=Retrieval.model_validate(answer.retrieval),
        generator=Generator.model_validate(answer.generator),
        timings_ms=dict(answer.timings_ms),
        degraded=list(answer.degraded),
        usage=Usage.model_validate(answer.usage),
        cached=answer.reused is not None,
        written_at=answer.reused and answer.reused.written_at,
    )


def event_data(event: types.AnswerEvent) -> str:
    """The JSON of an event on the way to an answer. `done` is told from the record instead."""
    data: Mapping[str, Any] = event.data
    if event.name == "sources":
        return json.dumps({"sources": [source(item).model_dump(mode="json") for item in data["sources"]]})
    if event.name in ("statement", "verdict"):
        statement = Statement.model_validate(data["statement"]).model_dump(mode="json")
        return json.dumps({"index": data["index"], "statement": statement})
    return json.dumps(dict(data))


ANSWER: dict[str, Any] = {
    "id": "3c1f9e57-5b6e-4b0c-8a58-0d6c8a9b1c22",
    "conversation_id": "7a4f4a53-5b6e-4b0c-8a58-0d6c8a9b1c22",
    "status": "done",
    "question": "How many days of leave do I have?",
    "standalone_question": "How many days of leave do I have?",
    "statements": [
        {
            "text": "Every employee has 28 days of paid leave a year.",
            "sources": ["1"],
            "support": 1.0,
            "supported": True,
        }
    ],
    "sources": [
        {
            "id": "1",
            "document_id": "5f3c4b9a-8e0d-4e57-8c43-2b1b7f2f3a10",
            "version_id": "c1b9c5a2-6d9c-4a4e-9a7e-0f4f3e9d2b77",
            "title": "Leave policy",
            "page": 2,
            "chunk_id": "0e5b8f53-92cf-5d0c-8f3e-1f3d6f0a9c11",
            "text": "Every employee has 28 days of paid leave a year. Five may be carried over.",
            "boxes": [{"page": 2, "x0": 72.0, "y0": 120.5, "x1": 523.0, "y1": 148.0}],
            "heading_path": ["Leave", "Annual leave"],
            "score": 0.82,
            "withheld": False,
        }
    ],
    "answerable": True,
    "retrieval": {"used": True, "reason": "question", "n": 8},
    "generator": {"name": "extractive", "fingerprint": "extractive-1", "adapter": None},
    "timings_ms": {"embed": 2.4, "search": 3.1, "generate": 21.0, "verify": 4.2, "total": 33.5},
    "degraded": [],
    "usage": {"prompt_tokens": 0, "completion_tokens": 0},
    "cached": False,
    "written_at": None,
    "error": None,
    "created_at": "2026-11-20T09:32:00Z",
}
