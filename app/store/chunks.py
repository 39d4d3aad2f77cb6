"""Chunks as they are shown, and the store's word on which of the index's hits may be shown at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, bindparam, delete, exists, func, insert, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, cursors
from app.store.access import readable
from app.store.database import Database
from app.store.publishing import locked_version
from app.store.records import Page
from app.store.tables import chunks, document_groups, documents, generations, renditions
from core.errors import Conflict, NotFound
from core.types import Chunk, Principal, StoredChunk

_LISTING = "chunks"
_BATCH = 500

_SHOWN = select(
    chunks.c.id, chunks.c.body, chunks.c.document_id, chunks.c.version_id, documents.c.collection, documents.c.title
).join_from(
    chunks, documents, (documents.c.id == chunks.c.document_id) & (documents.c.live_version_id == chunks.c.version_id)
)


def _confirming(ids: Any, groups: Any | None) -> Select[Any]:
    """The chunks `ids` of live versions, in any of `groups`, or in whichever where that is None."""
    found = _SHOWN.where(chunks.c.id.in_(ids), documents.c.deleted_at.is_(None))
    if groups is None:
        return found
    return found.where(
        exists().where(document_groups.c.document_id == documents.c.id, document_groups.c.name.in_(groups))
    )


def _json_list(name: str) -> Any:
    return select(func.json_each(bindparam(name)).table_valued("value").c.value)


# Built once: composing a statement costs more than running it. SQLite's takes each list as one JSON parameter, so that
# its text, and with it the prepared statement, stays the same for any number of ids.
_IDS: Any = bindparam("ids", expanding=True)
_GROUPS: Any = bindparam("groups", expanding=True)
_CONFIRM = {False: _confirming(_IDS, _GROUPS), True: _confirming(_IDS, None)}
_SQLITE = sqlite.dialect(paramstyle="qmark")
_CONFIRM_SQLITE = {
    False: str(_confirming(_json_list("ids"), _json_list("groups")).compile(dialect=_SQLITE)),
    True: str(_confirming(_json_list("ids"), None).compile(dialect=_SQLITE)),
}


class Chunks:
    """The chunks of every version, by generation of the index. Implements `retrieval.ports.ChunkStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, version_id: str, generation: int, parts: Sequence[Chunk]) -> list[str]:
        """Stores all chunks of a version for a generation, in place of any before; returns their ids in order.

        They are shown only once the version is live. Raises `NotFound` when the version or its document is gone,
        `Conflict` when the generation is.
        """
        ids = [codec.chunk_id(generation, version_id, part.ordinal) for part in parts]
        bodies = [codec.dump_chunk(part) for part in parts]
        async with self._database.write() as connection:
            document_id = await _writable(connection, version_id, generation)
            await connection.execute(
                delete(chunks).where(chunks.c.version_id == version_id, chunks.c.generation == generation)
            )
            values = [
                {
                    "id": chunk_id,
                    "document_id": document_id,
                    "version_id": version_id,
                    "generation": generation,
                    "ordinal": part.ordinal,
                    "body": body,
                }
                for chunk_id, part, body in zip(ids, parts, bodies, strict=True)
            ]
            for start in range(0, len(values), _BATCH):
                await connection.execute(insert(chunks), values[start : start + _BATCH])
            place = {"version_id": version_id, "generation": generation}
            await connection.execute(delete(renditions).filter_by(**place))
            await connection.execute(insert(renditions).values(**place, chunks=len(values), created_at=codec.now()))
        return ids

    async def confirm(self, chunk_ids: Sequence[str], principal: Principal) -> list[StoredChunk]:
        """Of these chunks those whose version is live and which the principal may read, in the order asked; one query.

        An id names its generation, so no generation has to be asked for: what an index of either generation finds
        during a switch is confirmed as long as its version is live.
        """
        if not chunk_ids or not (principal.admin or principal.groups):
            return []
        wanted = list(dict.fromkeys(chunk_ids))
        found = {row[0]: row for row in await self._confirmed(wanted, principal)}
        return [_stored(found[chunk_id]) for chunk_id in wanted if chunk_id in found]

    async def _confirmed(self, ids: list[str], principal: Principal) -> list[Any]:
        groups = sorted(principal.groups)
        if self._database.dialect == "sqlite":
            lists = [ids] if principal.admin else [ids, groups]
            return await self._database.fetch(_CONFIRM_SQLITE[principal.admin], [json.dumps(part) for part in lists])
        async with self._database.read() as connection:
            values = {"ids": ids} if principal.admin else {"ids": ids, "groups": groups}
            return list((await connection.execute(_CONFIRM[principal.admin], values)).all())

    async def get(self, chunk_id: str, principal: Principal) -> StoredChunk:
        """A chunk of a live version. Raises `NotFound`."""
        found = await self.confirm([chunk_id], principal)
        if not found:
            raise NotFound("There is no such passage, or its document has changed since.")
        return found[0]

    async def page(
        self, document_id: str, principal: Principal, *, cursor: str | None = None, limit: int = 50
    ) -> Page[StoredChunk]:
        """The chunks of a document's live version in reading order. Raises `NotFound`, `InvalidCursor`."""
        after = -1 if cursor is None else cursors.decode(_LISTING, cursor)[0]
        found = await self._after(document_id, principal, after, cursors.checked_limit(limit) + 1)
        return cursors.page(found, limit, lambda c: cursors.encode(_LISTING, c.chunk.ordinal))

    async def reading(self, document_id: str, principal: Principal, *, start: int, limit: int) -> list[StoredChunk]:
        """The chunks of a document's live version from ordinal `start` on. Raises `NotFound`."""
        return await self._after(document_id, principal, start - 1, cursors.checked_limit(limit))

    async def _after(self, document_id: str, principal: Principal, after: int, limit: int) -> list[StoredChunk]:
        active = select(generations.c.id).where(generations.c.status == "active").scalar_subquery()
        statement = (
            _SHOWN.where(
                documents.c.id == document_id,
                readable(principal),
                chunks.c.generation == active,
                chunks.c.ordinal > after,
            )
            .order_by(chunks.c.ordinal)
            .limit(limit)
        )
        async with self._database.snapshot() as connection:
            known = select(documents.c.id).where(documents.c.id == document_id, readable(principal))
            if (await connection.execute(known)).first() is None:
                raise NotFound("There is no such document.")
            return [_stored(row) for row in (await connection.execute(statement)).all()]

    async def cursor_around(self, chunk_id: str, document_id: str, principal: Principal, *, limit: int) -> str | None:
        """The cursor of the page of `limit` that has a chunk in its middle, None for the first.

        Raises `NotFound` where the document's live version has no such chunk.
        """
        found = await self.get(chunk_id, principal)
        if found.document_id != document_id:
            raise NotFound("There is no such passage, or its document has changed since.")
        last_left_out = found.chunk.ordinal - limit // 2 - 1
        return None if last_left_out < 0 else cursors.encode(_LISTING, last_left_out)

    async def count(self, generation: int) -> int:
        """How many chunks of live versions a generation holds."""
        statement = (
            select(func.coalesce(func.sum(renditions.c.chunks), 0))
            .join_from(renditions, documents, documents.c.live_version_id == renditions.c.version_id)
            .where(renditions.c.generation == generation, documents.c.deleted_at.is_(None))
        )
        async with self._database.read() as connection:
            return int((await connection.execute(statement)).scalar_one())


async def _writable(connection: AsyncConnection, version_id: str, generation: int) -> str:
    """The document of a version that may still get chunks, which cannot be deleted while this transaction lasts."""
    row = await locked_version(connection, version_id)
    gone = row is None or (row.d_deleted_at is not None and row.d_restorable_until is None)
    if row is None or gone or row.status not in ("pending", "live"):
        raise NotFound("This version is gone: its document was deleted, or a later version replaced it.")
    known = select(generations.c.id).where(generations.c.id == generation)
    if (await connection.execute(known.with_for_update(read=True))).first() is None:
        raise Conflict(f"Generation {generation} of the index does not exist any more.")
    document_id: str = row.document_id
    return document_id


def _stored(row: Row[str, str, str, str, str, str]) -> StoredChunk:
    chunk_id, body, document_id, version_id, collection, title = row
    return StoredChunk(
        id=chunk_id,
        document_id=document_id,
        version_id=version_id,
        collection=collection,
        title=title,
        chunk=codec.load_chunk(body),
    )
