"""Runs as those see them that work on them: which may begin, how each is begun, and how it ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import approvals as asking
from app.store import codec, run_rows
from app.store.agent_runs import refresh
from app.store.agent_threads import held
from app.store.database import Database
from app.store.run_records import Outcome, RunRecord
from app.store.run_tables import approvals, runs, threads
from app.store.thread_withholding import RESTS_ON, rests_on
from core.errors import Conflict

_LOOK_AT = 500
OUTPUT = ("answer", "sources", "budget", "incomplete")
"""Of a thread's values those that a run is remembered by."""


class RunWork:
    """The outbox of runs. For servers, which act for whoever asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ready(self, *, limit: int, per_caller: int, now: datetime) -> list[RunRecord]:
        """Runs whose turn it is, at most `limit`: the oldest of each thread in which nothing goes on, callers by turns,
        and for none of them more than `per_caller` at a time, those that go on included.
        """
        other = runs.alias()
        in_hand = exists().where(other.c.thread_id == runs.c.thread_id, other.c.status == "running")
        resumes = runs.c.task_id != runs.c.id
        asked = exists().where(approvals.c.thread_id == runs.c.thread_id, approvals.c.status == "waiting")
        statement = (
            select(runs)
            .where(
                runs.c.status == "pending",
                or_(runs.c.not_before.is_(None), runs.c.not_before <= now),
                ~in_hand,
                or_(resumes, ~asked),
            )
            .order_by(runs.c.created_at, runs.c.id)
            .limit(_LOOK_AT)
        )
        running = select(runs.c.principal_id, func.count()).where(runs.c.status == "running")
        async with self._database.snapshot() as connection:
            pending = [run_rows.run(row) for row in (await connection.execute(statement)).all()]
            if not pending:
                return []
            counted = (await connection.execute(running.group_by(runs.c.principal_id))).all()
        return _by_turns(pending, {owner: int(count) for owner, count in counted}, limit, per_caller)

    async def begin(self, run_id: str) -> RunRecord | None:
        """Says that a run is being worked on, once more where whoever did so died. None where it is over or gone.

        Raises `Conflict` while another one of its thread goes on.
        """
        at = codec.now()
        async with self._database.write() as connection:
            named = select(runs).where(runs.c.id == run_id)
            row = (await connection.execute(named)).first()
            if row is None:
                return None
            await held(connection, row.thread_id)
            row = (await connection.execute(named)).first()
            if row is None or row.status not in ("pending", "running"):
                return None
            other = select(runs.c.id).where(
                runs.c.thread_id == row.thread_id, runs.c.status == "running", runs.c.id != run_id
            )
            if (await connection.execute(other)).first() is not None:
                raise Conflict("Another run goes on in this thread.")
            begun = {
                "status": "running",
                "attempts": runs.c.attempts + 1,
                "started_at": row.started_at or at,
                "updated_at": at,
            }
            changed = update(runs).where(runs.c.id == run_id).values(**begun).returning(*runs.c)
            begun_row = (await connection.execute(changed)).one()
            await connection.execute(
                update(threads).where(threads.c.id == row.thread_id).values(status="busy", updated_at=at)
            )
        return run_rows.run(begun_row)

    async def finish(self, run: RunRecord, outcome: Outcome, *, expires: datetime) -> bool:
        """Says how a run ended, and what its thread holds and waits for now; False where it is gone.

        A run that is to be rolled back goes, and the thread stays as it was.
        """
        async with self._database.write() as connection:
            there = await held(connection, run.thread_id) is not None
            known = (await connection.execute(select(runs).where(runs.c.id == run.id))).first()
            if not there or known is None:
                return False
            if known.status not in ("pending", "running"):
                return True  # it was said before
            at = codec.now()
            ended = {
                "status": outcome.status,
                "output": _output(outcome),
                "error_code": outcome.error and outcome.error.code,
                "error_message": outcome.error and outcome.error.message,
                "finished_at": at,
                "updated_at": at,
            }
            await connection.execute(update(runs).where(runs.c.id == run.id).values(**ended))
            await _keep_values(connection, run, outcome)
            await asking.ask(connection, run, outcome.interrupts, expires)
            await refresh(connection, run.thread_id)
            return True

    async def roll_back(self, run: RunRecord) -> None:
        """Takes a run away as if it had never been: the thread keeps the values it had before."""
        async with self._database.write() as connection:
            await held(connection, run.thread_id)
            chain = (runs.c.thread_id == run.thread_id, runs.c.task_id == run.task_id)
            await connection.execute(delete(runs).where(*chain))
            await refresh(connection, run.thread_id)

    async def stopping(self, ids: Collection[str]) -> dict[str, str]:
        """Which of these runs are to be stopped, and how; those that are gone are "gone"."""
        if not ids:
            return {}
        statement = select(runs.c.id, runs.c.cancel).where(runs.c.id.in_(sorted(ids)))
        async with self._database.read() as connection:
            known = {row.id: row.cancel for row in (await connection.execute(statement)).all()}
        found = {each: known.get(each, "gone") for each in ids}
        return {each: how for each, how in found.items() if how is not None}

    async def begun(self) -> list[RunRecord]:
        """Every run that counts as being worked on."""
        statement = select(runs).where(runs.c.status == "running").order_by(runs.c.created_at)
        async with self._database.read() as connection:
            return [run_rows.run(row) for row in (await connection.execute(statement)).all()]

    async def look(self, run_id: str) -> RunRecord | None:
        """A run as it stands, whoever asked for it; None where it is gone."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(runs).where(runs.c.id == run_id))).first()
        return None if row is None else run_rows.run(row)

    async def checkpoints(self, thread_id: str) -> str | None:
        """The name that a thread's checkpoints are kept under; None where it is gone."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(threads).where(threads.c.id == thread_id))).first()
        return None if row is None else run_rows.thread(row).checkpoints

    async def values(self, thread_id: str) -> Mapping[str, Any]:
        """A thread's values as the last run left them, whoever owns it; empty where there are none."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(threads).where(threads.c.id == thread_id))).first()
        return {} if row is None else run_rows.thread(row).values


def _output(outcome: Outcome) -> str | None:
    """What a run is remembered by when its thread has gone on."""
    if outcome.values is None:
        return None
    messages: Sequence[Mapping[str, Any]] = outcome.values.get("messages") or ({},)
    kept = {name: outcome.values.get(name) for name in OUTPUT}
    return codec.dump({**kept, RESTS_ON: rests_on(messages[-1])})


async def _keep_values(connection: AsyncConnection, run: RunRecord, outcome: Outcome) -> None:
    changed: dict[str, Any] = {"interrupts": codec.dump([dict(each) for each in outcome.interrupts])}
    if outcome.values is not None:
        changed["state"] = codec.dump(dict(outcome.values))
    await connection.execute(update(threads).where(threads.c.id == run.thread_id).values(**changed))


def _by_turns(pending: Sequence[RunRecord], running: Mapping[str, int], limit: int, per_caller: int) -> list[RunRecord]:
    """One of each caller's after another, those first who have the least going on; one a thread, and of its runs first
    the one that goes on with what was decided."""
    taken = dict(running)
    resumed = {run.thread_id for run in pending if run.resumes}
    left = [run for run in pending if run.resumes or run.thread_id not in resumed]
    threads_taken: set[str] = set()
    chosen: list[RunRecord] = []
    while left and len(chosen) < limit:
        left = [
            run for run in left if run.thread_id not in threads_taken and taken.get(run.principal_id, 0) < per_caller
        ]
        if not left:
            break
        run = min(left, key=lambda each: taken.get(each.principal_id, 0))  # the oldest of equals: `left` is in order
        taken[run.principal_id] = taken.get(run.principal_id, 0) + 1
        threads_taken.add(run.thread_id)
        chosen.append(run)
    return chosen
