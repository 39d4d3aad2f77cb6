"""Generations: builds of the index. One answers; another may be built beside it and take over in one transaction."""

from __future__ import annotations

import builtins
from collections.abc import Collection
from typing import Any

from sqlalchemy import and_, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, rows
from app.store.database import Database
from app.store.records import GenerationStatus, IndexGeneration, NewGeneration, VersionRecord
from app.store.tables import chunks, documents, generations, renditions, versions
from core.errors import Conflict, NotFound


class Generations:
    """Which build of the index answers, and which is on its way."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active(self) -> IndexGeneration | None:
        """The generation that answers; None before the first start."""
        return await self._with_status("active")

    async def is_active(self, generation: int) -> bool:
        """Whether this generation answers still; False once another has taken over."""
        statement = select(generations.c.id).where(generations.c.id == generation, generations.c.status == "active")
        async with self._database.read() as connection:
            return (await connection.execute(statement)).first() is not None

    async def building(self) -> IndexGeneration | None:
        """The generation that is being built, also one that a crash left unfinished."""
        return await self._with_status("building")

    async def list(self) -> list[IndexGeneration]:
        """All generations, oldest first."""
        async with self._database.read() as connection:
            found = (await connection.execute(select(generations).order_by(generations.c.id))).all()
        return [rows.generation(row) for row in found]

    async def ensure_active(self, new: NewGeneration) -> IndexGeneration:
        """The active generation, or `new` made active if there is none. Two processes may ask at once."""
        found = await self.active()
        if found is not None:
            return found
        try:
            async with self._database.write() as connection:
                row = await _find(connection, generations.c.status == "active")
                return rows.generation(row) if row else await _insert(connection, new, "active")
        except Conflict:  # on PostgreSQL another process may have been quicker
            found = await self.active()
            if found is None:
                raise
            return found

    async def create_building(self, new: NewGeneration) -> IndexGeneration:
        """A generation to be filled. Raises `Conflict` while another is being built; resume or drop that one."""
        async with self._database.write() as connection:
            if await _find(connection, generations.c.status == "building"):
                raise Conflict("An index is being built already; let it finish, or drop it first.")
            return await _insert(connection, new, "building")

    async def missing(self, generation: int, *, limit: int | None = None) -> builtins.list[VersionRecord]:
        """Live versions whose chunks this generation does not have yet; empty when it could take over."""
        statement = (
            rows.select_versions()
            .where(documents.c.live_version_id == versions.c.id, ~_has_rendition(generation))
            .order_by(versions.c.id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [rows.version(row) for row in (await connection.execute(statement)).all()]

    async def switch(self, generation: int, *, without: Collection[str] = ()) -> IndexGeneration | None:
        """Makes a generation the one that answers and retires the one before, which is returned.

        Raises `NotFound`, and `Conflict` while live versions are `missing` from it, as uploads go on during a build.
        `without` names versions that cannot be built any more and may be missing; their documents stay, without chunks.
        """
        async with self._database.write() as connection:
            await connection.execute(select(generations.c.id).with_for_update(key_share=True))
            new = await _find(connection, generations.c.id == generation)
            if new is None:
                raise NotFound(f"There is no generation {generation} of the index.")
            old = await _find(connection, generations.c.status == "active")
            if old is not None and old.id == new.id:
                return None
            await _complete(connection, generation, without)
            if old is not None:
                await connection.execute(_set_status(old.id, "retired"))
            await connection.execute(_set_status(new.id, "active"))
            await _take_over(connection, generation, new.pipeline)
        return None if old is None else rows.generation(old)

    async def drop(self, generation: int) -> None:
        """Forgets a generation and its chunks, not its folder. Raises `Conflict` for the active one."""
        async with self._database.write() as connection:
            # Held, so that nobody puts chunks into it any more.
            found = select(generations).where(generations.c.id == generation).with_for_update(key_share=True)
            row = (await connection.execute(found)).first()
            if row is not None and row.status == "active":
                raise Conflict("This generation answers; it cannot be dropped.")
            await connection.execute(delete(chunks).where(chunks.c.generation == generation))
            await connection.execute(delete(renditions).where(renditions.c.generation == generation))
            await connection.execute(delete(generations).where(generations.c.id == generation))

    async def _with_status(self, status: GenerationStatus) -> IndexGeneration | None:
        async with self._database.read() as connection:
            row = await _find(connection, generations.c.status == status)
        return rows.generation(row) if row else None


async def _find(connection: AsyncConnection, where: Any) -> rows.AnyRow | None:
    return (await connection.execute(select(generations).where(where))).first()


async def _insert(connection: AsyncConnection, new: NewGeneration, status: GenerationStatus) -> IndexGeneration:
    statement = (
        insert(generations)
        .values(
            fingerprint=new.fingerprint,
            embedder=new.embedder,
            size=new.size,
            pipeline=new.pipeline,
            folder=new.folder,
            status=status,
            created_at=codec.now(),
        )
        .returning(*generations.c)
    )
    row = (await connection.execute(statement)).one()
    if not new.folder:
        named = update(generations).where(generations.c.id == row.id).values(folder=str(row.id))
        row = (await connection.execute(named.returning(*generations.c))).one()
    return rows.generation(row)


def _set_status(generation: int, status: GenerationStatus) -> Any:
    return update(generations).where(generations.c.id == generation).values(status=status)


def _has_rendition(generation: int) -> Any:
    return exists().where(renditions.c.version_id == versions.c.id, renditions.c.generation == generation)


async def _complete(connection: AsyncConnection, generation: int, without: Collection[str]) -> None:
    left = (
        select(versions.c.id)
        .join_from(versions, documents, documents.c.live_version_id == versions.c.id)
        .where(~_has_rendition(generation), versions.c.id.not_in(sorted(without)))
        .limit(1)
    )
    if (await connection.execute(left)).first() is not None:
        raise Conflict("The new index does not hold every live document yet; go on building it, then switch.")


async def _take_over(connection: AsyncConnection, generation: int, pipeline: str) -> None:
    """The live versions in it count as read by its pipeline from now on, with its number of chunks."""
    count = (
        select(renditions.c.chunks)
        .where(and_(renditions.c.version_id == versions.c.id, renditions.c.generation == generation))
        .scalar_subquery()
    )
    live = update(versions).where(versions.c.status == "live")
    await connection.execute(live.where(_has_rendition(generation)).values(pipeline=pipeline, chunks=count))
    await connection.execute(live.where(~_has_rendition(generation)).values(chunks=0))
