"""One table, error class → HTTP status, and the two shapes an error is told in: RFC 9457 problems and OpenAI's."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core.errors import (
    ConfigurationError,
    Conflict,
    DeadlineExceeded,
    DiskFull,
    DocumentUnreadable,
    FileTooLarge,
    FootnoteError,
    Forbidden,
    GenerationInvalid,
    GeneratorRefused,
    IndexMismatch,
    InvalidFilter,
    InvalidInput,
    NotFound,
    Unauthenticated,
    Unavailable,
    UnsupportedType,
)

logger = logging.getLogger("footnote.http")

PROBLEM = "application/problem+json"


class Starting(Unavailable):
    """The server listens but its parts are not open yet."""

    code = "starting"


class BodyTooLarge(InvalidInput):
    """A request's body, not a file, is over the limit."""

    code = "body_too_large"


class ModelNotFound(NotFound):
    """A chat completion names a model that there is not."""

    code = "model_not_found"


class Cancelled(Conflict):
    """Somebody cancelled what was asked for."""

    code = "cancelled"


class CrossOrigin(Forbidden):
    """Another site's page tried to change something through the reader's browser."""

    code = "cross_origin"


class HostNotAllowed(InvalidInput):
    """The Host header names no host this server answers for."""

    code = "host_not_allowed"


class Locked(Conflict):
    """Another request holds what this one would change."""

    code = "locked"


class NotOffered(InvalidInput):
    """A route or field of a protocol that others offer and this server does not; the message says why."""

    code = "not_offered"


class ProtocolMismatch(InvalidInput):
    """The caller speaks another version of a protocol, or does not say which."""

    code = "protocol_mismatch"


class TooManyRequests(FootnoteError):
    """The caller holds as much of the server as one caller may."""

    code = "too_many_requests"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds after which it will do, where that is known."""


STATUS: Mapping[type[FootnoteError], int] = {
    InvalidInput: 422,
    BodyTooLarge: 413,
    FileTooLarge: 413,
    UnsupportedType: 415,
    HostNotAllowed: 421,
    ProtocolMismatch: 412,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Locked: 423,
    TooManyRequests: 429,
    DocumentUnreadable: 422,
    Unavailable: 503,
    DeadlineExceeded: 504,
    DiskFull: 507,
    GenerationInvalid: 502,
    GeneratorRefused: 502,
    IndexMismatch: 503,
    ConfigurationError: 500,
    FootnoteError: 500,
}
"""The nearest class in an error's ancestry decides."""

RETRY_AFTER = "2"
"""Seconds a client is asked to wait before it tries an unavailable part again, or asks for more than its share."""


def status_of(error: FootnoteError) -> int:
    """The HTTP status of an error."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def problem_of(error: BaseException, request_id: str | None) -> dict[str, Any]:
    """The RFC 9457 object of an error; what Footnote did not raise on purpose keeps its details to itself."""
    if isinstance(error, FootnoteError) and type(error) is not FootnoteError:
        return problem(status_of(error), error.code, error.message, request_id)
    return problem(
        500, "internal", "Something went wrong here; the server's log says what, under this request id.", request_id
    )


def problem(
    status: int, code: str, detail: str, request_id: str | None, errors: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """An RFC 9457 object. `errors` names the fields at fault: `[{"field": "limit", "message": "…"}]`."""
    body: dict[str, Any] = {
        "type": f"urn:footnote:problem:{code}",
        "title": _title(status),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }
    if errors:
        body["errors"] = list(errors)
    return body


def is_openai(path: str) -> bool:
    """Whether the callers of a path are OpenAI's clients."""
    return path in ("/v1/chat/completions", "/v1/models") or path.startswith("/v1/models/")


def openai_error(body: Mapping[str, Any]) -> dict[str, Any]:
    """A problem in the shape OpenAI's clients read."""
    kind = "invalid_request_error" if body["status"] < 500 else "server_error"
    if body["status"] == 401:
        kind = "authentication_error"
    elif body["status"] == 429:
        kind = "rate_limit_error"
    errors = body.get("errors") or [{}]
    return {
        "error": {
            "message": body["detail"],
            "type": kind,
            "param": errors[0].get("field"),
            "code": body["code"],
            "request_id": body["request_id"],
        }
    }


def problem_response(path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """The response for a problem, in the shape that callers of `path` read."""
    status = int(body["status"])
    extra = dict(headers or {})
    if is_openai(path) and status == 422:
        status = 400  # what OpenAI's clients know a wrong request by
    if status == 401:
        extra.setdefault("WWW-Authenticate", 'Bearer realm="footnote"')
    if status in (429, 503):
        extra.setdefault("Retry-After", RETRY_AFTER)
    extra.setdefault("Cache-Control", "no-store")
    if is_openai(path):
        return JSONResponse(openai_error(body), status_code=status, headers=extra)
    return JSONResponse(body, status_code=status, headers=extra, media_type=PROBLEM)


def install(app: FastAPI) -> None:
    """Teaches an application to answer every error with a problem. Unknown exceptions are the middleware's to catch."""
    app.add_exception_handler(FootnoteError, _footnote_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, http_exception)


async def _footnote_error(request: Request, error: Exception) -> Response:
    return error_response(request, error)


def error_response(request: Request, error: Exception) -> Response:
    """The problem that an error is told as."""
    body = problem_of(error, request_id_of(request))
    if body["status"] >= 500:
        logger.warning("%s %s: %s: %s", request.method, request.url.path, body["code"], error)
    wait = error.retry_after if isinstance(error, TooManyRequests) else None
    return _respond(request, body, {"Retry-After": str(math.ceil(wait))} if wait else None)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    errors = [{"field": _field(item), "message": _sentence(item)} for item in found[:20]]
    detail = "; ".join(
        f"{item['field']}: {item['message']}" if item["field"] else item["message"] for item in errors[:3]
    )
    code = "invalid_input"
    if any(item.get("type") == "json_invalid" for item in found):
        code = "invalid_json"
    elif all(_is_filter(request, item) for item in found):
        code, detail = InvalidFilter.code, unusable_filter(errors[0]["field"], errors[0]["message"])
    return _respond(request, problem(422, code, detail, request_id_of(request), errors))


async def http_exception(request: Request, error: Exception) -> Response:
    """The problem for what the framework refuses by itself: an unknown path, a method that a path does not take."""
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}.get(error.status_code, "http_error")
    detail = str(error.detail)
    if error.status_code == 404:
        detail = f"There is nothing at {request.url.path}."
    elif error.status_code == 405:
        detail = f"{request.method} is not possible on {request.url.path}."
    return _respond(request, problem(error.status_code, code, detail, request_id_of(request)), error.headers)


def request_id_of(request: Request) -> str | None:
    """The id the middleware gave this request."""
    found: str | None = request.scope.get("request_id")
    return found


def _respond(request: Request, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    request.scope["error_code"] = body["code"]
    # What of a body was left unread must not be taken for the next request.
    closing = {"Connection": "close"} if request.scope.get("unread") else {}
    return problem_response(request.url.path, body, {**(headers or {}), **closing})


def unusable_filter(name: str, why: str) -> str:
    """The sentence that a filter is refused with; `why` is one of its own."""
    return f"The filter `{name}` cannot be used: {why[:1].lower()}{why[1:]}"


def _is_filter(request: Request, item: Mapping[str, Any]) -> bool:
    """Whether what is wrong would narrow a search, or a listing; how far a listing is read is no filter."""
    location = item.get("loc", ())
    if location[:2] == ("body", "filters"):
        return True
    operation: str = getattr(request.scope.get("route"), "operation_id", None) or ""
    return operation.startswith("list_") and location[:1] == ("query",) and location[1] not in ("limit", "cursor")


def _field(item: Mapping[str, Any]) -> str:
    """The field's place within what was sent; the location begins with the part of the request it stands in."""
    if item.get("type") == "json_invalid":
        return ""
    return ".".join(_short(str(part)) for part in item.get("loc", ())[1:])


def _short(part: str) -> str:
    """A caller's own word inside a message."""
    return part if len(part) <= 64 else f"{part[:63]}…"


def _sentence(item: Mapping[str, Any]) -> str:
    context = item.get("ctx") or {}
    if item.get("type") == "json_invalid":
        return f"The body is no valid JSON: {context.get('error', 'it could not be read')}."
    if item.get("type") == "extra_forbidden":
        return "This field is not known."
    if item.get("type") == "missing":
        return "This field is required."
    if item.get("type") == "model_attributes_type" and len(item.get("loc", ())) == 1:
        return "Send a JSON object, as `Content-Type: application/json`."
    if item.get("type") in _SAID:
        return _SAID[item["type"]].format(**context)
    message = str(item.get("msg", "")).removeprefix("Value error, ")
    return message if message.endswith(".") else message + "."


_SAID: Mapping[str, str] = {
    "string_pattern_mismatch": "Write small letters, digits, - and _; 64 at most, and no sign first.",
    "greater_than_equal": "This must be at least {ge}.",
    "less_than_equal": "This must be at most {le}.",
    "literal_error": "This must be one of {expected}.",
    "int_parsing": "This must be a whole number.",
    "int_type": "This must be a whole number.",
}
"""Our words for what callers get wrong most often. The only pattern there is is that of a collection's name."""


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
