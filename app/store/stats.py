"""Figures about what the store holds, for the metrics."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from app.store import codec
from app.store.database import Database
from app.store.records import JobStatus, Stats
from app.store.tables import answers, documents, feedback, jobs, versions


async def collect(database: Database, *, days: int = 7) -> Stats:
    """One look at the whole store; answers are counted over the last `days`."""
    stock = (
        select(
            func.count(documents.c.id),
            func.count(documents.c.live_version_id),
            func.coalesce(func.sum(versions.c.chunks), 0),
        )
        .select_from(documents.outerjoin(versions, versions.c.id == documents.c.live_version_id))
        .where(documents.c.deleted_at.is_(None))
    )
    by_status = select(jobs.c.status, func.count()).group_by(jobs.c.status)
    since = codec.now() - timedelta(days=days)
    answered = select(answers.c.finished_at, answers.c.answerable).where(
        answers.c.status == "done", answers.c.finished_at >= since
    )
    async with database.snapshot() as connection:
        total, live, chunks = (await connection.execute(stock)).one()
        counted: dict[JobStatus, int] = {row[0]: row[1] for row in (await connection.execute(by_status)).all()}
        days_counted: dict[tuple[str, bool], int] = {}
        for at, answerable in (await connection.execute(answered)).all():
            key = (at.date().isoformat(), bool(answerable))
            days_counted[key] = days_counted.get(key, 0) + 1
        ratings = (await connection.execute(select(feedback.c.rating, func.count()).group_by(feedback.c.rating))).all()
    return Stats(
        documents=total,
        live_documents=live,
        chunks=int(chunks),
        jobs=counted,
        answers=days_counted,
        feedback={row[0]: row[1] for row in ratings},
    )
