"""The log of every step that agents took, and what people think of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, run_rows
from app.store.database import Database, insert_new
from app.store.run_records import StepRecord
from app.store.run_tables import run_steps, runs
from app.store.thread_withholding import blank_steps, withhold_output
from core.errors import NotFound
from core.types import Principal

Rating = Literal["up", "down"]


class RunSteps:
    """The steps of all tasks, each by the run that began it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, task_id: str, number: int, body: Mapping[str, Any]) -> None:
        """Logs a step as it stands now. Steps of a run that was deleted are dropped."""
        at = codec.now()
        text = codec.dump(dict(body))
        known = (run_steps.c.run_id == task_id, run_steps.c.number == number)
        async with self._database.write() as connection:
            changed = await connection.execute(update(run_steps).where(*known).values(body=text, updated_at=at))
            if changed.rowcount:
                return
            if (await connection.execute(select(runs.c.id).where(runs.c.id == task_id))).first() is None:
                return
            row = {"run_id": task_id, "number": number, "body": text, "created_at": at, "updated_at": at}
            await connection.execute(insert_new(connection, run_steps).values(row))

    async def list(self, task_id: str) -> list[StepRecord]:
        """A task's steps in their order."""
        statement = select(run_steps).where(run_steps.c.run_id == task_id).order_by(run_steps.c.number)
        async with self._database.read() as connection:
            return [run_rows.step(row) for row in (await connection.execute(statement)).all()]

    async def readable(self, run_id: str, principal: Principal) -> Sequence[StepRecord]:
        """The steps of the task of the principal's own run, without what they brought of documents that it may not
        read now. Raises `NotFound`."""
        async with self._database.snapshot() as connection:
            task_id = await _task(connection, run_id, principal)
            steps = select(run_steps).where(run_steps.c.run_id == task_id).order_by(run_steps.c.number)
            found = [run_rows.step(row) for row in (await connection.execute(steps)).all()]
            ended = select(runs).where(runs.c.task_id == task_id, runs.c.output.is_not(None))
            row = (await connection.execute(ended.order_by(runs.c.created_at.desc()).limit(1))).first()
            if row is None:
                return found
            output = (await withhold_output(connection, run_rows.run(row), principal)).output or {}
        hidden = {source["id"] for source in output.get("sources") or () if source.get("withheld")}
        told = blank_steps([each.body for each in found], hidden)
        return [replace(each, body=body) for each, body in zip(found, told, strict=True)]

    async def rate(
        self, run_id: str, number: int, principal: Principal, *, rating: Rating | None, comment: str | None
    ) -> StepRecord:
        """Keeps the owner's word on a step of a run; a rating of None takes it back. Raises `NotFound`."""
        said = {"rating": rating, "comment": comment, "rated_at": None if rating is None else codec.now()}
        async with self._database.write() as connection:
            task_id = await _task(connection, run_id, principal)
            changed = (
                update(run_steps)
                .where(run_steps.c.run_id == task_id, run_steps.c.number == number)
                .values(**said)
                .returning(*run_steps.c)
            )
            row = (await connection.execute(changed)).first()
        if row is None:
            raise NotFound(f"This run has no step {number}.")
        return run_rows.step(row)


async def _task(connection: AsyncConnection, run_id: str, principal: Principal) -> str:
    """The run that a run's steps are logged under. Raises `NotFound` for one that is not the principal's."""
    named = select(runs.c.task_id).where(runs.c.id == run_id, runs.c.principal_id == principal.id)
    found: str | None = (await connection.execute(named)).scalar()
    if found is None:
        raise NotFound("There is no such run.")
    return found
