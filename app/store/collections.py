"""Collections: named sets of documents."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, corpus
from app.store.database import Database
from app.store.deleting import condemn, delete_document, hidden
from app.store.records import Collection
from app.store.tables import collections, documents, versions
from core.errors import Conflict, InvalidInput, NotFound
from core.types import DEFAULT_COLLECTION, PersonalPolicy, Principal

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Collections:
    """Creates, lists and deletes collections. The one named "default" always exists."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str, description: str = "", personal: PersonalPolicy = "allow") -> Collection:
        """A new, empty collection. Raises `InvalidInput` for a bad name, `Conflict` where it exists."""
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                "A collection's name has 1 to 64 lower-case letters, digits, - and _; it begins with a letter or digit."
            )
        made = Collection(name=name, description=description, created_at=codec.now(), personal=personal)
        async with self._database.write() as connection:
            if await find(connection, name):
                raise Conflict(f"The collection “{name}” exists already.")
            await connection.execute(
                collections.insert().values(
                    name=name, description=description, created_at=made.created_at, personal=personal
                )
            )
        return made

    async def change(
        self, name: str, *, description: str | None = None, personal: PersonalPolicy | None = None
    ) -> Collection:
        """Gives a collection another description, or another policy for personal data. Raises `NotFound`.

        Answers that were remembered under the old policy are not given again.
        """
        given = {"description": description, "personal": personal}
        values = {key: value for key, value in given.items() if value is not None}
        async with self._database.write() as connection:
            if not await find(connection, name, lock=True):
                raise unknown(name)
            if values:
                await connection.execute(update(collections).where(collections.c.name == name).values(**values))
            if personal is not None:
                await corpus.changed(connection, name)
        return await self.get(name)

    async def policies(self) -> dict[str, PersonalPolicy]:
        """What each collection says of personal data."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(collections.c.name, collections.c.personal))).all()
        return {row.name: row.personal for row in rows}

    async def of_documents(self, ids: Iterable[str]) -> dict[str, str]:
        """The collection of each of these documents that is not deleted."""
        statement = select(documents.c.id, documents.c.collection).where(
            documents.c.id.in_(list(ids)), documents.c.deleted_at.is_(None)
        )
        async with self._database.read() as connection:
            return {row.id: row.collection for row in (await connection.execute(statement)).all()}

    async def get(self, name: str) -> Collection:
        """One collection with its counts. Raises `NotFound`."""
        for collection in await self._counted(collections.c.name == name):
            return collection
        raise unknown(name)

    async def require(self, name: str) -> None:
        """Nothing, at little cost, where the collection exists. Raises `NotFound` elsewhere."""
        async with self._database.read() as connection:
            if not await find(connection, name):
                raise unknown(name)

    async def list(self) -> list[Collection]:
        """All collections by name, with their counts."""
        return await self._counted()

    async def _counted(self, *where: ColumnElement[bool]) -> builtins.list[Collection]:
        statement = (
            select(
                collections,
                func.count(documents.c.id).label("documents"),
                func.coalesce(func.sum(versions.c.chunks), 0).label("chunks"),
            )
            .select_from(
                collections.outerjoin(
                    documents, and_(documents.c.collection == collections.c.name, documents.c.deleted_at.is_(None))
                ).outerjoin(versions, versions.c.id == documents.c.live_version_id)
            )
            .where(*where)
            .group_by(collections.c.name, collections.c.description, collections.c.created_at, collections.c.personal)
            .order_by(collections.c.name)
        )
        async with self._database.read() as connection:
            found = (await connection.execute(statement)).all()
        return [
            Collection(
                name=row.name,
                description=row.description,
                created_at=row.created_at,
                documents=row.documents,
                chunks=int(row.chunks),
                personal=row.personal,
            )
            for row in found
        ]

    async def delete(self, name: str, principal: Principal, *, force: bool = False) -> tuple[str, ...]:
        """Deletes a collection, with `force` its documents too; returns the jobs that sweep those.

        Raises `NotFound`, and `Conflict` for the default collection or one that holds documents without `force`.
        """
        if name == DEFAULT_COLLECTION:
            raise Conflict("The default collection cannot be deleted; delete its documents instead.")
        async with self._database.write() as connection:
            if not await find(connection, name, lock=True):
                raise NotFound(f"There is no collection “{name}”.")
            alive = select(documents.c.id).where(documents.c.collection == name, documents.c.deleted_at.is_(None))
            ordered = alive.order_by(documents.c.id).with_for_update(key_share=True)
            ids = (await connection.execute(ordered)).scalars().all()
            if ids and not force:
                raise Conflict(f"The collection “{name}” holds {len(ids)} documents; delete them first, or use force.")
            jobs = [await delete_document(connection, document_id, principal.id) for document_id in ids]
            for document_id in await hidden(connection, documents.c.collection == name):
                await condemn(connection, document_id)  # there is no place left to restore it to
            # Deleted documents stay until they are swept; they need a collection to stand in.
            await connection.execute(
                documents.update().where(documents.c.collection == name).values(collection=DEFAULT_COLLECTION)
            )
            await connection.execute(delete(collections).where(collections.c.name == name))
            await corpus.changed(connection, name)
        return tuple(jobs)


async def find(connection: AsyncConnection, name: str, *, lock: bool = False) -> bool:
    """Whether the collection exists. `lock` makes its other writers wait until this transaction is over."""
    statement = select(collections.c.name).where(collections.c.name == name)
    return (
        await connection.execute(statement.with_for_update(key_share=True) if lock else statement)
    ).first() is not None


def unknown(name: str) -> NotFound:
    return NotFound(f"There is no collection “{name}”; create it first.")
