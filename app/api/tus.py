"""The tus protocol's headers, https://tus.io/protocols/resumable-upload version 1.0.0: what is read of a request, and
what every answer carries."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.early import EarlyResponse, linger
from app.errors import ProtocolMismatch, error_response
from app.uploads import Form, filename
from core.errors import FootnoteError, InvalidInput, UnsupportedType

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration"
CONTENT_TYPE = "application/offset+octet-stream"
_VERSION_FREE = {"OPTIONS", "GET"}
"""Methods that may be called without naming the protocol's version."""
_MAX_METADATA = 32 * 1024
_NAMES, _IGNORED = ("filename", "name"), {"filetype", "type", "relativePath"}
"""`name` is what Uppy calls the file's name; the type is found by the file's content."""


class TusRoute(APIRoute):
    """A route whose answers, refusals too, carry `Tus-Resumable`, and whose callers must name that version."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            received = _Received(request)
            request = Request(request.scope, received)
            try:
                given = request.headers.get("tus-resumable")
                if request.method not in _VERSION_FREE and given != VERSION:
                    raise ProtocolMismatch(f"Send `Tus-Resumable: {VERSION}`, the version that is spoken here.")
                response = await handle(request)
            except RequestValidationError:
                raise
            except FootnoteError as error:
                response = await _refused(request, received, error)
                if isinstance(error, ProtocolMismatch):
                    response.headers["Tus-Version"] = VERSION
            response.headers["Tus-Resumable"] = VERSION
            return response

        return handler


class _Received:
    """A request's messages, and whether all of its body has come."""

    def __init__(self, request: Request) -> None:
        self._receive = request.receive
        headers = request.headers
        self.ended = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers

    async def __call__(self) -> Message:
        message = await self._receive()
        self.ended = self.ended or message["type"] != "http.request" or not message.get("more_body", False)
        return message


async def _refused(request: Request, received: _Received, error: FootnoteError) -> Response:
    # A caller that is still sending would not see the answer if the connection were closed under it.
    if received.ended or await linger(request.stream()):
        return error_response(request, error)
    request.scope["unread"] = True
    response = error_response(request, error)
    response.headers["Tus-Resumable"] = VERSION
    return EarlyResponse(response, request.receive)


def number(value: str | None, name: str) -> int:
    """A header's count of bytes. Raises `InvalidInput`."""
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 18:
        raise InvalidInput(f"Send `{name}`, a count of bytes.")
    return int(value)


def metadata(header: str) -> tuple[str, Form]:
    """The file's name and the form in `Upload-Metadata`: pairs of a key and a base64 text, with commas between.

    Raises `InvalidInput`, for keys that nothing here would heed as well.
    """
    if len(header) > _MAX_METADATA:
        raise InvalidInput(f"`Upload-Metadata` is longer than {_MAX_METADATA:,} bytes.")
    form, named = Form(), None
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, encoded = pair.partition(" ")
        value = _decoded(key, encoded.strip())
        if key in _NAMES:
            named = named or value
        elif key not in _IGNORED:
            form.add(key, value)
    if named is None:
        raise InvalidInput("`Upload-Metadata` names no file; send its name, in base64, as `filename`.")
    return filename(named), form


def _decoded(key: str, value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidInput(f"The value of {key[:40]!r} in `Upload-Metadata` is no UTF-8 text in base64.") from None


def has_bytes(request: Request) -> bool:
    """Whether a request brings bytes of the file. Raises `UnsupportedType` where it brings something else."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == CONTENT_TYPE:
        return True
    if request.method == "PATCH" or request.headers.get("content-length", "0") != "0":
        raise UnsupportedType(f"Send the file's bytes as `Content-Type: {CONTENT_TYPE}`.")
    return False


async def arriving(body: AsyncIterator[bytes], give_way: asyncio.Event) -> AsyncIterator[bytes]:
    """The body until its end, until the connection breaks, or until somebody else wants to go on with the upload."""
    asked = asyncio.ensure_future(give_way.wait())
    try:
        while True:
            piece = asyncio.ensure_future(anext(body, None))
            try:
                await asyncio.wait({piece, asked}, return_when=asyncio.FIRST_COMPLETED)
                found = piece.result() if piece.done() else None
            except ClientDisconnect:
                return
            finally:
                piece.cancel()
            if found is None:
                return
            yield found
    finally:
        asked.cancel()
