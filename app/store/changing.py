"""Changing what is said of a document, without a new file: title, groups, metadata.

Groups and metadata hold at once, for readers and for every version that may yet answer; a job brings them to the
index's copy. A title is shown at once; but every passage is embedded under it, so it makes a new version of the same
bytes, which is embedded anew.
"""

from __future__ import annotations

from pathlib import PurePath

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, corpus, rows
from app.store.access import may_read, readable
from app.store.job_rows import insert_job
from app.store.records import Change, NewUpload
from app.store.tables import documents, versions
from app.store.uploading import add_version, check_names, search_text, set_groups
from core.errors import Forbidden, NotFound

_MAY_ANSWER = ("pending", "live", "failed", "cancelled")


async def change_document(connection: AsyncConnection, document_id: str, wanted: Change) -> tuple[str, ...]:
    """Carries the change out; the jobs that it takes, none where there was nothing to change.

    Raises `NotFound` for a document that the principal may not read, `Forbidden` where it would give it to groups that
    the principal is not in or take it away from all that it is in, `InvalidInput` for names that cannot be kept.
    """
    check_names({"title": wanted.title or ""}, wanted.groups or ())
    statement = rows.select_documents().where(documents.c.id == document_id, readable(wanted.principal))
    row = (await connection.execute(statement.with_for_update(of=documents, key_share=True))).first()
    if row is None:
        raise NotFound("There is no such document.")
    _check_groups(row, wanted)
    jobs = await _relabel(connection, row, wanted)
    if wanted.retitle:
        jobs = (*jobs, *await _retitle(connection, row, wanted))
    if jobs or wanted.retitle:
        await corpus.changed(connection, row.collection)
    return jobs


def _check_groups(row: rows.AnyRow, wanted: Change) -> None:
    """Groups that have the document already may keep it, whoever changes it; but nobody shuts himself out."""
    if not wanted.groups or wanted.principal.admin:
        return
    if not wanted.principal.groups.issuperset(set(wanted.groups).difference(codec.strings(row.groups))):
        raise Forbidden("A document can only be given to groups that you are in.")
    if not may_read(wanted.principal, wanted.groups):
        raise Forbidden("You could not read the document any more; leave it to one of your own groups, too.")


async def _relabel(connection: AsyncConnection, row: rows.AnyRow, wanted: Change) -> tuple[str, ...]:
    values: dict[str, str] = {}
    if wanted.groups:
        values["groups"] = codec.dump(codec.group_names(wanted.groups))
    if wanted.metadata is not None:
        values["metadata"] = codec.dump(dict(wanted.metadata))
    if not values:
        return ()
    # Those on their way would else take it back when they are published, and those that failed when they are retried.
    own = update(versions).where(versions.c.document_id == row.id, versions.c.status.in_(_MAY_ANSWER))
    await connection.execute(own.values(**values))
    if all(getattr(row, name) == value for name, value in values.items()):
        return ()
    await connection.execute(update(documents).where(documents.c.id == row.id).values(updated_at=codec.now(), **values))
    if wanted.groups:
        await set_groups(connection, row.id, codec.group_names(wanted.groups))
    job_id = await insert_job(
        connection,
        kind="update",
        principal_id=wanted.principal.id,
        document_id=row.id,
        version_id=row.live_version_id,
    )
    return (job_id,)


async def _retitle(connection: AsyncConnection, row: rows.AnyRow, wanted: Change) -> tuple[str, ...]:
    newest = await _newest(connection, row.id)
    if newest is None:
        await _title_for_a_retry(connection, row, wanted.title)
        return ()
    if newest.explicit_title == wanted.title:
        return ()
    if wanted.title is not None:
        await _show(connection, row, wanted.title, newest.filename)
        if newest.id == row.live_version_id and newest.title == wanted.title:  # it is embedded under these words
            named = update(versions).where(versions.c.id == newest.id)
            await connection.execute(named.values(explicit_title=wanted.title))
            return ()
    upload = NewUpload(
        collection=row.collection,
        external_id=row.external_id,
        filename=newest.filename,
        size=newest.size,
        sha256=newest.sha256,
        pipeline=wanted.pipeline,
        principal=wanted.principal,
        title=wanted.title,
        media_type=newest.media_type,
    )
    begun = await add_version(connection, upload, row.id, groups=newest.groups, metadata=newest.metadata)
    return (begun.job_id,)


async def _newest(connection: AsyncConnection, document_id: str) -> rows.AnyRow | None:
    """The version whose bytes will answer in the end, or do."""
    statement = (
        select(versions)
        .where(versions.c.document_id == document_id, versions.c.status.in_(("pending", "live")))
        .order_by(versions.c.seq.desc())
        .limit(1)
    )
    row: rows.AnyRow | None = (await connection.execute(statement)).first()
    return row


async def _title_for_a_retry(connection: AsyncConnection, row: rows.AnyRow, title: str | None) -> None:
    """Nothing of it answers or is on its way: what is retried will be read under this title."""
    failed = select(versions).where(
        versions.c.document_id == row.id, versions.c.status.in_(("failed", "cancelled")), versions.c.swept_at.is_(None)
    )
    for version in (await connection.execute(failed.order_by(versions.c.seq))).all():
        shown = title or PurePath(version.filename).stem or version.filename
        values = {"explicit_title": title, "title": shown}
        await connection.execute(update(versions).where(versions.c.id == version.id).values(**values))
        await _show(connection, row, shown, version.filename)


async def _show(connection: AsyncConnection, row: rows.AnyRow, title: str, filename: str) -> None:
    await connection.execute(
        update(documents)
        .where(documents.c.id == row.id)
        .values(title=title, search_text=search_text(title, filename, row.external_id), updated_at=codec.now())
    )
