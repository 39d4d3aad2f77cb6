"""What stays of versions that were swept: of a document that is there their rows, as its history; of others nothing."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec
from app.store.publishing import condemned, dead, remove_chunks
from app.store.tables import documents, versions


async def forget(connection: AsyncConnection, version_ids: Sequence[str]) -> None:
    """Marks dead versions as swept; of documents that are gone for good it removes them, and then the documents."""
    found = select(versions.c.id, versions.c.document_id, condemned().label("gone")).join_from(
        versions, documents, documents.c.id == versions.c.document_id
    )
    named = versions.c.id.in_(version_ids)
    own = select(versions.c.document_id).where(named)
    # Held first, as everybody does who changes versions; a retry may be about to want one of them back.
    held = select(documents.c.id).where(documents.c.id.in_(own)).order_by(documents.c.id)
    await connection.execute(held.with_for_update(key_share=True))
    swept = (await connection.execute(found.where(named, dead()).with_for_update(of=versions, key_share=True))).all()
    gone = [row for row in swept if row.gone]
    for row in swept:
        if not row.gone:
            await remove_chunks(connection, row.id)
            await connection.execute(update(versions).where(versions.c.id == row.id).values(swept_at=codec.now()))
    await connection.execute(delete(versions).where(versions.c.id.in_([row.id for row in gone])))
    await connection.execute(
        delete(documents).where(
            documents.c.id.in_(sorted({row.document_id for row in gone})),
            condemned(),
            ~exists().where(versions.c.document_id == documents.c.id),
        )
    )
