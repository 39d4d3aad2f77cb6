"""What an upload becomes, decided in one transaction: a new document, a new version, or nothing new."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, collections, corpus, rows
from app.store.access import may_read
from app.store.job_rows import insert_job
from app.store.records import Begun, NewUpload
from app.store.tables import document_groups, documents, versions
from core.errors import Forbidden, InvalidInput
from core.types import EVERYONE

_LONGEST = {"external_id": 512, "filename": 512, "title": 1024, "media_type": 255, "group": 255}


async def begin(connection: AsyncConnection, upload: NewUpload) -> Begun:
    """Records the upload. Raises `NotFound` for an unknown collection, `Forbidden`, `InvalidInput`."""
    check(upload)
    if not await collections.find(connection, upload.collection, lock=True):
        raise collections.unknown(upload.collection)
    statement = rows.select_documents().where(
        documents.c.collection == upload.collection,
        documents.c.external_id == upload.external_id,
        documents.c.deleted_at.is_(None),
    )
    row = (await connection.execute(statement.with_for_update(of=documents, key_share=True))).first()
    if row is None:
        return await _first_version(connection, upload)
    if not may_read(upload.principal, codec.strings(row.groups)):
        raise Forbidden("Another document has this external id already, and it is not yours to replace.")
    newest = (
        await connection.execute(
            select(versions)
            .where(versions.c.document_id == row.id, versions.c.status.in_(("pending", "live")))
            .order_by(versions.c.seq.desc())
            .limit(1)
        )
    ).first()
    if newest is not None and newest.id == row.live_version_id and _same(newest, upload):
        return await _unchanged(connection, upload, row)
    return await _next_version(connection, upload, row, newest)


def _same(live: rows.AnyRow, upload: NewUpload) -> bool:
    """Whether the live version has these bytes, read the same way, under the same title."""
    same_title = live.explicit_title == upload.title and (upload.title or live.filename == upload.filename)
    return bool(live.sha256 == upload.sha256 and live.pipeline == upload.pipeline and same_title)


async def _first_version(connection: AsyncConnection, upload: NewUpload) -> Begun:
    document_id, at = codec.new_id(), codec.now()
    groups = codec.group_names(upload.groups or (EVERYONE,))
    title = provisional_title(upload)
    await connection.execute(
        insert(documents).values(
            id=document_id,
            collection=upload.collection,
            external_id=upload.external_id,
            title=title,
            search_text=search_text(title, upload.filename, upload.external_id),
            groups=codec.dump(groups),
            metadata=codec.dump(dict(upload.metadata or {})),
            created_at=at,
            updated_at=at,
        )
    )
    await set_groups(connection, document_id, groups)
    return await add_version(
        connection, upload, document_id, groups=codec.dump(groups), metadata=codec.dump(dict(upload.metadata or {}))
    )


async def _next_version(
    connection: AsyncConnection, upload: NewUpload, row: rows.AnyRow, newest: rows.AnyRow | None
) -> Begun:
    """A version more. What it takes away from readers holds at once; what it grants comes with its publication."""
    basis = row if newest is None else newest
    groups = codec.group_names(upload.groups) if upload.groups else codec.strings(basis.groups)
    metadata = basis.metadata if upload.metadata is None else codec.dump(dict(upload.metadata))
    narrowed = await _narrow(connection, row, groups)
    begun = await add_version(connection, upload, row.id, groups=codec.dump(groups), metadata=metadata)
    if narrowed:
        await corpus.changed(connection, row.collection)
    return begun


async def _narrow(connection: AsyncConnection, row: rows.AnyRow, groups: tuple[str, ...]) -> bool:
    """Leaves the document, and versions still on their way, only the groups that the new version has too. Whether
    that took any away from the document."""
    allowed = set(groups)
    present = codec.strings(row.groups)
    narrowed = not allowed.issuperset(present)
    if narrowed:
        kept = codec.group_names(allowed.intersection(present))
        await connection.execute(
            update(documents).where(documents.c.id == row.id).values(groups=codec.dump(kept), updated_at=codec.now())
        )
        await set_groups(connection, row.id, kept)
    pending = select(versions.c.id, versions.c.groups).where(
        versions.c.document_id == row.id, versions.c.status.in_(("pending", "failed", "cancelled"))
    )
    for version in (await connection.execute(pending)).all():
        kept = codec.group_names(allowed.intersection(codec.strings(version.groups)))
        await connection.execute(update(versions).where(versions.c.id == version.id).values(groups=codec.dump(kept)))
    return narrowed


async def add_version(
    connection: AsyncConnection, upload: NewUpload, document_id: str, *, groups: str, metadata: str
) -> Begun:
    """A pending version more, and the job that brings it about; `groups` and `metadata` as the columns hold them."""
    version_id = codec.new_id()
    last = select(func.max(versions.c.seq)).where(versions.c.document_id == document_id)
    seq = ((await connection.execute(last)).scalar() or 0) + 1
    await connection.execute(
        insert(versions).values(
            id=version_id,
            document_id=document_id,
            seq=seq,
            status="pending",
            sha256=upload.sha256,
            size=upload.size,
            filename=upload.filename,
            media_type=upload.media_type,
            pipeline=upload.pipeline,
            explicit_title=upload.title,
            title=provisional_title(upload),
            groups=groups,
            metadata=metadata,
            warnings="[]",
            chunks=0,
            principal_id=upload.principal.id,
            created_at=codec.now(),
        )
    )
    job_id = await insert_job(
        connection,
        kind="ingest",
        principal_id=upload.principal.id,
        document_id=document_id,
        version_id=version_id,
    )
    return Begun(document_id=document_id, version_id=version_id, job_id=job_id, unchanged=False)


async def _unchanged(connection: AsyncConnection, upload: NewUpload, row: rows.AnyRow) -> Begun:
    """Nothing new to read. Changed groups or metadata hold at once, and a job brings them to the index's copy."""
    groups = codec.dump(codec.group_names(upload.groups)) if upload.groups else row.groups
    metadata = row.metadata if upload.metadata is None else codec.dump(dict(upload.metadata))
    changed = groups != row.groups or metadata != row.metadata
    if changed:
        await _narrow(connection, row, codec.strings(groups))
        values = {"groups": groups, "metadata": metadata}
        await connection.execute(
            update(documents).where(documents.c.id == row.id).values(updated_at=codec.now(), **values)
        )
        await connection.execute(update(versions).where(versions.c.id == row.live_version_id).values(**values))
        await set_groups(connection, row.id, codec.strings(groups))
    job_id = await insert_job(
        connection,
        kind="update" if changed else "ingest",
        principal_id=upload.principal.id,
        document_id=row.id,
        version_id=row.live_version_id,
        status="queued" if changed else "succeeded",
        stage="queued" if changed else "unchanged",
    )
    if changed:
        await corpus.changed(connection, row.collection)
    return Begun(document_id=row.id, version_id=row.live_version_id, job_id=job_id, unchanged=True)


async def set_groups(connection: AsyncConnection, document_id: str, groups: tuple[str, ...]) -> None:
    """Writes the rows by which reads are permitted."""
    await connection.execute(document_groups.delete().where(document_groups.c.document_id == document_id))
    if groups:
        await connection.execute(
            insert(document_groups), [{"document_id": document_id, "name": name} for name in groups]
        )


def search_text(title: str, filename: str, external_id: str) -> str:
    """What the listing's query looks in, folded so that case does not matter in any script."""
    return "\n".join((title, filename, external_id)).casefold()


def provisional_title(upload: NewUpload) -> str:
    """The title until the file was parsed."""
    return upload.title or PurePath(upload.filename).stem or upload.filename


def check(upload: NewUpload) -> None:
    """Names that could not be kept or shown are refused. Raises `InvalidInput`."""
    if not upload.external_id or not upload.filename:
        raise InvalidInput("An upload needs a file name and an external id.")
    named = {
        "external_id": upload.external_id,
        "filename": upload.filename,
        "title": upload.title or "",
        "media_type": upload.media_type,
    }
    check_names(named, upload.groups or ())


def check_names(named: Mapping[str, str], groups: Sequence[str]) -> None:
    """The same for names by what they name, and for groups'. Raises `InvalidInput`."""
    for what, value in [*named.items(), *(("group", group) for group in groups)]:
        if len(value) > _LONGEST[what]:
            raise InvalidInput(f"The {what} is longer than {_LONGEST[what]} characters.")
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
            raise InvalidInput(f"The {what} contains control characters.")
    if any(not group.strip() for group in groups):
        raise InvalidInput("A group's name cannot be empty.")
