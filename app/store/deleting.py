"""Deleting a document, as one step of a transaction."""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec
from app.store.job_rows import cancel_all, insert_job
from app.store.tables import chunks, documents, renditions, versions


async def delete_document(connection: AsyncConnection, document_id: str, principal_id: str) -> str:
    """Takes a document out of every read path at once and queues the job that sweeps what is left of it.

    Its versions no longer answer, pending ones can no longer be published, its jobs are asked to stop.
    """
    at = codec.now()
    await connection.execute(
        update(documents)
        .where(documents.c.id == document_id)
        .values(deleted_at=at, updated_at=at, live_version_id=None)
    )
    await cancel_all(connection, document_id)
    own = select(versions.c.id).where(versions.c.document_id == document_id)
    await connection.execute(delete(chunks).where(chunks.c.version_id.in_(own)))
    await connection.execute(delete(renditions).where(renditions.c.version_id.in_(own)))
    await connection.execute(
        update(versions)
        .where(versions.c.document_id == document_id, versions.c.status == "pending")
        .values(status="cancelled")
    )
    await connection.execute(
        update(versions)
        .where(versions.c.document_id == document_id, versions.c.status == "live")
        .values(status="deleted")
    )
    return await insert_job(connection, kind="delete", principal_id=principal_id, document_id=document_id)
