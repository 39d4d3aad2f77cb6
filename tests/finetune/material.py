"""Logged answers as the product logs them: real prompts, real schemas, real support; only who asked is made up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from agents.prompting import answer_messages
from agents.schema import answer_schema
from agents.settings import OutputSettings
from core.types import (
    Answer,
    CitationMark,
    Feedback,
    GeneratorInfo,
    LoggedAnswer,
    Retrieval,
    Source,
    Statement,
)
from finetune.join import Word
from finetune.target import Said, answer, written

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TEXTS = (
    "Employees in Germany receive 28 days of paid vacation per year. Unused days expire in March.",
    "The travel policy pays for trains in second class. Flights need the approval of a manager.",
    "Revenue rose by 12 % to 1,234 million euros in 2023. It did not rise in 2022.",
)
VACATION = "Employees in Germany receive 28 days of paid vacation per year."


def source(number: int, text: str, document: str | None = None) -> Source:
    """A passage offered as number `number`."""
    document = document or f"d{number}"
    return Source(
        id=str(number),
        chunk_id=f"{document}-c{number}",
        document_id=document,
        version_id=f"{document}-v1",
        title=f"Document {document}",
        text=text,
    )


SOURCES = tuple(source(number, text) for number, text in enumerate(TEXTS, start=1))


def logged(
    statements: Sequence[tuple[str, tuple[str, ...]]] = ((VACATION, ("1",)),),
    *,
    id: str = "a1",
    question: str = "How many days of vacation do employees receive?",
    sources: tuple[Source, ...] = SOURCES,
    conversation: str = "c1",
    asker: str = "ana",
    at: datetime = START,
    **others: Any,
) -> LoggedAnswer:
    """An answer that says these statements, each with the ids it cites."""
    said = [Said(text=text, sources=ids) for text, ids in statements]
    schema = answer_schema([each.id for each in sources], OutputSettings())
    found = Answer(
        id=id,
        question=question,
        statements=tuple(Statement(text=each.text, sources=each.sources) for each in said),
        sources=sources,
        answerable=bool(said),
        retrieval=Retrieval(used=True, reason="", n=len(sources)),
        generator=GeneratorInfo(name="vllm", fingerprint="fp-1", adapter="support@0123"),
        timings_ms={},
    )
    given: dict[str, Any] = {
        "messages": answer_messages(question, sources),
        "schema": schema,
        "output": written(answer(said), schema).replace('":', '": '),  # as a model writes that is free to
    }
    return LoggedAnswer(
        answer=found, asked=question, conversation_id=conversation, principal_id=asker, created_at=at, **given | others
    )


def feedback(
    on: LoggedAnswer,
    rating: Literal["up", "down"] = "down",
    corrected: str | None = None,
    *,
    id: str = "",
    person: str | None = None,
    reason: str | None = None,
    marks: dict[str, bool] | None = None,
    after: float = 60.0,
) -> Feedback:
    """A word on an answer, `after` so many seconds."""
    return Feedback(
        id=id or f"f-{on.answer.id}-{person or on.principal_id}",
        answer_id=on.answer.id,
        principal_id=person or on.principal_id,
        rating=rating,
        created_at=on.created_at + timedelta(seconds=after),
        reason=reason,
        corrected=corrected,
        citations=tuple(CitationMark(source=each, correct=correct) for each, correct in (marks or {}).items()),
    )


def word(on: LoggedAnswer, *said: Any, **others: Any) -> Word:
    """An answer with a word on it."""
    return Word(logged=on, feedback=feedback(on, *said, **others))


class Shelf:
    """Documents that are searched by nothing but being there; `asked` keeps the queries."""

    def __init__(self, *passages: Source) -> None:
        self.found = passages
        self.asked: list[tuple[str, str]] = []

    async def passages(self, query: str, principal_id: str, limit: int) -> Sequence[Source]:
        self.asked.append((query, principal_id))
        return self.found[:limit]
