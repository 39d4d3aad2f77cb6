"""What is learnt from: answers with a word on them, as they were logged; and what shall be left out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, rows
from app.store.access import readable
from app.store.database import Database
from app.store.learning_records import Exclusion, ExclusionKind, Wanted
from app.store.run_tables import run_steps, runs, step_prompts, threads
from app.store.step_prompts import logged as step_prompts_of
from app.store.tables import answer_traces, answers, collections, conversations, documents, exclusions, feedback
from app.store.traces import LONGEST, unpacked
from core.errors import NotFound
from core.types import AnswerTrace, Feedback, LoggedAnswer, Message, Principal

_BATCH = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Logged answers, and the ids of those that rest on documents which are gone or which their asker may no longer
    read. `total` are all there are to come."""

    answers: tuple[LoggedAnswer, ...]
    out_of_reach: frozenset[str]
    total: int


class Learning:
    """Reads what was logged; keeps what shall be left out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def logged(self, wanted: Wanted, principal: Callable[[str], Principal | None]) -> AsyncIterator[Batch]:
        """Answers with a word on them and those in whose place they were asked for, in batches, all of one state of the
        database; without those of deleted conversations. `principal` says what a person may read now."""
        async with self._database.snapshot() as connection:
            spoken = select(feedback.c.answer_id)
            replaced = select(answers.c.regenerates).where(answers.c.id.in_(spoken), answers.c.regenerates.is_not(None))
            where: list[ColumnElement[bool]] = [
                answers.c.status == "done",
                answers.c.id.in_(spoken) | answers.c.id.in_(replaced),
                conversations.c.deleted_at.is_(None),
            ]
            if wanted.since is not None:
                where.append(answers.c.created_at >= wanted.since)
            if wanted.until is not None:
                where.append(answers.c.created_at < wanted.until)
            joined = answers.join(conversations, conversations.c.id == answers.c.conversation_id)
            total = (await connection.execute(select(func.count()).select_from(joined).where(*where))).scalar_one()
            if not total:
                return
            statement = (
                select(*answers.c, answer_traces.c.body.label("trace"))
                .select_from(joined.outerjoin(answer_traces, answer_traces.c.answer_id == answers.c.id))
                .order_by(answers.c.id)
                .limit(_BATCH)
            )
            after = ""
            while found := (await connection.execute(statement.where(*where, answers.c.id > after))).all():
                after = found[-1].id
                yield await _batch(connection, found, wanted, principal, total)

    async def steps(self, wanted: Wanted, principal: Callable[[str], Principal | None]) -> AsyncIterator[Batch]:
        """Agents' steps with a word on them, in the same way."""
        async with self._database.snapshot() as connection:
            same = (step_prompts.c.run_id == run_steps.c.run_id) & (step_prompts.c.number == run_steps.c.number)
            joined = run_steps.join(runs, runs.c.id == run_steps.c.run_id).join(step_prompts, same)
            where: list[ColumnElement[bool]] = [run_steps.c.rating.is_not(None)]
            if wanted.since is not None:
                where.append(run_steps.c.created_at >= wanted.since)
            if wanted.until is not None:
                where.append(run_steps.c.created_at < wanted.until)
            total = (await connection.execute(select(func.count()).select_from(joined).where(*where))).scalar_one()
            ordered = (run_steps.c.run_id, run_steps.c.number)
            columns = (*run_steps.c, runs.c.principal_id, runs.c.thread_id, step_prompts.c.body.label("prompt"))
            statement = select(*columns).select_from(joined).order_by(*ordered).limit(_BATCH)
            after = ("", 0)
            while found := (await connection.execute(statement.where(*where, tuple_(*ordered) > tuple_(*after)))).all():
                after = (found[-1].run_id, found[-1].number)
                logged = await asyncio.to_thread(_steps, found)
                yield await _within(connection, logged, wanted, principal, total)

    async def judged(self, since: datetime | None = None) -> Mapping[str, int]:
        """How many answers have a word on them, by rating; with `since` those whose word was said or changed then."""
        statement = (
            select(feedback.c.rating, func.count())
            .join_from(feedback, answers, answers.c.id == feedback.c.answer_id)
            .join(conversations, conversations.c.id == answers.c.conversation_id)
            .where(conversations.c.deleted_at.is_(None))
            .group_by(feedback.c.rating)
        )
        if since is not None:
            statement = statement.where(feedback.c.updated_at > since)
        async with self._database.read() as connection:
            return {row[0]: row[1] for row in (await connection.execute(statement)).all()}

    async def require_collections(self, names: Sequence[str]) -> None:
        """Raises `NotFound` for one that there is not."""
        async with self._database.read() as connection:
            found = await connection.execute(select(collections.c.name).where(collections.c.name.in_(names)))
            known = set(found.scalars())
        if missing := sorted(set(names) - known):
            raise NotFound(f"There is no collection named {missing[0]}.")

    async def places(self, document_ids: Collection[str]) -> Mapping[str, str]:
        """The collection of each document that there is."""
        async with self._database.snapshot() as connection:
            return await _collections(connection, document_ids)

    async def gone(self, document_ids: Collection[str], conversation_ids: Collection[str]) -> frozenset[str]:
        """Which of these documents, and conversations or agents' threads, are deleted, or were never there."""
        left = set(document_ids) | set(conversation_ids)
        async with self._database.snapshot() as connection:
            for table, ids in ((documents, sorted(document_ids)), (conversations, sorted(conversation_ids))):
                for start in range(0, len(ids), _BATCH):
                    live = select(table.c.id).where(
                        table.c.id.in_(ids[start : start + _BATCH]), table.c.deleted_at.is_(None)
                    )
                    left -= set((await connection.execute(live)).scalars())
            ids = sorted(left & set(conversation_ids))
            for start in range(0, len(ids), _BATCH):
                kept = select(threads.c.id).where(threads.c.id.in_(ids[start : start + _BATCH]))
                left -= set((await connection.execute(kept)).scalars())
        return frozenset(left)

    async def exclude(self, kind: ExclusionKind, subject: str, reason: str | None, principal: Principal) -> Exclusion:
        """Leaves something out from now on; saying it again changes the reason."""
        said: dict[str, Any] = {"reason": reason, "principal_id": principal.id, "created_at": codec.now()}
        one = (exclusions.c.kind == kind) & (exclusions.c.subject == subject)
        async with self._database.write() as connection:
            changed = await connection.execute(update(exclusions).where(one).values(**said))
            if changed.rowcount == 0:
                await connection.execute(insert(exclusions).values(kind=kind, subject=subject, **said))
        return Exclusion(kind=kind, subject=subject, **said)

    async def exclusions(self) -> list[Exclusion]:
        """Everything that is left out, the newest first."""
        statement = select(exclusions).order_by(exclusions.c.created_at.desc(), exclusions.c.kind, exclusions.c.subject)
        async with self._database.read() as connection:
            return [Exclusion(**row._mapping) for row in (await connection.execute(statement)).all()]

    async def include(self, kind: ExclusionKind, subject: str) -> None:
        """Takes an exclusion back. Raises `NotFound`."""
        one = (exclusions.c.kind == kind) & (exclusions.c.subject == subject)
        async with self._database.write() as connection:
            if (await connection.execute(delete(exclusions).where(one))).rowcount == 0:
                raise NotFound(f"The {kind} {subject[:100]} was not left out.")


async def _batch(
    connection: AsyncConnection,
    found: Sequence[Any],
    wanted: Wanted,
    principal: Callable[[str], Principal | None],
    total: int,
) -> Batch:
    said = select(feedback).where(feedback.c.answer_id.in_([row.id for row in found])).order_by(feedback.c.id)
    words = [rows.feedback(row) for row in (await connection.execute(said)).all()]
    logged = await asyncio.to_thread(lambda: [_logged(row, words) for row in found])
    return await _within(connection, logged, wanted, principal, total)


async def _within(
    connection: AsyncConnection,
    logged: Sequence[LoggedAnswer],
    wanted: Wanted,
    principal: Callable[[str], Principal | None],
    total: int,
) -> Batch:
    named = {source.document_id for each in logged for source in each.answer.sources if source.document_id}
    places = await _collections(connection, named)
    inside = [each for each in logged if _inside(each, places, wanted.collections)]
    beyond: set[str] = set()
    for person in sorted({each.principal_id for each in inside}):
        seen = await _readable(connection, principal(person) or Principal(id=person), named)
        beyond |= {
            each.answer.id
            for each in inside
            if each.principal_id == person
            and any(source.document_id and source.document_id not in seen for source in each.answer.sources)
        }
    return Batch(answers=tuple(inside), out_of_reach=frozenset(beyond), total=total)


def _steps(found: Sequence[Any]) -> list[LoggedAnswer]:
    return [step_prompts_of(row, _written) for row in found]


async def _collections(connection: AsyncConnection, ids: Collection[str]) -> dict[str, str]:
    statement = select(documents.c.id, documents.c.collection)
    found: dict[str, str] = {}
    for part in _parts(ids):
        rows_of = (await connection.execute(statement.where(documents.c.id.in_(part)))).all()
        found |= {row.id: row.collection for row in rows_of}
    return found


async def _readable(connection: AsyncConnection, principal: Principal, ids: Collection[str]) -> frozenset[str]:
    found: set[str] = set()
    for part in _parts(ids):
        statement = select(documents.c.id).where(documents.c.id.in_(part), readable(principal))
        found |= set((await connection.execute(statement)).scalars())
    return frozenset(found)


def _parts(ids: Collection[str]) -> list[list[str]]:
    ordered = sorted(ids)
    return [ordered[start : start + _BATCH] for start in range(0, len(ordered), _BATCH)]


def _inside(logged: LoggedAnswer, places: Mapping[str, str], wanted: Sequence[str]) -> bool:
    if not wanted:
        return True
    named = [source.document_id for source in logged.answer.sources if source.document_id]
    return bool(named) and all(places.get(each) in wanted for each in named)


def _logged(row: rows.AnyRow, words: Sequence[Feedback]) -> LoggedAnswer:
    record = rows.answer(row)
    assert record.answer is not None
    trace = unpacked(row.trace) if row.trace is not None else None
    messages, output = _written(trace)
    return LoggedAnswer(
        answer=record.answer,
        asked=record.question,
        conversation_id=record.conversation_id,
        principal_id=record.principal_id,
        created_at=record.created_at,
        messages=messages,
        schema=trace.schema if trace and messages else {},
        output=output,
        feedback=tuple(each for each in words if each.answer_id == record.id),
        regenerates=row.regenerates,
    )


def _written(trace: AnswerTrace | None) -> tuple[tuple[Message, ...], str]:
    """What was sent and what was taken of what came back; nothing where a trace holds only a part of it: half a prompt
    is none."""
    if trace is None or not trace.messages:
        return (), ""
    output = next((each.output for each in reversed(trace.attempts) if each.problem is None), "")
    if not output or any(len(text) >= LONGEST for text in (output, *(each.content for each in trace.messages))):
        return (), ""
    return tuple(trace.messages), output


__all__ = ["Batch", "Exclusion", "ExclusionKind", "Learning", "Wanted"]
