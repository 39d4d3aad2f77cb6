"""Resumable uploads by the tus protocol: a file in as many requests as it takes, whatever breaks in between."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request
from fastapi import Response as HttpResponse
from pydantic import Field
from starlette.responses import JSONResponse

from app.api import tus
from app.api.deps import AtEnd, Limited, Parts, Wired
from app.api.shapes import Response, problems, shown
from app.auth import Caller
from app.errors import status_of
from app.upload_files import Became, Upload
from app.uploads import Form, gathered, new_upload
from core.errors import Conflict, EmptyFile, FileTooLarge, FootnoteError
from core.types import Principal

router = APIRouter(prefix="/v1/uploads", tags=["uploads"], route_class=tus.TusRoute)

UploadId = Annotated[
    str, Path(max_length=64, description="An upload's id.", examples=["7f3b1f0a5f0e4c8f9d4e2b8a6c1d0e9f"])
]
Length = Annotated[str | None, Header(max_length=32, description="The whole file's size in bytes.", examples=["48213"])]
Offset = Annotated[str | None, Header(max_length=32, description="Where this part begins.", examples=["0"])]
_FIELDS = "filename, collection, external_id, title, groups, metadata"
Metadata = Annotated[
    str,
    Header(
        description=f"`{_FIELDS}`: each name followed by a space and its value in base64, with commas between. What "
        "they mean is said at `POST /v1/documents`.",
        examples=["filename bGVhdmUucGRm,collection ZGVmYXVsdA=="],
    ),
]


class Resumable(Response):
    """An upload and, once all of it has arrived, what it became."""

    id: str
    filename: str
    size: int
    offset: int = Field(description="How many bytes have arrived and are on disk.")
    expires_at: datetime = Field(description="When it is forgotten unless more arrives before.")
    document_id: str | None = None
    version_id: str | None = None
    job_id: str | None = None
    unchanged: bool | None = None


_UPLOAD: dict[str, Any] = {
    "id": "7f3b1f0a5f0e4c8f9d4e2b8a6c1d0e9f",
    "filename": "leave.pdf",
    "size": 48213,
    "offset": 48213,
    "expires_at": "2026-11-21T09:30:00Z",
    "document_id": "5f3c4b9a-8e0d-4e57-8c43-2b1b7f2f3a10",
    "version_id": "c1b9c5a2-6d9c-4a4e-9a7e-0f4f3e9d2b77",
    "job_id": "0d9f1f0e-2f8b-4c6c-9a5e-0b1f6f1f7a11",
    "unchanged": False,
}
_BEGUN = {**_UPLOAD, "offset": 0, "document_id": None, "version_id": None, "job_id": None, "unchanged": None}


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


_OUTCOME = {
    name: _header(f"Once all has arrived: {what}.")
    for name, what in {
        "Footnote-Document": "the document's id",
        "Footnote-Version": "the id of its new version",
        "Footnote-Job": "the id of the job that reads it",
        "Footnote-Unchanged": "`true` where these bytes answer already",
    }.items()
}
_STANDING = {
    "Upload-Offset": _header("How many bytes have arrived and are on disk."),
    "Upload-Expires": _header("When the upload is forgotten unless more arrives before."),
    **_OUTCOME,
}
_BYTES: dict[str, Any] = {
    "requestBody": {
        "content": {tus.CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}, "example": "(bytes)"}}
    }
}


@router.options(
    "",
    status_code=204,
    summary="What the upload protocol can do here",
    operation_id="upload_options",
    responses={
        204: {
            "headers": {
                "Tus-Version": _header("Spoken versions."),
                "Tus-Extension": _header("Spoken extensions."),
                "Tus-Max-Size": _header("The largest file, in bytes."),
            }
        },
        **problems(),
    },
)
async def upload_options(services: Wired, caller: Caller) -> HttpResponse:
    """[tus](https://tus.io/protocols/resumable-upload) 1.0.0; any of its clients will do."""
    headers = {
        "Tus-Version": tus.VERSION,
        "Tus-Extension": tus.EXTENSIONS,
        "Tus-Max-Size": str(services.settings.http.max_upload_bytes),
    }
    return HttpResponse(status_code=204, headers=headers)


@router.post(
    "",
    status_code=201,
    summary="Begin a resumable upload",
    operation_id="begin_upload",
    response_model=Resumable,
    openapi_extra=_BYTES,
    responses={
        201: {
            "headers": {"Location": _header("The upload: /v1/uploads/{id}"), **_STANDING},
            "content": {"application/json": {"example": _BEGUN}},
        },
        **problems(403, 404, 409, 412, 413, 415, 423, 429, 507),
    },
)
async def begin_upload(
    request: Request,
    services: Wired,
    limits: Limited,
    at_end: AtEnd,
    caller: Caller,
    upload_length: Length = None,
    upload_metadata: Metadata = "",
) -> HttpResponse:
    """The first bytes may come along. What is wrong with the name or the fields is said before the last byte came."""
    length = tus.number(upload_length, "Upload-Length")
    limit = services.settings.http.max_upload_bytes
    if length == 0:
        raise EmptyFile("The file is empty.")
    if length > limit:
        raise FileTooLarge(f"The file is larger than the {limit / 1e6:,.0f} MB that are allowed.")
    name, form = tus.metadata(upload_metadata)
    await _check(services, caller, form, name, length)
    with_bytes = tus.has_bytes(request)
    if with_bytes:
        at_end.callback(await limits.uploads.hold(caller, services.sharing.leases))
    upload = await services.uploads.create(
        caller, filename=name, length=length, fields=form.values, metadata=upload_metadata
    )
    offset = 0
    if with_bytes:
        upload, offset = await _receive(request, services, caller, upload.id, 0)
    headers = {**_standing(services, upload, offset), "Location": f"/v1/uploads/{upload.id}"}
    return JSONResponse(_resumable(services, upload, offset).model_dump(mode="json"), 201, headers)


@router.head(
    "/{id}",
    status_code=200,
    summary="How far an upload is",
    operation_id="upload_offset",
    response_class=HttpResponse,
    responses={
        200: {
            "description": "Go on at `Upload-Offset`.",
            "headers": {
                **_STANDING,
                "Upload-Length": _header("The whole file's size."),
                "Upload-Metadata": _header("As it was sent."),
            },
            "content": {"text/plain": {"example": ""}},
        },
        **problems(404, 412, 423),
    },
)
async def upload_offset(id: UploadId, services: Wired, caller: Caller) -> HttpResponse:
    """Ask after a connection broke. Bytes that were sent and did not arrive are sent once more."""
    upload, offset = await _look(services, caller, id)
    headers = {
        **_standing(services, upload, offset),
        "Upload-Length": str(upload.length),
        "Upload-Metadata": upload.metadata,
        "Cache-Control": "no-store",
    }
    return HttpResponse(status_code=200, headers=headers)


@router.get(
    "/{id}",
    summary="An upload and what it became",
    operation_id="get_upload",
    responses={**shown(_UPLOAD), **problems(404, 423)},
)
async def get_upload(id: UploadId, services: Wired, caller: Caller) -> Resumable:
    """The same for people; a finished upload is told of for an hour."""
    return _resumable(services, *await _look(services, caller, id))


@router.patch(
    "/{id}",
    status_code=204,
    summary="Send the next part of an upload",
    operation_id="continue_upload",
    openapi_extra=_BYTES,
    responses={
        204: {"headers": {**_STANDING, "Location": _header("Once all has arrived, the job: /v1/jobs/{id}")}},
        **problems(403, 404, 409, 412, 413, 415, 423, 429, 507),
    },
)
async def continue_upload(
    id: UploadId,
    request: Request,
    services: Wired,
    limits: Limited,
    at_end: AtEnd,
    caller: Caller,
    upload_offset: Offset = None,
) -> HttpResponse:
    """What arrived stays when the connection breaks. The last byte makes the document, as `POST /v1/documents` does."""
    offset = tus.number(upload_offset, "Upload-Offset")
    tus.has_bytes(request)
    at_end.callback(await limits.uploads.hold(caller, services.sharing.leases))
    upload, offset = await _receive(request, services, caller, id, offset)
    headers = _standing(services, upload, offset)
    if upload.became:
        headers["Location"] = f"/v1/jobs/{upload.became.job_id}"
    return HttpResponse(status_code=204, headers=headers)


@router.delete(
    "/{id}",
    status_code=204,
    summary="Cancel an upload",
    operation_id="cancel_upload",
    responses={204: {"description": "Its bytes are gone; a document it became is not."}, **problems(404, 412, 423)},
)
async def cancel_upload(id: UploadId, services: Wired, caller: Caller) -> HttpResponse:
    """A request that is sending for it ends."""
    async with services.uploads.alone(id, caller):
        upload = await services.uploads.get(id, caller)
        await services.uploads.remove(upload.id)
    return HttpResponse(status_code=204)


async def _check(services: Parts, caller: Principal, form: Form, name: str, length: int) -> None:
    """Raises what would be raised after the last byte, as far as it can be known before the first."""
    from app.store.blobs import Blob
    from app.store.uploading import check

    check(new_upload(form, name, caller, services.pipeline, Blob(sha256="", size=length)))
    await services.store.collections.require(form.collection)


async def _receive(
    request: Request, services: Parts, caller: Principal, upload_id: str, offset: int
) -> tuple[Upload, int]:
    """Appends the request's body. Raises `Conflict` where the upload is not at `offset`, and what `_finish` raises."""
    uploads = services.uploads
    async with uploads.alone(upload_id, caller) as give_way:
        upload = await uploads.get(upload_id, caller)
        there = await uploads.offset(upload)
        if offset != there:
            raise Conflict(f"The upload is at {there:,} bytes, not at {offset:,}. Ask for its offset, and go on there.")
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > upload.length - there:
            raise FileTooLarge(f"More was sent than the {upload.length:,} bytes that `Upload-Length` named.")
        if there < upload.length:
            there = await uploads.append(upload, gathered(tus.arriving(request.stream(), give_way)))
        return await _finish(services, caller, upload, there), there


async def _look(services: Parts, caller: Principal, upload_id: str) -> tuple[Upload, int]:
    async with services.uploads.alone(upload_id, caller):
        upload = await services.uploads.get(upload_id, caller)
        offset = await services.uploads.offset(upload)
        # A crash may have come between the last byte and the document.
        return await _finish(services, caller, upload, offset), offset


async def _finish(services: Parts, caller: Principal, upload: Upload, offset: int) -> Upload:
    """Makes the document once all has arrived. What can never become one is removed; the error says why."""
    if upload.became or offset < upload.length:
        return upload
    try:
        async with services.blobs.adopt(services.uploads.path(upload)) as blob:
            new = new_upload(Form(values=upload.fields), upload.filename, caller, services.pipeline, blob)
            begun = await services.store.documents.begin_upload(new)
            became = Became(
                document_id=begun.document_id,
                version_id=begun.version_id,
                job_id=begun.job_id,
                unchanged=begun.unchanged,
            )
            return await services.uploads.finish(upload, became)
    except FootnoteError as error:
        if status_of(error) < 500:
            await services.uploads.remove(upload.id)
        raise


def _resumable(services: Parts, upload: Upload, offset: int) -> Resumable:
    return Resumable(
        id=upload.id,
        filename=upload.filename,
        size=upload.length,
        offset=offset,
        expires_at=_expires(services, upload),
        **(vars(upload.became) if upload.became else {}),
    )


def _standing(services: Parts, upload: Upload, offset: int) -> dict[str, str]:
    return {
        "Upload-Offset": str(offset),
        "Upload-Expires": format_datetime(_expires(services, upload), usegmt=True),
        **_outcome(upload.became),
    }


def _outcome(became: Became | None) -> Mapping[str, str]:
    if became is None:
        return {}
    return {
        "Footnote-Document": became.document_id,
        "Footnote-Version": became.version_id,
        "Footnote-Job": became.job_id,
        "Footnote-Unchanged": "true" if became.unchanged else "false",
    }


def _expires(services: Parts, upload: Upload) -> datetime:
    found: datetime = datetime.fromtimestamp(services.uploads.expires(upload), UTC)
    return found
