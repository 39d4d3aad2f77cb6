"""What surrounds every request, as plain ASGI so that streams flow through: id, log line, guard, size limit."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.auth import Guard
from app.errors import BodyTooLarge, problem_of, problem_response
from app.metrics import Metrics
from core.errors import FootnoteError

logger = logging.getLogger("footnote.http")

UPLOADS = re.compile(r"POST /v1/documents|POST /v1/uploads|PATCH /v1/uploads/[^/]+|PUT /v1/finetune/files/[^/]+")
"""The requests whose bodies are streamed, and bounded where they are read."""

request_id_var: ContextVar[str | None] = ContextVar("footnote_request_id", default=None)
"""The id of the request being served, for log lines written on its behalf."""

_SANE_ID = re.compile(r"[A-Za-z0-9._:@=+/-]{1,128}")
_QUIET = {"/healthz", "/readyz", "/metrics"}
_SHOWN_PATH = 512

SECURITY_HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "cache-control": "no-store",  # caches go by addresses, and what one tells depends on who asks, by cookie too
}
"""Set on every response that did not set its own; the API's bodies are data, never pages."""


class RequestIdFilter(logging.Filter):
    """Gives each log record the `request_id` it was written for, "-" outside of requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id_var.get() or "-"
        return True


class RequestContext:
    """Outermost: gives the request its id, catches what nobody expected, measures and logs.

    A sane X-Request-Id of the caller is kept. The query string is not logged: it can hold words of documents.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get("x-request-id"))
        scope["request_id"] = request_id
        token = request_id_var.set(request_id)
        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            logger.info("%s %s: the caller went away", scope["method"], _said(scope))
        except Exception as error:
            logger.exception("%s %s failed", scope["method"], _said(scope))
            scope["error_code"] = "internal"
            if status == 0:
                body = problem_of(error, request_id)
                scope["error_code"] = body["code"]
                await problem_response(scope["path"], body)(scope, receive, send_with_headers)
        finally:
            self._finished(scope, status, time.perf_counter() - started)
            request_id_var.reset(token)

    def _finished(self, scope: Scope, status: int, seconds: float) -> None:
        # The template, never the path: ids in labels would grow without bound. No status means the caller went away.
        route = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.request(scope["method"] if route != "unmatched" else "any", route, status or 499, seconds)
        if "error_code" in scope:
            self._metrics.error(scope["error_code"])
        level = logging.DEBUG if route in _QUIET else logging.INFO
        logger.log(level, "%s %s %s %.0f ms", scope["method"], _said(scope), status or 499, seconds * 1000)


class Gate:
    """Refuses foreign hosts and other sites' pages before anything is read."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._guard.check(scope["method"], scope["path"], Headers(scope=scope))
            except FootnoteError as error:
                await _refuse(error, scope, receive, send)
                return
        await self._app(scope, receive, send)


class BodyLimit:
    """Holds every body but an upload's under `limit` bytes, by count and not by what its headers claim.

    Uploads are streamed, and counted by who streams them: `streamed` fits their "METHOD path".
    """

    def __init__(self, app: ASGIApp, limit: int, streamed: re.Pattern[str]) -> None:
        self._app = app
        self._limit = limit
        self._streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._streamed.fullmatch(f"{scope['method']} {scope['path']}"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        length = headers.get("content-length")
        if length is None and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        if length is not None and length.isdigit() and int(length) > self._limit:
            await self._too_large(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._limit:
                await self._too_large(scope, receive, send)
                return
        await self._app(scope, _replay(bytes(body), receive), send)

    async def _too_large(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _refuse(BodyTooLarge(f"The body is over the limit of {self._limit:,} bytes."), scope, receive, send)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replayed() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


async def _refuse(error: FootnoteError, scope: Scope, receive: Receive, send: Send) -> None:
    scope["error_code"] = error.code
    # What the caller is still sending would otherwise be read to its end.
    response = problem_response(scope["path"], problem_of(error, scope.get("request_id")), {"Connection": "close"})
    await response(scope, receive, send)


def _said(scope: Scope) -> str:
    """The path for a log line. `scope["path"]` is decoded: a line break in it would begin a record of its own."""
    path: str = scope["path"][:_SHOWN_PATH]
    return path if path.isprintable() and " " not in path else quote(path, safe="/~%:@!$&'()*+,;=")


def _request_id(given: str | None) -> str:
    return given if given and _SANE_ID.fullmatch(given) else uuid.uuid4().hex
