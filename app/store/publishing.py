"""Making a version the one that answers: the old one's chunks go and the new one's come in the same transaction."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, corpus, rows
from app.store.records import Published
from app.store.tables import chunks, documents, generations, renditions, versions
from app.store.uploading import search_text, set_groups
from core.errors import Conflict

_live = versions.alias("live")


def condemned() -> ColumnElement[bool]:
    """True of documents whose deletion cannot be taken back, or no longer."""
    return and_(documents.c.deleted_at.is_not(None), documents.c.restorable_until.is_(None))


def over() -> ColumnElement[bool]:
    """True of versions, joined with their documents, that will never answer again."""
    overtaken = (
        select(_live.c.id).where(_live.c.id == documents.c.live_version_id, _live.c.seq > versions.c.seq).exists()
    )
    return or_(
        condemned(),
        versions.c.status.in_(("replaced", "deleted")),
        and_(versions.c.status.in_(("failed", "cancelled")), overtaken),
    )


def dead() -> ColumnElement[bool]:
    """True of those of them that wait to be swept: of a document that is gone for good nothing is remembered."""
    return and_(over(), or_(condemned(), versions.c.swept_at.is_(None)))


async def publish(connection: AsyncConnection, version_id: str, generation: int) -> Published:
    """Decides and carries out; safe to do again. Raises `Conflict` when the version's chunks were never stored."""
    row = await locked_version(connection, version_id)
    if row is None or row.d_deleted_at is not None:
        return Published(outcome="deleted")
    if row.live_version_id == version_id:
        return Published(outcome="live", replaced_version_ids=await _dead_ids(connection, row.document_id))
    if row.status in ("failed", "cancelled"):
        return Published(outcome="cancelled")
    if row.status != "pending" or await _overtaken(connection, row):
        await remove_chunks(connection, version_id)
        await connection.execute(update(versions).where(versions.c.id == version_id).values(status="replaced"))
        return Published(outcome="superseded")
    active = await _active(connection)
    if active is None or active.id != generation:
        return Published(outcome="stale")
    await _make_live(connection, row, await _stored(connection, version_id, generation), active.pipeline)
    await corpus.changed(connection, row.collection)
    return Published(outcome="live", replaced_version_ids=await _dead_ids(connection, row.document_id))


async def locked_version(connection: AsyncConnection, version_id: str) -> rows.AnyRow | None:
    """A version whose document nobody else changes while this transaction lasts.

    Locked first and read afterwards, so that what is read is what the one before left behind.
    """
    own = select(versions.c.document_id).where(versions.c.id == version_id).scalar_subquery()
    await connection.execute(select(documents.c.id).where(documents.c.id == own).with_for_update(key_share=True))
    row: rows.AnyRow | None = (
        await connection.execute(rows.select_versions().where(versions.c.id == version_id))
    ).first()
    return row


async def _make_live(connection: AsyncConnection, row: rows.AnyRow, count: int, pipeline: str) -> None:
    """The pipeline is the generation's: an upload that waited for a re-index was recorded under the one before."""
    at = codec.now()
    if row.live_version_id is not None:
        await remove_chunks(connection, row.live_version_id)
        await connection.execute(update(versions).where(versions.c.id == row.live_version_id).values(status="replaced"))
    await connection.execute(
        update(versions)
        .where(versions.c.id == row.id)
        .values(status="live", published_at=at, chunks=count, pipeline=pipeline)
    )
    await connection.execute(
        update(documents)
        .where(documents.c.id == row.document_id)
        .values(
            live_version_id=row.id,
            title=row.title,
            search_text=search_text(row.title, row.filename, row.external_id),
            groups=row.groups,
            metadata=row.metadata,
            updated_at=at,
        )
    )
    await set_groups(connection, row.document_id, codec.strings(row.groups))


async def remove_chunks(connection: AsyncConnection, version_id: str) -> None:
    """Removes a version's chunks from every generation."""
    await connection.execute(delete(chunks).where(chunks.c.version_id == version_id))
    await connection.execute(delete(renditions).where(renditions.c.version_id == version_id))


async def _active(connection: AsyncConnection) -> rows.AnyRow | None:
    """The active generation; it cannot be switched while this transaction lasts."""
    statement = select(generations).where(generations.c.status == "active")
    row: rows.AnyRow | None = (await connection.execute(statement.with_for_update(read=True))).first()
    return row


async def _overtaken(connection: AsyncConnection, row: rows.AnyRow) -> bool:
    statement = select(versions.c.seq).where(versions.c.id == row.live_version_id)
    live = (await connection.execute(statement)).scalar()
    return live is not None and live > row.seq


async def _stored(connection: AsyncConnection, version_id: str, generation: int) -> int:
    statement = select(renditions.c.chunks).where(
        renditions.c.version_id == version_id, renditions.c.generation == generation
    )
    count: int | None = (await connection.execute(statement)).scalar()
    if count is None:
        raise Conflict("The version's chunks are not stored; index it before it is published.")
    return count


async def _dead_ids(connection: AsyncConnection, document_id: str) -> tuple[str, ...]:
    statement = (
        select(versions.c.id)
        .join_from(versions, documents, documents.c.id == versions.c.document_id)
        .where(versions.c.document_id == document_id, dead())
        .order_by(versions.c.seq)
    )
    return tuple((await connection.execute(statement)).scalars())
