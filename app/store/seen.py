"""Finished answers as the watch looks at them: the newest of each day, at most so many a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, or_, select

from app.store import rows
from app.store.database import Database
from app.store.records import AnswerRecord
from app.store.tables import answers, conversations, feedback
from core.types import Principal

_DAY = timedelta(days=1)
_NOT_DELETED = conversations.c.deleted_at.is_(None)


class SeenAnswers:
    """Reads what was answered. Each method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def first(self) -> datetime | None:
        """When the first answer that there is was given."""
        statement = select(func.min(answers.c.created_at)).where(answers.c.status == "done")
        async with self._database.read() as connection:
            found: datetime | None = (await connection.execute(statement)).scalar()
            return found

    async def of_day(self, start: datetime, most: int) -> Sequence[AnswerRecord]:
        """Answers given in the day from `start` on, without those of deleted conversations; of more than `most` those
        whose ids come first, which is a choice by chance."""
        statement = _of_day(select(*answers.c), start).order_by(answers.c.id).limit(most)
        async with self._database.read() as connection:
            return [rows.answer(row) for row in (await connection.execute(statement)).all()]

    async def number_of_day(self, start: datetime) -> int:
        """How many there are of that day."""
        async with self._database.read() as connection:
            return int((await connection.execute(_of_day(select(func.count()), start))).scalar_one())

    async def shown(self, ids: Sequence[str], principal: Principal) -> Sequence[AnswerRecord]:
        """Of these answers those whose question the principal may read as an administrator: their own, and those that
        somebody said a word on; without those of deleted conversations. The newest first."""
        word = select(feedback.c.id).where(feedback.c.answer_id == answers.c.id).exists()
        statement = (
            select(*answers.c)
            .join_from(answers, conversations, conversations.c.id == answers.c.conversation_id)
            .where(answers.c.id.in_(list(ids)), _NOT_DELETED, or_(answers.c.principal_id == principal.id, word))
            .order_by(answers.c.created_at.desc(), answers.c.id)
        )
        async with self._database.read() as connection:
            return [rows.answer(row) for row in (await connection.execute(statement)).all()]


def _of_day(statement: Select[Any], start: datetime) -> Select[Any]:
    return statement.join_from(answers, conversations, conversations.c.id == answers.c.conversation_id).where(
        answers.c.status == "done", answers.c.created_at >= start, answers.c.created_at < start + _DAY, _NOT_DELETED
    )


__all__ = ["SeenAnswers"]
