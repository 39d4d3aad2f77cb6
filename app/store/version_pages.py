"""A document's versions as its readers see them, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import cursors, rows
from app.store.access import may_read, readable
from app.store.records import JobRecord, Page, VersionEntry
from app.store.tables import documents, jobs, versions
from core.errors import NotFound
from core.types import Principal

_LISTING = "versions"


async def page(
    connection: AsyncConnection, document_id: str, principal: Principal, cursor: str | None, limit: int
) -> Page[VersionEntry]:
    """A part of the listing; versions that were for other groups alone are left out of it.

    Raises `NotFound` for a document that the principal may not read, `InvalidCursor`.
    """
    known = select(documents.c.id).where(documents.c.id == document_id, readable(principal))
    if (await connection.execute(known)).first() is None:
        raise NotFound("There is no such document.")
    statement = rows.select_versions().where(versions.c.document_id == document_id)
    if cursor is not None:
        statement = statement.where(versions.c.seq < cursors.decode(_LISTING, cursor)[0])
    statement = statement.order_by(versions.c.seq.desc()).limit(cursors.checked_limit(limit) + 1)
    found = [rows.version(row) for row in (await connection.execute(statement)).all()]
    part = cursors.page(found, limit, lambda version: cursors.encode(_LISTING, version.seq))
    shown = [version for version in part.items if may_read(principal, version.groups)]
    made = await _jobs(connection, document_id, [version.id for version in shown])
    entries = tuple(VersionEntry(version=version, job=made.get(version.id)) for version in shown)
    return Page(items=entries, next_cursor=part.next_cursor)


async def _jobs(connection: AsyncConnection, document_id: str, version_ids: Sequence[str]) -> dict[str, JobRecord]:
    """The job that each version came with: the first of its ingestions; later ones found nothing new."""
    statement = (
        select(jobs)
        .where(jobs.c.document_id == document_id, jobs.c.version_id.in_(version_ids), jobs.c.kind == "ingest")
        .order_by(jobs.c.created_at, jobs.c.id)
    )
    found: dict[str, JobRecord] = {}
    for row in (await connection.execute(statement)).all():
        found.setdefault(row.version_id, rows.job(row))
    return found
