"""Runs: a task for an agent in a thread, from the moment it is promised to its end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import approvals, codec, run_rows
from app.store.agent_threads import held, own_thread
from app.store.database import Database
from app.store.records import Problem
from app.store.run_records import ACTIVE, CancelAction, Decision, NewRun, RunRecord, RunStatus
from app.store.run_tables import runs, threads
from app.store.thread_withholding import withhold_output
from core.errors import Conflict, NotFound
from core.types import Principal

_ACTIVE = sorted(ACTIVE)
_CANCELLED = Problem(code="cancelled", message="This run was cancelled.")


class AgentRuns:
    """A principal's runs. Another's are `NotFound`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, principal: Principal, new: NewRun) -> RunRecord:
        """Promises a run, after what its strategy does to those that go on in its thread.

        With a decision it goes on with what the thread waits for, else what it waits for is no longer asked. Raises
        `NotFound` for a thread that is not the principal's, and `Conflict` where one goes on and the strategy is to
        reject, or where the decision comes too late.
        """
        async with self._database.write() as connection:
            row = await own_thread(connection, new.thread_id, principal, lock=True)
            await _make_way(connection, new, principal)
            task_id, agent = None, new.agent
            if new.decision is not None:
                decided = await approvals.decide(connection, new.thread_id, new.decision)
                before = (await connection.execute(select(runs).where(runs.c.id == decided.run_id))).one()
                task_id, agent = before.task_id, before.agent
                new = replace(new, request={**_narrowing(before.request), **new.request})
            elif not await _busy(connection, new.thread_id):
                await approvals.withdraw(connection, new.thread_id, principal.id, "Another task was given instead.")
            made = await _insert(connection, principal.id, new, task_id, agent)
            metadata = {**new.about, **json.loads(row.metadata)}
            await connection.execute(
                update(threads)
                .where(threads.c.id == new.thread_id)
                .values(status="busy", interrupts="[]", metadata=codec.dump(metadata), updated_at=codec.now())
            )
        return made

    async def decide_for(self, thread_id: str, decision: Decision, request: Mapping[str, Any]) -> RunRecord | None:
        """Goes on with what nobody decided in time; None where somebody did, or the thread is gone."""
        async with self._database.write() as connection:
            row = await held(connection, thread_id)
            if row is None:
                return None
            try:
                decided = await approvals.decide(connection, thread_id, decision)
            except Conflict:
                return None
            before = (await connection.execute(select(runs).where(runs.c.id == decided.run_id))).one()
            asked = {**_narrowing(before.request), **request}
            new = NewRun(thread_id=thread_id, agent=before.agent, request=asked, stateless=before.stateless)
            made = await _insert(connection, row.principal_id, new, before.task_id, before.agent)
            await connection.execute(
                update(threads)
                .where(threads.c.id == thread_id)
                .values(status="busy", interrupts="[]", updated_at=codec.now())
            )
        return made

    async def get(self, run_id: str, principal: Principal, thread_id: str | None = None) -> RunRecord:
        """The principal's own run. Raises `NotFound`."""
        async with self._database.snapshot() as connection:
            record = run_rows.run(await _own(connection, run_id, principal, thread_id))
            return await withhold_output(connection, record, principal)

    async def list(
        self, thread_id: str, principal: Principal, *, status: RunStatus | None = None, limit: int = 10, offset: int = 0
    ) -> list[RunRecord]:
        """The runs of the principal's own thread, newest first. Raises `NotFound`."""
        where = [runs.c.thread_id == thread_id]
        if status is not None:
            where.append(runs.c.status == status)
        order = (runs.c.created_at.desc(), runs.c.id.desc())
        async with self._database.snapshot() as connection:
            await own_thread(connection, thread_id, principal)
            statement = select(runs).where(*where).order_by(*order).limit(limit).offset(offset)
            found = [run_rows.run(row) for row in (await connection.execute(statement)).all()]
            return [await withhold_output(connection, record, principal) for record in found]

    async def waiting(self, principal: Principal) -> int:
        """How many of the principal's runs wait for their turn."""
        statement = select(func.count()).select_from(runs)
        mine = (runs.c.principal_id == principal.id, runs.c.status == "pending")
        async with self._database.read() as connection:
            return int((await connection.execute(statement.where(*mine))).scalar_one())

    async def cancel(self, run_id: str, principal: Principal, action: CancelAction) -> RunRecord:
        """Asks a run to stop. One that has not begun is over at once, one that waits for a person waits no longer.

        Raises `NotFound`, and `Conflict` for one that is over.
        """
        async with self._database.write() as connection:
            known = await _own(connection, run_id, principal, None)
            await own_thread(connection, known.thread_id, principal, lock=True)
            row = await _own(connection, run_id, principal, None)
            record = run_rows.run(row)
            if record.status == "interrupted" and await approvals.is_waiting(connection, record.thread_id, run_id):
                await approvals.withdraw(connection, record.thread_id, principal.id, _CANCELLED.message)
                await _settle(connection, record.id, "interrupted", _CANCELLED)
            elif record.status == "pending":
                await _settle(connection, record.id, "interrupted", _CANCELLED)
            elif record.status == "running":
                await connection.execute(update(runs).where(runs.c.id == run_id).values(cancel=action))
            else:
                raise Conflict("This run is over; there is nothing to cancel.")
            await refresh(connection, record.thread_id)
            now = (await connection.execute(select(runs).where(runs.c.id == run_id))).one()
            if action == "rollback" and record.status == "pending":
                await connection.execute(delete(runs).where(runs.c.id == run_id))
        return run_rows.run(now)

    async def delete(self, run_id: str, principal: Principal, thread_id: str) -> None:
        """Takes a run away, and the log of the steps that it began. Raises `NotFound`, and `Conflict` while it runs."""
        async with self._database.write() as connection:
            await own_thread(connection, thread_id, principal, lock=True)
            record = run_rows.run(await _own(connection, run_id, principal, thread_id))
            if record.status == "running":
                raise Conflict("This run goes on; cancel it first.")
            if await approvals.is_waiting(connection, thread_id, run_id):
                await approvals.withdraw(connection, thread_id, principal.id, "The run was deleted.")
            await connection.execute(delete(runs).where(runs.c.id == run_id))
            await refresh(connection, thread_id)

    async def going_on(
        self,
        principal: Principal,
        *,
        status: Literal["pending", "running", "all"] | None = None,
        thread_id: str | None = None,
    ) -> Sequence[str]:
        """The principal's runs that are not over, those that wait for their turn first; raises `NotFound` for a thread
        that is not the principal's."""
        where = [runs.c.principal_id == principal.id]
        where.append(runs.c.status.in_(_ACTIVE) if status in (None, "all") else runs.c.status == status)
        if thread_id is not None:
            where.append(runs.c.thread_id == thread_id)
        # Those that wait go first: else one would begin as soon as the one before it is stopped.
        statement = select(runs.c.id).where(*where).order_by(runs.c.status, runs.c.created_at.desc())
        async with self._database.read() as connection:
            if thread_id is not None:
                await own_thread(connection, thread_id, principal)
            return list((await connection.execute(statement)).scalars())

    async def unfinished(self, thread_id: str) -> Sequence[str]:
        """The runs of a thread that are not over."""
        statement = select(runs.c.id).where(runs.c.thread_id == thread_id, runs.c.status.in_(_ACTIVE))
        async with self._database.read() as connection:
            return list((await connection.execute(statement)).scalars())

    async def counts(self) -> Mapping[str, int]:
        """How many runs there are that go on or wait, by status."""
        statement = select(runs.c.status, func.count()).where(runs.c.status.in_(_ACTIVE)).group_by(runs.c.status)
        async with self._database.read() as connection:
            found = {status: int(count) for status, count in (await connection.execute(statement)).all()}
        return {status: found.get(status, 0) for status in _ACTIVE}


async def refresh(connection: AsyncConnection, thread_id: str) -> None:
    """Puts a thread's status right after one of its runs changed. What failed stays said until another run begins."""
    last = select(runs.c.status).where(runs.c.thread_id == thread_id).order_by(runs.c.finished_at.desc().nulls_last())
    ended = (await connection.execute(last.limit(1))).scalar()
    values: dict[str, Any] = {"updated_at": codec.now()}
    if await _busy(connection, thread_id):
        values["status"] = "busy"
    elif await approvals.is_waiting(connection, thread_id):
        values["status"] = "interrupted"
    else:
        values["status"] = "error" if ended in ("error", "timeout") else "idle"
        values["interrupts"] = "[]"
    await connection.execute(update(threads).where(threads.c.id == thread_id).values(**values))


async def _insert(
    connection: AsyncConnection, principal_id: str, new: NewRun, task_id: str | None, agent: str
) -> RunRecord:
    at, run_id = codec.now(), codec.new_id()
    values = {
        "id": run_id,
        "thread_id": new.thread_id,
        "task_id": task_id or run_id,
        "principal_id": principal_id,
        "agent": agent,
        "status": "pending",
        "strategy": new.strategy,
        "metadata": codec.dump(dict(new.metadata)),
        "request": codec.dump(dict(new.request)),
        "attempts": 0,
        "stateless": new.stateless,
        "not_before": new.not_before,
        "created_at": at,
        "updated_at": at,
    }
    return run_rows.run((await connection.execute(runs.insert().values(**values).returning(*runs.c))).one())


def _narrowing(request: str) -> dict[str, Any]:
    """What a task is narrowed to, and who writes for it: the same for whatever goes on with it."""
    kept: dict[str, Any] = json.loads(request)
    return {name: kept[name] for name in ("collections", "filters", "adapter") if name in kept}


async def _make_way(connection: AsyncConnection, new: NewRun, principal: Principal) -> None:
    """What the strategy says of the runs that go on in the thread."""
    going_on = select(runs).where(runs.c.thread_id == new.thread_id, runs.c.status.in_(_ACTIVE))
    found = [run_rows.run(row) for row in (await connection.execute(going_on.with_for_update(key_share=True))).all()]
    if new.decision is not None:  # tasks that wait behind the one that is decided here go on waiting
        found = [record for record in found if record.status == "running" or record.resumes]
    if found and (new.strategy == "reject" or new.decision is not None):
        raise Conflict("A run goes on in this thread; wait for it, cancel it, or choose another multitask_strategy.")
    if new.strategy not in ("interrupt", "rollback") or new.decision is not None:
        return
    for record in found:
        if record.status == "running":
            await connection.execute(update(runs).where(runs.c.id == record.id).values(cancel=new.strategy))
        elif new.strategy == "rollback":
            await connection.execute(delete(runs).where(runs.c.id == record.id))
        else:
            await _settle(connection, record.id, "interrupted", _CANCELLED)
    if await approvals.is_waiting(connection, new.thread_id):
        await approvals.withdraw(connection, new.thread_id, principal.id, "Another task was given instead.")


async def _settle(connection: AsyncConnection, run_id: str, status: RunStatus, problem: Problem | None) -> None:
    at = codec.now()
    ended = {
        "status": status,
        "error_code": problem and problem.code,
        "error_message": problem and problem.message,
        "finished_at": at,
        "updated_at": at,
    }
    await connection.execute(update(runs).where(runs.c.id == run_id).values(**ended))


async def _busy(connection: AsyncConnection, thread_id: str) -> bool:
    going_on = select(runs.c.id).where(runs.c.thread_id == thread_id, runs.c.status.in_(_ACTIVE))
    return (await connection.execute(going_on.limit(1))).first() is not None


async def _own(
    connection: AsyncConnection, run_id: str, principal: Principal, thread_id: str | None
) -> run_rows.AnyRow:
    where = [runs.c.id == run_id, runs.c.principal_id == principal.id]
    if thread_id is not None:
        where.append(runs.c.thread_id == thread_id)
    row = (await connection.execute(select(runs).where(*where))).first()
    if row is None:
        raise NotFound("There is no such run.")
    return row


__all__ = ["AgentRuns", "refresh"]
