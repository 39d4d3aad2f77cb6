"""Threads: an agent's tasks one after another, seen by nobody but their owner."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, run_rows
from app.store.database import Database
from app.store.run_records import ACTIVE, ThreadRecord, ThreadStatus, checkpoints_of
from app.store.run_tables import effects, runs, threads
from app.store.thread_withholding import hidden_documents, withhold, without
from core.errors import Conflict, NotFound
from core.types import Principal

_AT_ONCE = 500

Sorted = Literal["thread_id", "status", "created_at", "updated_at"]


class AgentThreads:
    """A principal's threads. Another's are `NotFound`. What its reader may no longer see of their documents is blanked
    whenever one is read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        principal: Principal,
        metadata: Mapping[str, Any] | None = None,
        *,
        thread_id: str | None = None,
        existing: bool = False,
        ttl_minutes: int | None = None,
    ) -> ThreadRecord:
        """A new, idle thread. Raises `Conflict` for an id that is taken, unless `existing` asks for the caller's."""
        at = codec.now()
        made = ThreadRecord(
            id=thread_id or codec.new_id(),
            principal_id=principal.id,
            status="idle",
            metadata=dict(metadata or {}),
            values={},
            interrupts=(),
            created_at=at,
            updated_at=at,
            ttl_minutes=ttl_minutes,
        )
        async with self._database.write() as connection:
            known = await connection.execute(select(threads).where(threads.c.id == made.id))
            if (row := known.first()) is not None:
                if existing and row.principal_id == principal.id:
                    return await self._readable(connection, row, principal)
                raise Conflict("There is a thread with this id already; leave the id away to be given one.")
            await connection.execute(
                threads.insert().values(
                    id=made.id,
                    principal_id=principal.id,
                    status="idle",
                    metadata=codec.dump(dict(made.metadata)),
                    state="{}",
                    interrupts="[]",
                    created_at=at,
                    updated_at=at,
                    ttl_minutes=ttl_minutes,
                )
            )
        return made

    async def copy(self, thread_id: str, principal: Principal) -> ThreadRecord:
        """A thread with the same metadata, values and conversation, and nothing that goes on or is asked in it.

        Raises `NotFound`.
        """
        at = codec.now()
        async with self._database.write() as connection:
            row = await own_thread(connection, thread_id, principal)
            same = {name: row._mapping[name] for name in ("principal_id", "metadata", "state", "ttl_minutes")}
            made = threads.insert().values(
                id=codec.new_id(), status="idle", interrupts="[]", created_at=at, updated_at=at, **same
            )
            found = (await connection.execute(made.returning(*threads.c))).one()
            return await self._readable(connection, found, principal)

    async def get(self, thread_id: str, principal: Principal) -> ThreadRecord:
        """The principal's own thread. Raises `NotFound`."""
        async with self._database.snapshot() as connection:
            return await self._readable(connection, await own_thread(connection, thread_id, principal), principal)

    async def search(
        self,
        principal: Principal,
        *,
        ids: Sequence[str] | None = None,
        status: ThreadStatus | None = None,
        metadata: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
        sort_by: Sorted = "updated_at",
        ascending: bool = False,
        limit: int = 10,
        offset: int = 0,
    ) -> list[ThreadRecord]:
        """The principal's threads whose metadata and values hold all that is named, last used first."""
        column = threads.c.id if sort_by == "thread_id" else threads.c[sort_by]
        order = (column.asc(), threads.c.id.asc()) if ascending else (column.desc(), threads.c.id.desc())
        where = self._where(principal, ids, status, metadata, values)
        statement = select(threads).where(*where).order_by(*order).limit(limit).offset(offset)
        async with self._database.snapshot() as connection:
            found = (await connection.execute(statement)).all()
            return [await self._readable(connection, row, principal) for row in found]

    async def count(
        self,
        principal: Principal,
        *,
        status: ThreadStatus | None = None,
        metadata: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> int:
        """How many threads `search` would find."""
        where = self._where(principal, None, status, metadata, values)
        async with self._database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(threads).where(*where))).scalar_one())

    def _where(
        self,
        principal: Principal,
        ids: Sequence[str] | None,
        status: ThreadStatus | None,
        metadata: Mapping[str, Any] | None,
        values: Mapping[str, Any] | None,
    ) -> list[ColumnElement[bool]]:
        where = [threads.c.principal_id == principal.id]
        if ids is not None:
            where.append(threads.c.id.in_(list(ids)))
        if status is not None:
            where.append(threads.c.status == status)
        for column, wanted in ((threads.c.metadata, metadata), (threads.c.state, values)):
            where += self._database.holds(column, wanted or {})
        return where

    async def describe(
        self, thread_id: str, principal: Principal, metadata: Mapping[str, Any], *, ttl_minutes: int | None = None
    ) -> ThreadRecord:
        """Adds to its metadata, None taking a name away, and says how long it is kept. Raises `NotFound`."""
        async with self._database.write() as connection:
            row = await own_thread(connection, thread_id, principal, lock=True)
            merged = {**json.loads(row.metadata), **metadata}
            kept = {name: value for name, value in merged.items() if value is not None}
            changed = (
                update(threads)
                .where(threads.c.id == thread_id)
                .values(
                    metadata=codec.dump(kept),
                    updated_at=codec.now(),
                    **({} if ttl_minutes is None else {"ttl_minutes": ttl_minutes}),
                )
                .returning(*threads.c)
            )
            return await self._readable(connection, (await connection.execute(changed)).one(), principal)

    async def delete(self, thread_id: str, principal: Principal) -> None:
        """Takes it away with its runs; who runs one of them stops at the next look. Raises `NotFound`."""
        async with self._database.write() as connection:
            await own_thread(connection, thread_id, principal, lock=True)
            await _remove(connection, [thread_id])

    async def forget_stateless(self, before: datetime) -> list[str]:
        """Takes away threads that were made for one run each, which has been over since, but those that wait for a
        person; the names of their checkpoints."""
        over = (runs.c.finished_at < before, runs.c.status.not_in(sorted(ACTIVE)))
        stateless = select(runs.c.thread_id).where(runs.c.stateless, *over)
        return await self._forget(threads.c.id.in_(stateless), threads.c.status.in_(("idle", "error")))

    async def outlived(self, now: datetime) -> list[str]:
        """Takes away threads whose owners said for how long they are kept after their last use, and that nothing goes
        on in; the names of their checkpoints. One that waits for a person goes too: that was said as well."""
        lasting = select(threads.c.id, threads.c.updated_at, threads.c.ttl_minutes).where(
            threads.c.ttl_minutes.is_not(None), ~_going_on()
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(lasting)).all()
        over = [row.id for row in rows if row.updated_at + timedelta(minutes=row.ttl_minutes) <= now]
        gone: list[str] = []
        for start in range(0, len(over), _AT_ONCE):
            # Asked again: one may have been used since.
            gone += await self._forget(threads.c.id.in_(over[start : start + _AT_ONCE]), ~_going_on())
        return gone

    async def _forget(self, *which: ColumnElement[bool]) -> list[str]:
        async with self._database.write() as connection:
            found = select(threads.c.id, threads.c.created_at).where(*which).limit(_AT_ONCE)
            gone = (await connection.execute(found)).all()
            await _remove(connection, [row.id for row in gone])
        return [checkpoints_of(row.id, row.created_at) for row in gone]

    async def forget(self, before: datetime) -> list[str]:
        """Takes away threads that nobody used since, and that nothing goes on in; the names of their checkpoints."""
        old = (threads.c.updated_at < before, ~_going_on(), threads.c.status != "interrupted")
        return await self._forget(*old)

    async def readable(self, values: Mapping[str, Any], principal: Principal) -> tuple[dict[str, Any], bool]:
        """A thread's values, at whatever time, without what rests on documents the principal may not read now; and
        whether that left anything out."""
        async with self._database.read() as connection:
            hidden = await hidden_documents(connection, values, principal)
        return (without(values, hidden), True) if hidden else (dict(values), False)

    async def _readable(self, connection: AsyncConnection, row: run_rows.AnyRow, principal: Principal) -> ThreadRecord:
        return await withhold(connection, run_rows.thread(row), principal)


def _going_on() -> ColumnElement[bool]:
    return exists().where(runs.c.thread_id == threads.c.id, runs.c.status.in_(sorted(ACTIVE)))


async def own_thread(
    connection: AsyncConnection, thread_id: str, principal: Principal, *, lock: bool = False
) -> run_rows.AnyRow:
    """The principal's own thread. Raises `NotFound`."""
    statement = select(threads).where(threads.c.id == thread_id, threads.c.principal_id == principal.id)
    row = (await connection.execute(statement.with_for_update(key_share=True) if lock else statement)).first()
    if row is None:
        raise NotFound("There is no such thread.")
    return row


async def held(connection: AsyncConnection, thread_id: str) -> run_rows.AnyRow | None:
    """A thread, whoever owns it, held until the transaction ends: everybody who changes its runs holds it first."""
    statement = select(threads).where(threads.c.id == thread_id)
    return (await connection.execute(statement.with_for_update(key_share=True))).first()


async def _remove(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """The effects of their runs go too: nothing will ask for them again."""
    named = select(runs.c.id).where(runs.c.thread_id.in_(list(ids)))
    await connection.execute(delete(effects).where(effects.c.run_id.in_(named)))
    await connection.execute(delete(threads).where(threads.c.id.in_(list(ids))))
