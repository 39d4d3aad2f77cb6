"""The versions of a document."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from app.api.deps import LISTING, Wired
from app.api.documents import DocumentId
from app.api.shapes import Cursor, ErrorShape, Limit, Listing, Response, problems, shown
from app.auth import Caller

if TYPE_CHECKING:
    from app.store.records import VersionEntry

router = APIRouter(prefix="/v1/documents", tags=["documents"])


class Version(Response):
    """One version of a document. Only the live one answers; of replaced ones nothing is kept but this."""

    id: str
    seq: int = Field(description="Counted from 1.")
    status: Literal["pending", "live", "replaced", "failed", "cancelled"]
    title: str
    sha256: str
    size: int
    filename: str
    media_type: str
    pages: int | None
    chunks: int
    language: str | None
    warnings: list[str]
    job_id: str | None = Field(description="The job that was to bring it about.")
    error: ErrorShape | None = Field(description="Why that job failed.")
    created_at: datetime
    published_at: datetime | None = Field(description="Since when it answers, or answered first.")


_VERSION: dict[str, Any] = {
    "id": "c1b9c5a2-6d9c-4a4e-9a7e-0f4f3e9d2b77",
    "seq": 2,
    "status": "live",
    "title": "Leave policy",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "size": 48213,
    "filename": "leave.pdf",
    "media_type": "application/pdf",
    "pages": 4,
    "chunks": 17,
    "language": "en",
    "warnings": [],
    "job_id": "0d9f1f0e-2f8b-4c6c-9a5e-0b1f6f1f7a11",
    "error": None,
    "created_at": "2026-11-20T09:30:00Z",
    "published_at": "2026-11-20T09:30:06Z",
}
_FAILED: dict[str, Any] = {
    **_VERSION,
    "id": "7a1d2b1e-97ff-4c86-9d5c-8a3f9be1c0d4",
    "seq": 3,
    "status": "failed",
    "pages": None,
    "chunks": 0,
    "language": None,
    "job_id": "3b0f6a7e-2c57-4b1c-a7b0-5f6c0c0f8e21",
    "error": {"code": "password_protected", "message": "The file needs a password."},
    "created_at": "2026-11-21T08:02:00Z",
    "published_at": None,
}


@router.get(
    "/{id}/versions",
    summary="A document's versions, newest first",
    operation_id="list_versions",
    dependencies=LISTING,
    responses={**shown({"items": [_FAILED, _VERSION], "next_cursor": None}), **problems(404)},
)
async def list_versions(
    id: DocumentId, services: Wired, caller: Caller, limit: Limit = 20, cursor: Cursor = None
) -> Listing[Version]:
    """Those on their way, those that failed and those that were replaced included. A part may be shorter than `limit`:
    versions that were for other groups alone are left out."""
    page = await services.store.documents.versions(id, caller, cursor=cursor, limit=limit)
    return Listing(items=[_version(entry) for entry in page.items], next_cursor=page.next_cursor)


def _version(entry: VersionEntry) -> Version:
    version, job = entry.version, entry.job
    known = {name: getattr(version, name) for name in Version.model_fields if name not in ("job_id", "error")}
    error = ErrorShape.model_validate(job.error) if job and job.error else None
    return Version(**known, job_id=job.id if job else None, error=error)
