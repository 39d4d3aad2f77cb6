"""Between Python values and what stands in a column: ids, times, JSON, and core dataclasses through pydantic."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from core.types import Answer, AnswerTrace, Chunk, CitationMark, Scalar

CHUNK_NAMESPACE = uuid.UUID("6d6f7a3c-3d0f-5d5e-9c53-6f0b7f6e7465")


def new_id() -> str:
    return str(uuid.uuid4())


def now() -> datetime:
    return datetime.now(UTC)


def chunk_id(generation: int, version_id: str, ordinal: int) -> str:
    """The id of a chunk and of its point in the index: the same each time the same version is built."""
    return str(uuid.uuid5(CHUNK_NAMESPACE, f"{generation}/{version_id}/{ordinal}"))


def dump(value: Any) -> str:
    """Compact JSON; a set of keys always in the same order, so that equal values are equal text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def strings(column: str) -> tuple[str, ...]:
    return tuple(json.loads(column))


def mapping(column: str) -> Mapping[str, Scalar]:
    value: dict[str, Scalar] = json.loads(column)
    return value


def timings(column: str) -> Mapping[str, float]:
    value: dict[str, float] = json.loads(column)
    return value


def group_names(groups: Iterable[str]) -> tuple[str, ...]:
    """Each group once, sorted."""
    return tuple(sorted(set(groups)))


# Built on first use: pydantic takes milliseconds to build a validator, and not every process needs each.
@cache
def chunk_adapter() -> TypeAdapter[Chunk]:
    return TypeAdapter(Chunk)


@cache
def answer_adapter() -> TypeAdapter[Answer]:
    return TypeAdapter(Answer)


@cache
def trace_adapter() -> TypeAdapter[AnswerTrace]:
    return TypeAdapter(AnswerTrace)


@cache
def marks_adapter() -> TypeAdapter[tuple[CitationMark, ...]]:
    return TypeAdapter(tuple[CitationMark, ...])


def dump_chunk(chunk: Chunk) -> str:
    return chunk_adapter().dump_json(chunk, exclude_defaults=True).decode()


def load_chunk(column: str) -> Chunk:
    return chunk_adapter().validate_json(column)


def dump_answer(answer: Answer) -> str:
    return answer_adapter().dump_json(answer).decode()


def load_answer(column: str) -> Answer:
    return answer_adapter().validate_json(column)


def dump_trace(trace: AnswerTrace) -> bytes:
    return trace_adapter().dump_json(trace)


def load_trace(text: bytes) -> AnswerTrace:
    return trace_adapter().validate_json(text)


def dump_marks(marks: tuple[CitationMark, ...]) -> str:
    return marks_adapter().dump_json(marks).decode()


def load_marks(column: str) -> tuple[CitationMark, ...]:
    return marks_adapter().validate_json(column)
