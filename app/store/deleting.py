"""Deleting a document, and taking that back, as steps of a transaction.

A deletion hides the document at once, on every read path. One that can be taken back changes nothing else until its
time is over: versions, passages, points and files stay, and count as needed, so that restoring is to show it again.
Then, or at once where it cannot be taken back, the document is condemned: nothing of it can answer any more, and its
rows, points and files are swept.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, corpus
from app.store.access import permitted
from app.store.job_rows import cancel_all, change, hasten, insert_job, let_go_on
from app.store.rows import AnyRow
from app.store.tables import chunks, collections, documents, jobs, renditions, versions
from core.errors import Conflict, NotFound
from core.types import Principal

_TOO_LATE = "The time in which this document could be restored is over; upload it again."


async def delete_document(
    connection: AsyncConnection, document_id: str, principal_id: str, *, until: datetime | None = None
) -> str:
    """Takes a document out of every read path and queues the job that sweeps it, not before `until`; the job's id.

    Its jobs are asked to stop. Without `until` the deletion cannot be taken back.
    """
    stopped = await cancel_all(connection, document_id)
    await connection.execute(
        update(documents).where(documents.c.id == document_id).values(deleted_at=codec.now(), restorable_until=until)
    )
    if until is None:
        await _condemn(connection, document_id)
    job_id = await insert_job(
        connection, kind="delete", principal_id=principal_id, document_id=document_id, not_before=until
    )
    await connection.execute(update(jobs).where(jobs.c.id.in_(stopped)).values(stopped_by=job_id))
    return job_id


async def hidden(connection: AsyncConnection, where: ColumnElement[bool]) -> list[str]:
    """The documents whose deletion can still be taken back; nobody takes it back while this transaction lasts."""
    statement = select(documents.c.id).where(where, documents.c.restorable_until.is_not(None)).order_by(documents.c.id)
    return list((await connection.execute(statement.with_for_update(key_share=True))).scalars())


async def condemn(connection: AsyncConnection, document_id: str) -> str | None:
    """Ends the time in which a deletion can be taken back; the job that sweeps what is left, where it waits still."""
    if not await hidden(connection, documents.c.id == document_id):
        return None
    await _condemn(connection, document_id)
    return await hasten(connection, document_id)


async def _condemn(connection: AsyncConnection, document_id: str) -> None:
    await connection.execute(
        update(documents).where(documents.c.id == document_id).values(live_version_id=None, restorable_until=None)
    )
    own = select(versions.c.id).where(versions.c.document_id == document_id)
    await connection.execute(delete(chunks).where(chunks.c.version_id.in_(own)))
    await connection.execute(delete(renditions).where(renditions.c.version_id.in_(own)))
    for before, after in (("pending", "cancelled"), ("live", "deleted")):
        await connection.execute(
            update(versions)
            .where(versions.c.document_id == document_id, versions.c.status == before)
            .values(status=after)
        )


async def restore_document(connection: AsyncConnection, document_id: str, principal: Principal) -> None:
    """Takes a deletion back: the document is as it was, and the jobs that were stopped go on.

    A document that is not deleted stays as it is. Raises `NotFound`, and `Conflict` once it is too late or where
    another document has its external id by now.
    """
    await _hold_collection(connection, document_id)
    row = await _deleted(connection, document_id, principal)
    if row.deleted_at is None:
        return
    deletion = (
        select(jobs.c.id)
        .where(jobs.c.document_id == document_id, jobs.c.kind == "delete", jobs.c.status == "queued")
        .with_for_update(key_share=True)
    )
    job_id: str | None = (await connection.execute(deletion)).scalar()
    if job_id is None or row.restorable_until is None or row.restorable_until <= codec.now():
        raise Conflict(_TOO_LATE)
    taken = select(documents.c.id).where(
        documents.c.collection == row.collection,
        documents.c.external_id == row.external_id,
        documents.c.deleted_at.is_(None),
    )
    if (await connection.execute(taken)).first() is not None:
        raise Conflict("Another document was uploaded under the same external id since; this one cannot be restored.")
    await connection.execute(
        update(documents).where(documents.c.id == document_id).values(deleted_at=None, restorable_until=None)
    )
    await change(connection, job_id, status="cancelled", detail="The document was restored.", ended=True)
    await let_go_on(connection, job_id)
    await corpus.changed(connection, row.collection)


async def _hold_collection(connection: AsyncConnection, document_id: str) -> None:
    """No upload into the collection, nor its deletion, comes in between; they lock it first, too."""
    named = select(documents.c.collection).where(documents.c.id == document_id).scalar_subquery()
    await connection.execute(
        select(collections.c.name).where(collections.c.name == named).with_for_update(key_share=True)
    )


async def _deleted(connection: AsyncConnection, document_id: str, principal: Principal) -> AnyRow:
    statement = select(documents).where(documents.c.id == document_id, permitted(principal))
    row: AnyRow | None = (await connection.execute(statement.with_for_update(key_share=True))).first()
    if row is None:
        raise NotFound("There is no such document.")
    return row
