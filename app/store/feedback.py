"""Feedback: a principal's last word on an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, cursors, rows
from app.store.answers import own_answer
from app.store.database import Database
from app.store.records import Page
from app.store.tables import answers, feedback
from core.errors import Conflict, InvalidInput, NotFound
from core.types import Answer, CitationMark, Feedback, Principal

_LISTING = "feedback"
_BATCH = 500


class Feedbacks:
    """One word a principal and answer; saying it again replaces it and keeps when it was first said."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(
        self,
        principal: Principal,
        answer_id: str,
        *,
        rating: Literal["up", "down"],
        reason: str | None = None,
        comment: str | None = None,
        corrected: str | None = None,
        citations: tuple[CitationMark, ...] = (),
    ) -> Feedback:
        """Keeps the principal's word on its own answer.

        Raises `NotFound` for another's answer, `Conflict` for one that is not finished, `InvalidInput` for a citation
        mark on a source that the answer does not have, or two on one.
        """
        async with self._database.write() as connection:
            # Held, so that two words said at once are one after the other.
            await connection.execute(
                select(answers.c.id).where(answers.c.id == answer_id).with_for_update(key_share=True)
            )
            record = await own_answer(connection, answer_id, principal)
            if record.answer is None:
                raise Conflict("This answer is not finished; feedback can be given once it is.")
            _check_marks(record.answer, citations)
            values = {
                "rating": rating,
                "reason": reason,
                "comment": comment,
                "corrected": corrected,
                "citations": codec.dump_marks(citations),
                "updated_at": codec.now(),
            }
            return rows.feedback(await _upsert(connection, answer_id, principal.id, values))

    async def take_back(self, principal: Principal, feedback_id: str) -> None:
        """Forgets a word of the principal's own, also on an answer that is gone. Raises `NotFound`."""
        async with self._database.write() as connection:
            taken = await connection.execute(
                delete(feedback).where(feedback.c.id == feedback_id, feedback.c.principal_id == principal.id)
            )
            if taken.rowcount == 0:
                raise NotFound("There is no such feedback of yours; it may have been taken back already.")

    async def list(
        self,
        principal: Principal,
        *,
        answer_id: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Feedback]:
        """The principal's own feedback, an administrator sees everyone's; newest first. Raises `InvalidCursor`."""
        where = [] if principal.admin else [feedback.c.principal_id == principal.id]
        if answer_id is not None:
            where.append(feedback.c.answer_id == answer_id)
        where += cursors.before(_LISTING, cursor, feedback.c.created_at, feedback.c.id)
        statement = (
            select(feedback)
            .where(*where)
            .order_by(feedback.c.created_at.desc(), feedback.c.id.desc())
            .limit(cursors.checked_limit(limit) + 1)
        )
        async with self._database.read() as connection:
            found = [rows.feedback(row) for row in (await connection.execute(statement)).all()]
        return cursors.page(found, limit, lambda f: cursors.encode(_LISTING, cursors.micros(f.created_at), f.id))

    async def own(self, principal: Principal, answer_ids: Sequence[str]) -> dict[str, Feedback]:
        """The principal's own words on these answers, by answer."""
        found: dict[str, Feedback] = {}
        for start in range(0, len(answer_ids), _BATCH):
            statement = select(feedback).where(
                feedback.c.principal_id == principal.id,
                feedback.c.answer_id.in_(answer_ids[start : start + _BATCH]),
            )
            async with self._database.read() as connection:
                found |= {row.answer_id: rows.feedback(row) for row in (await connection.execute(statement)).all()}
        return found


async def _upsert(
    connection: AsyncConnection, answer_id: str, principal_id: str, values: dict[str, Any]
) -> rows.AnyRow:
    changed = (
        update(feedback)
        .where(feedback.c.answer_id == answer_id, feedback.c.principal_id == principal_id)
        .values(**values)
        .returning(*feedback.c)
    )
    row = (await connection.execute(changed)).first()
    if row is not None:
        return row
    made = (
        insert(feedback)
        .values(
            id=codec.new_id(),
            answer_id=answer_id,
            principal_id=principal_id,
            created_at=values["updated_at"],
            **values,
        )
        .returning(*feedback.c)
    )
    return (await connection.execute(made)).one()


def _check_marks(answer: Answer, marks: tuple[CitationMark, ...]) -> None:
    known = {source.id for source in answer.sources}
    named = [mark.source for mark in marks]
    for source in named:
        if source not in known:
            raise InvalidInput(
                f"The answer has no source “{source}”; its sources are {', '.join(sorted(known)) or 'none'}."
            )
    if len(named) != len(set(named)):
        raise InvalidInput("A source can be marked only once.")
