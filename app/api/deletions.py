"""Deleting documents, and taking that back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Response as HttpResponse
from pydantic import Field

from app.api.deps import Wired
from app.api.documents import DOCUMENT, Document, DocumentId
from app.api.shapes import Response, problems, shown
from app.auth import Caller

router = APIRouter(prefix="/v1/documents", tags=["documents"])


class Deleted(Response):
    """The document is gone; the job tidies up after it."""

    job_id: str
    restorable_until: datetime | None = Field(
        description="Until then `POST /v1/documents/{id}/restore` brings it back; null where nothing does."
    )


@router.delete(
    "/{id}",
    status_code=202,
    summary="Delete a document",
    operation_id="delete_document",
    responses={
        **shown(
            {"job_id": "0d9f1f0e-2f8b-4c6c-9a5e-0b1f6f1f7a11", "restorable_until": "2026-11-20T09:31:00.120Z"}, 202
        ),
        **problems(404),
    },
)
async def delete_document(
    id: DocumentId,
    services: Wired,
    caller: Caller,
    response: HttpResponse,
    undo: Annotated[
        bool, Query(description="Keep it for some seconds (`http.undo_seconds`), in which it can be restored.")
    ] = True,
) -> Deleted:
    """It is gone from every read at once; a job sweeps its files and its points in the index, once it cannot be
    restored any more. With `undo=false` it does so now, also where the document was deleted before and waits for it."""
    seconds = services.settings.http.undo_seconds if undo else 0.0
    until = datetime.now(UTC) + timedelta(seconds=seconds) if seconds else None
    job_id = await services.store.documents.delete(id, caller, until=until)
    response.headers["Location"] = f"/v1/jobs/{job_id}"
    return Deleted(job_id=job_id, restorable_until=until)


@router.post(
    "/{id}/restore",
    summary="Take a deletion back",
    operation_id="restore_document",
    responses={**shown(DOCUMENT), **problems(404, 409)},
)
async def restore_document(id: DocumentId, services: Wired, caller: Caller) -> Document:
    """The document is back whole, as it was, and what was still being read of it is read on. 409 once it is too late,
    or where another was uploaded under its external id since. A document that is not deleted stays as it is."""
    return Document.model_validate(await services.store.documents.restore(id, caller))
