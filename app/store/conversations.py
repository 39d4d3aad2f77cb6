"""Conversations: threads of questions, seen by nobody but their owner."""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, cursors, rows
from app.store.database import Database
from app.store.records import Conversation, ConversationDetail, Page
from app.store.tables import answers, conversations
from app.store.withholding import withhold
from core.errors import InvalidInput, NotFound
from core.types import Principal

_LISTING = "conversations"
_LONGEST_TITLE = 200


class Conversations:
    """A principal's conversations. Another's, and deleted ones, are `NotFound`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, principal: Principal, title: str = "") -> Conversation:
        """A new, empty conversation."""
        async with self._database.write() as connection:
            return await insert_conversation(connection, principal.id, title)

    async def list(
        self, principal: Principal, *, query: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[Conversation]:
        """The principal's conversations, those last used first; `query` is looked for in their titles and questions.

        Raises `InvalidCursor`.
        """
        where = [
            *_owned(principal),
            *cursors.before(_LISTING, cursor, conversations.c.updated_at, conversations.c.id),
        ]
        if query:
            asked = exists().where(
                answers.c.conversation_id == conversations.c.id, self._database.contains(answers.c.question, query)
            )
            where.append(or_(self._database.contains(conversations.c.title, query), asked))
        statement = (
            select(conversations)
            .where(*where)
            .order_by(conversations.c.updated_at.desc(), conversations.c.id.desc())
            .limit(cursors.checked_limit(limit) + 1)
        )
        async with self._database.read() as connection:
            found = [rows.conversation(row) for row in (await connection.execute(statement)).all()]
        return cursors.page(found, limit, lambda c: cursors.encode(_LISTING, cursors.micros(c.updated_at), c.id))

    async def get(self, conversation_id: str, principal: Principal, *, last: int | None = None) -> ConversationDetail:
        """A conversation with its answers, oldest first, or only the `last` ones. Raises `NotFound`."""
        statement = (
            select(answers)
            .where(answers.c.conversation_id == conversation_id)
            .order_by(answers.c.created_at.desc(), answers.c.id.desc())
            .limit(last)
        )
        async with self._database.snapshot() as connection:
            found = await owned(connection, conversation_id, principal)
            records = [rows.answer(row) for row in (await connection.execute(statement)).all()]
            shown = await withhold(connection, records[::-1], principal)
        return ConversationDetail(conversation=found, answers=tuple(shown))

    async def rename(self, conversation_id: str, principal: Principal, title: str) -> Conversation:
        """Gives it another title. Raises `NotFound`, `InvalidInput`."""
        if not title.strip() or len(title) > _LONGEST_TITLE:
            raise InvalidInput(f"A conversation's title has 1 to {_LONGEST_TITLE} characters.")
        async with self._database.write() as connection:
            await owned(connection, conversation_id, principal)
            statement = (
                update(conversations)
                .where(conversations.c.id == conversation_id)
                .values(title=title.strip())
                .returning(*conversations.c)
            )
            return rows.conversation((await connection.execute(statement)).one())

    async def delete(self, conversation_id: str, principal: Principal) -> None:
        """Hides a conversation and its answers from their owner; feedback on them keeps what it refers to."""
        async with self._database.write() as connection:
            await owned(connection, conversation_id, principal)
            await connection.execute(
                update(conversations).where(conversations.c.id == conversation_id).values(deleted_at=codec.now())
            )

    async def count(self) -> int:
        """How many conversations there are."""
        statement = select(func.count()).select_from(conversations).where(conversations.c.deleted_at.is_(None))
        async with self._database.read() as connection:
            return int((await connection.execute(statement)).scalar_one())


async def insert_conversation(connection: AsyncConnection, principal_id: str, title: str) -> Conversation:
    at = codec.now()
    shown = " ".join(title.split())
    if len(shown) > _LONGEST_TITLE:
        shown = shown[: _LONGEST_TITLE - 1] + "…"
    made = Conversation(id=codec.new_id(), principal_id=principal_id, title=shown, created_at=at, updated_at=at)
    await connection.execute(
        conversations.insert().values(id=made.id, principal_id=principal_id, title=shown, created_at=at, updated_at=at)
    )
    return made


async def owned(connection: AsyncConnection, conversation_id: str, principal: Principal) -> Conversation:
    """The principal's own conversation. Raises `NotFound`."""
    statement = select(conversations).where(conversations.c.id == conversation_id, *_owned(principal))
    row = (await connection.execute(statement)).first()
    if row is None:
        raise NotFound("There is no such conversation.")
    return rows.conversation(row)


def _owned(principal: Principal) -> tuple[ColumnElement[bool], ...]:
    return conversations.c.principal_id == principal.id, conversations.c.deleted_at.is_(None)
