"""Answers: begun when a question is asked, finished or failed once, read by who asked."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, rows
from app.store.conversations import insert_conversation, owned
from app.store.database import Database
from app.store.presence import Presence
from app.store.records import AnswerRecord
from app.store.tables import answers, conversations
from app.store.withholding import withhold
from core.errors import Conflict, InvalidInput, NotFound
from core.types import Answer, Principal


class Answers:
    """The answers of all conversations. Another principal's are `NotFound`."""

    def __init__(self, database: Database, presence: Presence, server: str) -> None:
        self._database = database
        self._presence = presence
        self._server = server

    async def begin(
        self,
        answer_id: str,
        conversation_id: str | None,
        principal: Principal,
        question: str,
        regenerates: str | None = None,
    ) -> AnswerRecord:
        """Records a question as running; without a conversation it begins one that bears the question as its title.
        `regenerates` is the answer in whose place it is asked for.

        Raises `NotFound` for a conversation or an answer to replace that is not the principal's, `Conflict` for an id
        used before, `InvalidInput` where the answer to replace is not of this conversation.
        """
        at = codec.now()
        async with self._database.write() as connection:
            if regenerates is not None:
                earlier = await own_answer(connection, regenerates, principal)
                if earlier.conversation_id != conversation_id:
                    raise InvalidInput("An answer is replaced in its own conversation: name that one, or no answer.")
            if conversation_id is None:
                conversation_id = (await insert_conversation(connection, principal.id, question)).id
            else:
                await owned(connection, conversation_id, principal)
            if (await connection.execute(select(answers.c.id).where(answers.c.id == answer_id))).first():
                raise Conflict("An answer with this id was begun already.")
            await connection.execute(
                answers.insert().values(
                    id=answer_id,
                    conversation_id=conversation_id,
                    principal_id=principal.id,
                    question=question,
                    server=self._server,
                    status="running",
                    created_at=at,
                    regenerates=regenerates,
                )
            )
            await connection.execute(
                update(conversations).where(conversations.c.id == conversation_id).values(updated_at=at)
            )
        return AnswerRecord(
            id=answer_id,
            conversation_id=conversation_id,
            principal_id=principal.id,
            question=question,
            status="running",
            created_at=at,
        )

    async def finish(self, answer: Answer) -> AnswerRecord:
        """Keeps the finished answer. Raises `NotFound` when it was never begun."""
        return await self._settle(
            answer.id,
            status="done",
            answerable=answer.answerable,
            body=codec.dump_answer(answer),
            error_code=None,
            error_message=None,
        )

    async def fail(self, answer_id: str, code: str, message: str) -> AnswerRecord:
        """Keeps why there is no answer. Raises `NotFound`, `Conflict` when it was finished."""
        return await self._settle(answer_id, status="failed", error_code=code, error_message=message)

    async def _settle(self, answer_id: str, **values: Any) -> AnswerRecord:
        async with self._database.write() as connection:
            row = await _load(connection, answer_id)
            if row.status == "done":
                raise Conflict("This answer is finished already.")
            statement = (
                update(answers)
                .where(answers.c.id == answer_id)
                .values(finished_at=codec.now(), **values)
                .returning(*answers.c)
            )
            return rows.answer((await connection.execute(statement)).one())

    async def get(self, answer_id: str, principal: Principal) -> AnswerRecord:
        """The principal's own answer, unless its conversation was deleted. Raises `NotFound`."""
        async with self._database.snapshot() as connection:
            record = await own_answer(connection, answer_id, principal)
            return (await withhold(connection, [record], principal))[0]

    async def interrupt(self) -> int:
        """Marks answers as failed that were being written by servers that are gone; how many."""
        running = select(answers.c.server).where(answers.c.status == "running").distinct()
        async with self._database.read() as connection:
            servers = set((await connection.execute(running)).scalars())
        gone = await self._presence.absent(sorted(server for server in servers if server is not None))
        if not gone and None not in servers:
            return 0
        statement = (
            update(answers)
            .where(answers.c.status == "running", or_(answers.c.server.is_(None), answers.c.server.in_(sorted(gone))))
            .values(
                status="failed",
                finished_at=codec.now(),
                error_code="interrupted",
                error_message="The server stopped while this answer was being written; ask again.",
            )
        )
        async with self._database.write() as connection:
            return (await connection.execute(statement)).rowcount


async def own_answer(connection: AsyncConnection, answer_id: str, principal: Principal) -> AnswerRecord:
    """An answer as it was written. Raises `NotFound` where it is another's or its conversation was deleted."""
    statement = (
        select(answers)
        .join_from(answers, conversations, conversations.c.id == answers.c.conversation_id)
        .where(
            answers.c.id == answer_id,
            answers.c.principal_id == principal.id,
            conversations.c.deleted_at.is_(None),
        )
    )
    row = (await connection.execute(statement)).first()
    if row is None:
        raise _unknown()
    return rows.answer(row)


async def _load(connection: AsyncConnection, answer_id: str) -> rows.AnyRow:
    statement = select(answers).where(answers.c.id == answer_id)
    row = (await connection.execute(statement.with_for_update(key_share=True))).first()
    if row is None:
        raise _unknown()
    return row


def _unknown() -> NotFound:
    return NotFound("There is no such answer.")
