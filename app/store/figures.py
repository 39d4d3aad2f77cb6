"""The server's figures by time, in three resolutions, and what its tables say of answers and feedback by time.

Each minute is added to a row of each resolution in one transaction, so there is nothing to roll up later; finer rows
are dropped sooner, so that a year of service takes no more room than a month.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, delete, func, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from app.figures import Figures
from app.store import codec
from app.store.database import Database, insert_new
from app.store.records import JobStatus, Tally
from app.store.tables import EPOCH, answers, collections, feedback, figures, jobs

KEPT: Mapping[int, timedelta] = {60: timedelta(hours=26), 900: timedelta(days=8), 7200: timedelta(days=32)}
"""Seconds that a row stands for, and for how long it is kept."""

_SECOND = 1_000_000


class FigureBook:
    """Figures by time. A start is in seconds since 1970."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, minutes: Mapping[int, Figures]) -> None:
        """Adds the figures of minutes, by the second they began at, and drops rows that are past their time."""
        async with self._database.write() as connection:
            for resolution, kept in KEPT.items():
                rows: dict[int, Figures] = {}
                for start, counted in minutes.items():
                    rows.setdefault(start - start % resolution, Figures()).add(counted)
                for start, counted in rows.items():
                    await _add(connection, resolution, start, counted)
                old = (figures.c.resolution == resolution) & (figures.c.start < codec.now() - kept)
                await connection.execute(delete(figures).where(old))

    async def read(self, resolution: int, since: int) -> dict[int, Figures]:
        """The rows of a resolution of `KEPT` that begin at `since` or later, by their start."""
        statement = select(figures.c.start, figures.c.body).where(
            figures.c.resolution == resolution, figures.c.start >= _moment(since)
        )
        async with self._database.read() as connection:
            found = (await connection.execute(statement)).all()
        return {int(row.start.timestamp()): Figures.load(row.body) for row in found}

    async def queue(self) -> dict[JobStatus, int]:
        """How many jobs there are in each state."""
        async with self._database.read() as connection:
            found = await connection.execute(select(jobs.c.status, func.count()).group_by(jobs.c.status))
            return {row[0]: row[1] for row in found.all()}

    async def collections(self) -> int:
        """How many collections there are."""
        async with self._database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(collections))).scalar_one())

    async def tally(self, since: int, step: int, offset: int = 0) -> Tally:
        """Answers and feedback from `since` on, counted by steps of `step` seconds, by each step's start.

        Steps begin at multiples of `step` in a zone that is `offset` seconds ahead of UTC.
        """
        place = _step(answers.c.finished_at, step, offset)
        given = (
            select(place.label("start"), answers.c.status, answers.c.answerable, func.count())
            .where(answers.c.finished_at >= _moment(since))
            .group_by(place, answers.c.status, answers.c.answerable)
        )
        place = _step(feedback.c.updated_at, step, offset)
        said = (
            select(place.label("start"), feedback.c.rating, func.count())
            .where(feedback.c.updated_at >= _moment(since))
            .group_by(place, feedback.c.rating)
        )
        told: dict[str, dict[int, int]] = {name: {} for name in ("answered", "abstained", "failed")}
        rated: dict[str, dict[int, int]] = {"up": {}, "down": {}}
        async with self._database.snapshot() as connection:
            for number, status, answerable, count in (await connection.execute(given)).all():
                name = "failed" if status != "done" else "answered" if answerable else "abstained"
                start = int(number) * step - offset
                told[name][start] = told[name].get(start, 0) + count
            for number, rating, count in (await connection.execute(said)).all():
                rated[rating][int(number) * step - offset] = count
        return Tally(answers=told, feedback=rated)


async def _add(connection: AsyncConnection, resolution: int, start: int, counted: Figures) -> None:
    place = (figures.c.resolution == resolution) & (figures.c.start == _moment(start))
    row: dict[str, Any] = {"resolution": resolution, "start": _moment(start), "body": Figures().dump()}
    await connection.execute(insert_new(connection, figures).values(row))  # several servers begin the same minute
    before = (
        await connection.execute(select(figures.c.body).where(place).with_for_update(key_share=True))
    ).scalar_one()
    whole = Figures.load(before)
    whole.add(counted)
    await connection.execute(figures.update().where(place).values(body=whole.dump()))


def _moment(seconds: int) -> Any:
    return EPOCH + timedelta(seconds=seconds)


def _step(column: ColumnElement[Any], step: int, offset: int) -> ColumnElement[int]:
    """Which step a time lies in, counted from 1970 in that zone."""
    return (type_coerce(column, BigInteger) + offset * _SECOND) // (step * _SECOND)
