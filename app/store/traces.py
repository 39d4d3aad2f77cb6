"""How answers came about: written after the answer was told, read one at a time by whoever asked, and forgotten."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec
from app.store.access import readable
from app.store.answers import own_answer
from app.store.database import Database
from app.store.records import AnswerRecord, TraceRecord
from app.store.tables import answer_traces, answers, documents, feedback
from app.store.withholding import WITHHELD
from core.errors import NotFound
from core.types import AnswerTrace, Attempt, Candidate, Message, Principal

LONGEST = 100_000
"""Characters kept of one message to a generator, or of one thing it wrote."""

_PARAMETERS = 500


class Traces:
    """The traces of all answers. Another principal's are `NotFound`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, traces: Mapping[str, AnswerTrace]) -> None:
        """Keeps traces by their answers' ids, all in one transaction; those of answers that are gone are dropped."""
        bodies = await asyncio.to_thread(lambda: {key: _packed(trace) for key, trace in traces.items()})
        at = codec.now()
        async with self._database.write() as connection:
            known = set((await connection.execute(select(answers.c.id).where(answers.c.id.in_(bodies)))).scalars())
            await connection.execute(delete(answer_traces).where(answer_traces.c.answer_id.in_(known)))
            values: list[dict[str, Any]] = [
                {"answer_id": key, "body": body, "created_at": at} for key, body in bodies.items() if key in known
            ]
            if values:
                await connection.execute(answer_traces.insert(), values)

    async def get(self, answer_id: str, principal: Principal) -> TraceRecord:
        """How the principal's own answer came about, without what it may no longer read. Raises `NotFound`."""
        async with self._database.snapshot() as connection:
            record = await own_answer(connection, answer_id, principal)
            statement = select(answer_traces.c.body).where(answer_traces.c.answer_id == answer_id)
            body = (await connection.execute(statement)).scalar()
            if body is None:
                raise NotFound("How this answer came about was not kept, or is kept no longer.")
            trace = await asyncio.to_thread(unpacked, body)
            seen = await _readable(connection, trace, record, principal)
        return _withheld(trace, record, seen)

    async def forget(self, before: datetime, learnt: datetime | None = None) -> int:
        """Drops the traces of answers that were given before a time; how many. Those of answers that somebody has a
        word on, or that such a one replaced, are what is learnt from: they stay until `learnt`, where that is given."""
        old = answer_traces.c.created_at < before
        if learnt is not None:
            spoken = select(feedback.c.answer_id)
            replaced = select(answers.c.regenerates).where(answers.c.id.in_(spoken), answers.c.regenerates.is_not(None))
            said = or_(answer_traces.c.answer_id.in_(spoken), answer_traces.c.answer_id.in_(replaced))
            old = old & (~said | (answer_traces.c.created_at < learnt))
        async with self._database.write() as connection:
            return (await connection.execute(delete(answer_traces).where(old))).rowcount


async def _readable(
    connection: AsyncConnection, trace: AnswerTrace, record: AnswerRecord, principal: Principal
) -> frozenset[str]:
    named = sorted({*_documents(trace, record).values()})
    seen: set[str] = set()
    for start in range(0, len(named), _PARAMETERS):
        part = named[start : start + _PARAMETERS]
        statement = select(documents.c.id).where(documents.c.id.in_(part), readable(principal))
        seen |= set((await connection.execute(statement)).scalars())
    return frozenset(seen)


def _documents(trace: AnswerTrace, record: AnswerRecord) -> dict[str, str]:
    """The document of each chunk that the trace names."""
    candidates = trace.search.candidates if trace.search else ()
    sources = record.answer.sources if record.answer else ()
    named = {source.chunk_id: source.document_id for source in sources}
    return named | {candidate.chunk_id: candidate.document_id for candidate in candidates}


def _withheld(trace: AnswerTrace, record: AnswerRecord, seen: frozenset[str]) -> TraceRecord:
    """A trace as it may be told. What was sent holds every source, and what was written may quote any of them."""
    known = _documents(trace, record)
    hidden = {chunk for chunk in (*known, *trace.offered) if known.get(chunk) not in seen}
    if not hidden:
        return TraceRecord(trace=trace)
    search = trace.search and replace(
        trace.search,
        candidates=tuple(_empty(one) if one.chunk_id in hidden else one for one in trace.search.candidates),
    )
    told = replace(trace, search=search)
    if hidden.intersection(trace.offered):
        told = replace(
            told,
            messages=tuple(_unsaid(message) for message in trace.messages),
            attempts=tuple(Attempt(output=WITHHELD, problem=one.problem and WITHHELD) for one in trace.attempts),
            verdicts=tuple(replace(one, reason=one.reason and WITHHELD) for one in trace.verdicts),
        )
    return TraceRecord(trace=told, withheld=tuple(sorted(hidden)))


def _empty(candidate: Candidate) -> Candidate:
    return replace(candidate, title=WITHHELD, excerpt="", page=None, heading_path=())


def _unsaid(message: Message) -> Message:
    """The system's message is the same for every question."""
    return message if message.role == "system" else replace(message, content=WITHHELD)


def _packed(trace: AnswerTrace) -> bytes:
    bounded = replace(
        trace,
        messages=tuple(replace(message, content=_cut(message.content)) for message in trace.messages),
        attempts=tuple(replace(attempt, output=_cut(attempt.output)) for attempt in trace.attempts),
    )
    return zlib.compress(codec.dump_trace(bounded))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def unpacked(body: bytes) -> AnswerTrace:
    """A trace as it is kept."""
    return codec.load_trace(zlib.decompress(body))
