"""The corpus' version: a token for each collection that changes with everything that changes what can be found in it.

It changes in the transaction that changes the documents, as its last statement: the row is locked only from there to
the commit, after all others, so that it stands at the end of the order in which rows are locked. It changes once more
when a job has brought the index up to date. Tokens are drawn and not counted: a database that was put back from a
backup never comes upon a token again that stood for something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec
from app.store.database import Database
from app.store.tables import corpus, documents

_ALL = select(corpus.c.collection, corpus.c.version).order_by(corpus.c.collection)
_ALL_SQLITE = str(_ALL.compile(dialect=sqlite.dialect(paramstyle="qmark")))


class Corpus:
    """In which version the collections stand."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def version(self, collections: Sequence[str] = ()) -> str:
        """One text for the collections named, or for all of them where none is; equal as long as nothing changed."""
        wanted = frozenset(collections)
        found = {name: version for name, version in await self._rows() if not wanted or name in wanted}
        return codec.dump(found)

    async def change(self, collection: str) -> None:
        """Gives a collection another version, where more is found in it though the store has not changed."""
        async with self._database.write() as connection:
            await changed(connection, collection)

    async def _rows(self) -> list[Any]:
        if self._database.dialect == "sqlite":
            return await self._database.fetch(_ALL_SQLITE, ())
        async with self._database.read() as connection:
            return list((await connection.execute(_ALL)).all())


async def changed(connection: AsyncConnection, collection: str) -> None:
    """Gives a collection another version; the last thing that a transaction does."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    token = codec.new_id()
    statement = dialect.insert(corpus).values(collection=collection, version=token)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=[corpus.c.collection], set_={"version": token})
    )


async def changed_around(connection: AsyncConnection, document_id: str) -> None:
    """The same for the collection that a document is in; nothing happens where the document is gone."""
    found = select(documents.c.collection).where(documents.c.id == document_id)
    collection: str | None = (await connection.execute(found)).scalar()
    if collection is not None:
        await changed(connection, collection)
