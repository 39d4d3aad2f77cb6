"""Documents and their versions: what was uploaded, which version answers, who may read it."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, corpus, cursors, deleting, publishing, rows, sweeping, uploading, version_pages
from app.store.access import permitted, readable
from app.store.changing import change_document
from app.store.database import Database
from app.store.records import UNFINISHED, Begun, Change, NewUpload, Page, Published, VersionEntry, VersionRecord
from app.store.tables import documents, jobs, renditions, versions
from core.errors import NotFound
from core.types import Document, Principal

_LISTING = "documents"
_LIVE_LISTING = "live"
_PART = 500
"""Ids in one statement: databases bound how many values one may have."""


class Documents:
    """The documents. Methods with a principal act on its behalf; those without are the worker's own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ---- for a principal -------------------------------------------------------------------------------------------

    async def begin_upload(self, upload: NewUpload) -> Begun:
        """Records an upload whose blob is stored: document, version and job in one transaction.

        Raises `NotFound` for an unknown collection, `Forbidden` where the external id belongs to a document that the
        principal may not read, `InvalidInput` for names that cannot be kept.
        """
        async with self._database.write() as connection:
            return await uploading.begin(connection, upload)

    async def get(self, document_id: str, principal: Principal) -> Document:
        """A document. Raises `NotFound` where it is deleted, unknown, or not this principal's to read."""
        async with self._database.read() as connection:
            statement = rows.select_documents().where(documents.c.id == document_id, readable(principal))
            row = (await connection.execute(statement)).first()
        if row is None:
            raise _unknown()
        return rows.document(row)

    async def list(
        self,
        principal: Principal,
        *,
        collection: str | None = None,
        collections: Sequence[str] = (),
        live: bool = False,
        query: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Document]:
        """What the principal may read, newest first; `query` is looked for in title, file name and external id.

        `collections` narrow it to any of several; with `live` only documents that answer already are listed. Raises
        `InvalidCursor`.
        """
        where = [readable(principal)]
        if collection is not None:
            where.append(documents.c.collection == collection)
        if collections:
            where.append(documents.c.collection.in_(sorted(collections)))
        if live:
            where.append(documents.c.live_version_id.is_not(None))
        if query:
            where.append(documents.c.search_text.contains(query.casefold(), autoescape=True))
        where += cursors.before(_LISTING, cursor, documents.c.created_at, documents.c.id)
        statement = (
            rows.select_documents()
            .where(*where)
            .order_by(documents.c.created_at.desc(), documents.c.id.desc())
            .limit(cursors.checked_limit(limit) + 1)
        )
        async with self._database.read() as connection:
            found = [rows.document(row) for row in (await connection.execute(statement)).all()]
        return cursors.page(found, limit, lambda d: cursors.encode(_LISTING, cursors.micros(d.created_at), d.id))

    async def readers(self, document_ids: Sequence[str], principal: Principal) -> dict[str, tuple[str, ...]]:
        """The groups of those of these documents that the principal may read now; the others are left out."""
        found: dict[str, tuple[str, ...]] = {}
        wanted = sorted(set(document_ids))
        async with self._database.snapshot() as connection:
            for first in range(0, len(wanted), _PART):
                part = documents.c.id.in_(wanted[first : first + _PART])
                statement = select(documents.c.id, documents.c.groups).where(part, readable(principal))
                for row in (await connection.execute(statement)).all():
                    found[row.id] = codec.strings(row.groups)
        return found

    async def change(self, document_id: str, wanted: Change) -> tuple[str, ...]:
        """Changes what is said of a document; the jobs that bring it to the index, none where nothing changed.

        Raises `NotFound`, `Forbidden` where it would give the document to groups that the principal is not in or take
        it away from all that it is in, `InvalidInput` for names that cannot be kept.
        """
        async with self._database.write() as connection:
            return await change_document(connection, document_id, wanted)

    async def delete(self, document_id: str, principal: Principal, *, until: datetime | None = None) -> str:
        """Takes a document out of every read path; returns the job that sweeps the rest, not before `until`.

        Until then it can be restored. Without `until` it cannot, not even where an earlier deletion allowed it.
        Raises `NotFound`.
        """
        async with self._database.write() as connection:
            statement = select(documents.c.id, documents.c.deleted_at, documents.c.collection).where(
                documents.c.id == document_id, permitted(principal)
            )
            row = (await connection.execute(statement.with_for_update(key_share=True))).first()
            if row is not None and row.deleted_at is None:
                sweep = await deleting.delete_document(connection, document_id, principal.id, until=until)
                await corpus.changed(connection, row.collection)
                return sweep
            job_id = None if row is None or until is not None else await deleting.condemn(connection, document_id)
            if job_id is None:
                raise _unknown()
            return job_id

    async def restore(self, document_id: str, principal: Principal) -> Document:
        """Takes a deletion back: the document is as it was. One that is not deleted stays as it is.

        Raises `NotFound`, and `Conflict` once it is too late or where another document has its external id by now.
        """
        async with self._database.write() as connection:
            await deleting.restore_document(connection, document_id, principal)
        return await self.get(document_id, principal)

    async def versions(
        self, document_id: str, principal: Principal, *, cursor: str | None = None, limit: int = 50
    ) -> Page[VersionEntry]:
        """The versions of a document, newest first, those included that were replaced. Raises `NotFound`,
        `InvalidCursor`."""
        async with self._database.snapshot() as connection:
            return await version_pages.page(connection, document_id, principal, cursor, limit)

    # ---- for the worker --------------------------------------------------------------------------------------------

    async def find(self, document_id: str) -> Document | None:
        """A document, whoever may read it, also one that can be restored; None once it is gone for good."""
        async with self._database.read() as connection:
            statement = rows.select_documents().where(documents.c.id == document_id, ~publishing.condemned())
            row = (await connection.execute(statement)).first()
        return None if row is None else rows.document(row)

    async def version(self, version_id: str) -> VersionRecord:
        """A version, of a deleted document too until it was swept. Raises `NotFound`."""
        found = await self._versions(versions.c.id == version_id, versions.c.swept_at.is_(None))
        if not found:
            raise NotFound("This version is gone: its document was deleted, or a later version replaced it.")
        return found[0]

    async def condemn(self, document_id: str | None = None) -> None:
        """Ends the time in which deletions can be taken back, of one document or of all: they can be swept then."""
        own = documents.c.id == document_id if document_id is not None else documents.c.id.is_not(None)
        async with self._database.write() as connection:
            for found in await deleting.hidden(connection, own):
                await deleting.condemn(connection, found)

    async def set_parsed(
        self,
        version_id: str,
        *,
        title: str,
        media_type: str,
        pages: int | None = None,
        warnings: Sequence[str] = (),
    ) -> None:
        """What reading the file told: the title that holds, its type, pages, and what was left out.

        A document that nothing was published of yet is listed under that title from now on.
        """
        async with self._database.write() as connection:
            await publishing.locked_version(connection, version_id)
            statement = (
                update(versions)
                .where(versions.c.id == version_id)
                .values(
                    title=title,
                    media_type=media_type,
                    pages=pages,
                    warnings=codec.dump(builtins.list(warnings)),
                )
                .returning(versions.c.document_id, versions.c.filename)
            )
            row = (await connection.execute(statement)).first()
            if row is not None:
                await _title_of_unpublished(connection, row.document_id, title, row.filename)

    async def set_language(self, version_id: str, language: str | None) -> None:
        """The language of most of a version's text, an ISO 639-1 code."""
        async with self._database.write() as connection:
            await connection.execute(update(versions).where(versions.c.id == version_id).values(language=language))

    async def publish(self, version_id: str, generation: int) -> Published:
        """Makes a pending version the one that answers, in one transaction; safe to do again.

        Refuses, by its outcome, what was deleted, cancelled or overtaken by a later upload, and a generation that is
        no longer active. Raises `Conflict` when the version's chunks were never stored.
        """
        async with self._database.write() as connection:
            return await publishing.publish(connection, version_id, generation)

    async def abandon_version(self, version_id: str) -> bool:
        """Leaves nothing of a version that will not be published: its chunks go, and it counts as failed.

        False, and nothing changes, when the version is live: then its points must stay in the index too.
        """
        async with self._database.write() as connection:
            row = await publishing.locked_version(connection, version_id)
            if row is not None and row.live_version_id == version_id:
                return False
            await publishing.remove_chunks(connection, version_id)
            await connection.execute(
                update(versions)
                .where(versions.c.id == version_id, versions.c.status == "pending")
                .values(status="failed")
            )
            return True

    async def dead_versions(self, document_id: str | None = None) -> builtins.list[VersionRecord]:
        """Versions, of one document or of all, that never answer again; their points and files wait to be swept."""
        where = [publishing.dead()]
        if document_id is not None:
            where.append(versions.c.document_id == document_id)
        return await self._versions(*where)

    async def forget_versions(self, version_ids: Sequence[str]) -> None:
        """Notes that dead versions were swept; of documents that are gone for good no row stays."""
        async with self._database.write() as connection:
            await sweeping.forget(connection, version_ids)

    async def is_blob_needed(self, sha256: str) -> bool:
        """Whether any version that answers, or still may, has these bytes."""
        statement = (
            select(versions.c.id)
            .join_from(versions, documents, documents.c.id == versions.c.document_id)
            .where(versions.c.sha256 == sha256, ~publishing.over())
            .limit(1)
        )
        async with self._database.read() as connection:
            return (await connection.execute(statement)).first() is not None

    async def live_versions(self, *, cursor: str | None = None, limit: int = 200) -> Page[VersionRecord]:
        """Every version that answers now, in a fixed order. Raises `InvalidCursor`."""
        live = and_(documents.c.live_version_id == versions.c.id, documents.c.deleted_at.is_(None))
        after = () if cursor is None else (versions.c.id > cursors.decode(_LIVE_LISTING, cursor)[1],)
        found = await self._versions(live, *after, limit=cursors.checked_limit(limit) + 1)
        return cursors.page(found, limit, lambda v: cursors.encode(_LIVE_LISTING, 0, v.id))

    async def live_counts(self, generation: int) -> dict[str, int]:
        """How many chunks each live version has in a generation: what the index's own counts are compared with.

        The versions of documents that can be restored are among them.
        """
        statement = (
            select(renditions.c.version_id, renditions.c.chunks)
            .join_from(renditions, documents, documents.c.live_version_id == renditions.c.version_id)
            .where(renditions.c.generation == generation)
        )
        async with self._database.read() as connection:
            return {row.version_id: row.chunks for row in (await connection.execute(statement)).all()}

    async def stranded(self) -> builtins.list[VersionRecord]:
        """Pending versions that no job will take up: there are none unless something went wrong."""
        job = exists().where(jobs.c.version_id == versions.c.id, jobs.c.status.in_(sorted(UNFINISHED)))
        return await self._versions(versions.c.status == "pending", ~job)

    async def _versions(self, *where: ColumnElement[bool], limit: int | None = None) -> builtins.list[VersionRecord]:
        statement = rows.select_versions().where(*where).order_by(versions.c.id).limit(limit)
        async with self._database.read() as connection:
            return [rows.version(row) for row in (await connection.execute(statement)).all()]


async def _title_of_unpublished(connection: AsyncConnection, document_id: str, title: str, filename: str) -> None:
    statement = select(documents.c.external_id).where(
        documents.c.id == document_id, documents.c.live_version_id.is_(None), documents.c.deleted_at.is_(None)
    )
    external_id: str | None = (await connection.execute(statement)).scalar()
    if external_id is not None:
        await connection.execute(
            update(documents)
            .where(documents.c.id == document_id)
            .values(title=title, search_text=uploading.search_text(title, filename, external_id))
        )


def _unknown() -> NotFound:
    return NotFound("There is no such document.")
