"""Documents: upload, list, look at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi import Response as HttpResponse
from pydantic import Field

from app.api.deps import LISTING, AtEnd, Limited, Parts, Wired
from app.api.idempotency import Key, once
from app.api.shapes import Cursor, Limit, Listing, Response, problems, shown
from app.auth import Caller
from app.early import EarlyResponse, linger
from app.errors import error_response
from app.multipart import Multipart
from app.uploads import FIELDS, Form, field_text, filename, gathered, new_upload
from core.errors import FileTooLarge, FootnoteError, InvalidInput
from core.types import Principal

router = APIRouter(prefix="/v1/documents", tags=["documents"])

DocumentId = Annotated[str, Path(max_length=64, description="A document's id.")]

_FORM_BYTES = 2**20
"""What a form may hold beside the file."""


class Accepted(Response):
    """An upload that was stored; the job says when it answers."""

    document_id: str
    version_id: str
    job_id: str
    unchanged: bool = Field(description="These bytes answer already; there is nothing to read.")


class Document(Response):
    """A document as its readers see it. Without `version_id` nothing of it answers yet."""

    id: str
    collection: str
    external_id: str
    title: str
    groups: list[str]
    metadata: dict[str, str | int | float | bool]
    version_id: str | None
    version: int
    filename: str
    media_type: str
    size: int
    sha256: str
    pages: int | None
    chunks: int
    language: str | None
    warnings: list[str]
    created_at: datetime
    updated_at: datetime


_ACCEPTED: dict[str, Any] = {
    "document_id": "5f3c4b9a-8e0d-4e57-8c43-2b1b7f2f3a10",
    "version_id": "c1b9c5a2-6d9c-4a4e-9a7e-0f4f3e9d2b77",
    "job_id": "0d9f1f0e-2f8b-4c6c-9a5e-0b1f6f1f7a11",
    "unchanged": False,
}
DOCUMENT: dict[str, Any] = {
    "id": "5f3c4b9a-8e0d-4e57-8c43-2b1b7f2f3a10",
    "collection": "default",
    "external_id": "leave.pdf",
    "title": "Leave policy",
    "groups": ["everyone"],
    "metadata": {"department": "hr"},
    "version_id": "c1b9c5a2-6d9c-4a4e-9a7e-0f4f3e9d2b77",
    "version": 1,
    "filename": "leave.pdf",
    "media_type": "application/pdf",
    "size": 48213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "pages": 4,
    "chunks": 17,
    "language": "en",
    "warnings": [],
    "created_at": "2026-11-20T09:30:00Z",
    "updated_at": "2026-11-20T09:30:06Z",
}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "The file, with its name."},
                        "collection": {"type": "string", "default": "default", "description": "An existing one."},
                        "external_id": {
                            "type": "string",
                            "maxLength": 512,
                            "description": "What identifies the document within its collection; its file's name if "
                            "left away. The same one again makes a new version.",
                        },
                        "title": {"type": "string", "maxLength": 1024, "description": "Else the file's own title."},
                        "groups": {
                            "type": "string",
                            "description": "Who may read it: a JSON list, or names with commas between, or repeated.",
                        },
                        "metadata": {"type": "string", "description": "A JSON object of texts, numbers, true, false."},
                    },
                },
                "example": {
                    "file": "(the bytes of leave.pdf)",
                    "title": "Leave policy",
                    "metadata": '{"department": "hr"}',
                },
            }
        },
    }
}


@router.post(
    "",
    status_code=202,
    summary="Upload a document",
    operation_id="upload_document",
    response_model=Accepted,
    openapi_extra=_FORM,
    responses={
        202: {
            "headers": {"Location": {"description": "The job: /v1/jobs/{id}", "schema": {"type": "string"}}},
            "content": {"application/json": {"example": _ACCEPTED}},
        },
        **problems(403, 404, 409, 413, 429),
    },
)
async def upload_document(
    request: Request, services: Wired, limits: Limited, at_end: AtEnd, caller: Caller, key: Key = None
) -> HttpResponse:
    """Stores the file and queues its reading. Until the job has succeeded the version before, if any, answers."""
    body = request.stream()
    try:
        at_end.callback(await limits.uploads.hold(caller, services.sharing.leases))
        return await _upload(request, services, caller, key, body)
    except FootnoteError as error:
        # A caller that is still sending would not see the answer if the connection were closed under it.
        if await linger(body):
            raise
        request.scope["unread"] = True
        return EarlyResponse(error_response(request, error), request.receive)


async def _upload(
    request: Request, services: Parts, caller: Principal, key: str | None, body: AsyncIterator[bytes]
) -> HttpResponse:
    limit = services.settings.http.max_upload_bytes
    _check_length(request.headers.get("content-length"), limit)
    form = Form()
    parts = Multipart(request.headers.get("content-type", ""), body).parts()
    async for part in parts:
        if part.filename is None:
            form.add(part.name, await field_text(part.data, part.name))
            continue
        if part.name != "file":
            raise InvalidInput("Send the file in the form's field `file`.")
        name = filename(part.filename)
        async with services.blobs.receive(gathered(part.data), limit=limit) as blob:
            async for later in parts:
                if later.filename is not None:
                    raise InvalidInput("Send one file at a time.")
                form.add(later.name, await field_text(later.data, later.name))
            return await _record(services, caller, key, form, name, blob)
    raise InvalidInput("The form has no file; send one in its field `file`.")


async def _record(
    services: Parts, caller: Principal, key: str | None, form: Form, name: str, blob: Any
) -> HttpResponse:
    upload = new_upload(form, name, caller, services.pipeline, blob)

    async def make() -> tuple[int, Response, dict[str, str]]:
        begun = await services.store.documents.begin_upload(upload)
        return 202, Accepted.model_validate(begun), {"Location": f"/v1/jobs/{begun.job_id}"}

    fields = sorted((field, form.values.get(field, [])) for field in FIELDS)
    return await once(services.store, "documents", key, caller, f"{blob.sha256} {name} {fields}", make)


def _check_length(length: str | None, limit: int) -> None:
    """Refuses before reading what says of itself that it is too large; what lies is cut off while it is read."""
    if length is not None and length.isdigit() and int(length) > limit + _FORM_BYTES:
        raise FileTooLarge(f"The file is larger than the {limit / 1e6:,.0f} MB that are allowed.")


@router.get(
    "",
    summary="List documents, newest first",
    operation_id="list_documents",
    dependencies=LISTING,
    responses={**shown({"items": [DOCUMENT], "next_cursor": None}), **problems(404)},
)
async def list_documents(
    services: Wired,
    caller: Caller,
    collection: Annotated[str | None, Query(max_length=64, description="Only of this collection.")] = None,
    query: Annotated[
        str | None, Query(max_length=200, description="Only with this in title, file name or external id.")
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[Document]:
    """What the caller may read, those still being read included."""
    if collection is not None:
        await services.store.collections.require(collection)
    page = await services.store.documents.list(caller, collection=collection, query=query, cursor=cursor, limit=limit)
    return Listing(items=[Document.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.get(
    "/{id}",
    summary="One document",
    operation_id="get_document",
    responses={**shown(DOCUMENT), **problems(404)},
)
async def get_document(id: DocumentId, services: Wired, caller: Caller) -> Document:
    """A document with the figures of its live version."""
    return Document.model_validate(await services.store.documents.get(id, caller))
