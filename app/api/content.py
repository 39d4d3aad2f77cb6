"""What is inside a document: its file, its passages, and its pages with passages marked."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi import Response as HttpResponse
from starlette.responses import FileResponse

from app.api.deps import LISTING, Parts, Wired
from app.api.documents import DocumentId
from app.api.shapes import Box, Cursor, Limit, Listing, Response, problems, shown
from app.auth import Caller
from core import types
from core.errors import InvalidInput, NotFound

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")
_ACTIVE = ("html", "xml", "svg", "script")
"""Types that a browser would run if it were talked into showing them."""

_DRAWN_AT_ONCE = 2
"""Each page is drawn by a process of its own."""


class Chunk(Response):
    """A passage of a document's live version; `span` counts characters in the document's text."""

    id: str
    ordinal: int
    text: str
    kind: str
    page: int | None
    boxes: list[Box]
    span: tuple[int, int]
    heading_path: list[str]
    language: str
    tokens: int


class PageCache:
    """Drawn pages, the most recently used ones, up to a number of bytes; few are drawn at once."""

    def __init__(self, capacity: int = 64 * 2**20) -> None:
        self._capacity = capacity
        self._size = 0
        self._pages: OrderedDict[str, bytes] = OrderedDict()
        self._drawing = asyncio.Semaphore(_DRAWN_AT_ONCE)

    async def get(self, key: str, draw: Callable[[], Awaitable[bytes]]) -> bytes:
        """A page that was drawn before, or what `draw` makes of it now."""
        if (image := self._found(key)) is not None:
            return image
        async with self._drawing:
            if (image := self._found(key)) is None:  # it was drawn while this call waited
                image = await draw()
                self._keep(key, image)
            return image

    def _found(self, key: str) -> bytes | None:
        if key in self._pages:
            self._pages.move_to_end(key)
        return self._pages.get(key)

    def _keep(self, key: str, image: bytes) -> None:
        if len(image) > self._capacity:
            return
        self._size += len(image) - len(self._pages.pop(key, b""))
        self._pages[key] = image
        while self._size > self._capacity:
            self._size -= len(self._pages.popitem(last=False)[1])


_CHUNK: dict[str, Any] = {
    "id": "0e5b8f53-92cf-5d0c-8f3e-1f3d6f0a9c11",
    "ordinal": 0,
    "text": "Every employee has 28 days of paid leave a year.",
    "kind": "text",
    "page": 2,
    "boxes": [{"page": 2, "x0": 72.0, "y0": 120.5, "x1": 523.0, "y1": 148.0}],
    "span": [1204, 1252],
    "heading_path": ["Leave", "Annual leave"],
    "language": "en",
    "tokens": 14,
}


@router.get(
    "/{id}/content",
    summary="Download the file",
    operation_id="download_document",
    response_class=FileResponse,
    responses={
        200: {
            "description": "The file of the live version, as it was uploaded; always as an attachment.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}, "example": "…"}},
        },
        206: {"description": "The part that `Range` asked for."},
        **problems(404),
    },
)
async def download_document(id: DocumentId, services: Wired, caller: Caller) -> FileResponse:
    """What browsers could run is sent as bytes only."""
    document = await services.store.documents.get(id, caller)
    path = _file(services, document)
    return FileResponse(
        path,
        media_type=_media_type(document.media_type),
        filename=document.filename,
        content_disposition_type="attachment",
        headers={"Cache-Control": "private, no-cache"},
    )


@router.get(
    "/{id}/chunks",
    summary="A document's passages in reading order",
    operation_id="list_chunks",
    dependencies=LISTING,
    responses={**shown({"items": [_CHUNK], "next_cursor": None}), **problems(404)},
)
async def list_chunks(
    id: DocumentId,
    services: Wired,
    caller: Caller,
    limit: Limit = 20,
    cursor: Cursor = None,
    around: Annotated[
        str | None, Query(max_length=64, description="A passage's id: begin so that it stands in the middle.")
    ] = None,
) -> Listing[Chunk]:
    """The passages of the live version; none before there is one."""
    if around is not None:
        if cursor is not None:
            raise InvalidInput("Send either `cursor` or `around`: both say where to begin.")
        cursor = await services.store.chunks.cursor_around(around, id, caller, limit=limit)
    page = await services.store.chunks.page(id, caller, cursor=cursor, limit=limit)
    return Listing(items=[_chunk(item) for item in page.items], next_cursor=page.next_cursor)


@router.get(
    "/{id}/pages/{n}.png",
    summary="A page with passages marked",
    operation_id="render_page",
    response_class=HttpResponse,
    responses={
        200: {
            "description": "The page, drawn.",
            "content": {"image/png": {"schema": {"type": "string", "format": "binary"}, "example": "(PNG)"}},
        },
        304: {"description": "`If-None-Match` names what would be sent."},
        **problems(404),
    },
)
async def render_page(
    id: DocumentId,
    n: Annotated[int, Path(ge=1, le=1_000_000, description="The page, counted from 1.", examples=[2])],
    request: Request,
    services: Wired,
    caller: Caller,
    chunk: Annotated[
        list[str] | None, Query(max_length=64, description="Ids of the passages to mark; may be repeated.")
    ] = None,
    if_none_match: Annotated[str | None, Header(max_length=200)] = None,
) -> HttpResponse:
    """For documents that have pages. Marks those parts of the passages that stand on this page."""
    document = await services.store.documents.get(id, caller)
    if document.version_id is None or document.pages is None or n > document.pages:
        raise NotFound(f"This document has no page {n}." if document.pages else "This document has no pages.")
    boxes = await _boxes(services, caller, document, n, chunk or [])
    key = hashlib.sha256(repr((document.version_id, n, boxes)).encode()).hexdigest()[:32]
    headers = {"ETag": f'"{key}"', "Cache-Control": "private, no-cache"}
    if if_none_match == headers["ETag"]:
        return HttpResponse(status_code=304, headers=headers)
    cache: PageCache = request.app.state.pages
    image = await cache.get(key, partial(services.render, _file(services, document), n, boxes))
    return HttpResponse(image, media_type="image/png", headers=headers)


async def _boxes(
    services: Parts, caller: types.Principal, document: types.Document, page: int, chunk_ids: list[str]
) -> tuple[types.Box, ...]:
    """Where the passages stand on the page. Raises `NotFound` for one that is not the live version's."""
    wanted = sorted(set(chunk_ids))
    found = await services.store.chunks.confirm(wanted, caller)
    if len(found) != len(wanted) or any(item.document_id != document.id for item in found):
        raise NotFound("This document has no such passage, or has changed since.")
    return tuple(box for item in found for box in item.chunk.boxes if box.page == page)


def _file(services: Parts, document: types.Document) -> FilePath:
    if document.version_id is None:
        raise NotFound("Nothing of this document answers yet; its job says how far it is.")
    path: FilePath = services.blobs.path(document.sha256)
    return path


def _media_type(given: str) -> str:
    if not _MEDIA_TYPE.fullmatch(given) or any(word in given for word in _ACTIVE):
        return "application/octet-stream"
    return given


def _chunk(stored: types.StoredChunk) -> Chunk:
    return Chunk(id=stored.id, **{name: getattr(stored.chunk, name) for name in Chunk.model_fields if name != "id"})
