"""What several routes say in the same words: listings, boxes, sources, statements, and the problems they tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from app.errors import PROBLEM, openai_error
from core import types

T = TypeVar("T")

COLLECTION_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"
MAX_QUESTION = 32_000
"""What a body may hold; the configured limit, `agents.max_question_chars`, is checked beside it."""


class Request(BaseModel):
    """Base of what callers send: an unknown field is refused, so that a misspelling is not a silent default."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Response(BaseModel):
    """Base of what is answered."""

    model_config = ConfigDict(from_attributes=True)


class FieldProblem(Response):
    """One field at fault."""

    field: str
    message: str


class Problem(Response):
    """An error: https://www.rfc-editor.org/rfc/rfc9457."""

    type: str = Field(examples=["urn:footnote:problem:not_found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="A sentence that says what to do.", examples=["There is no document 0b9c… here."])
    code: str = Field(description="Stable; made for programs.", examples=["not_found"])
    request_id: str | None = Field(examples=["4b7d2f6c0f0e4a3f8a51"])
    errors: list[FieldProblem] | None = None


class OpenAIErrorDetail(Response):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str
    request_id: str | None


class OpenAIError(Response):
    """An error as OpenAI's clients read it."""

    error: OpenAIErrorDetail


class Listing(Response, Generic[T]):
    """A part of a list, and the cursor that asks for the next part."""

    items: list[T]
    next_cursor: str | None = Field(default=None, description="Pass as `cursor` to read on; null at the end.")


class Box(Response):
    """A rectangle in points (1/72 inch) from the page's top left corner."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float


class Source(Response):
    """A passage an answer rests on. `withheld`: it may no longer be read, and its text is left out."""

    id: str
    document_id: str
    version_id: str
    title: str
    page: int | None
    chunk_id: str
    text: str
    boxes: list[Box]
    heading_path: list[str]
    score: float
    withheld: bool = False


class Statement(Response):
    """A statement and the ids of the sources it rests on; `support` in [0, 1] says how far they carry it."""

    text: str
    sources: list[str]
    support: float
    supported: bool


class ErrorShape(Response):
    """Why a job or an answer failed."""

    code: str
    message: str


Limit = Annotated[int, Query(ge=1, le=100, description="How many entries to answer with at most.", examples=[20])]
Cursor = Annotated[
    str | None, Query(max_length=512, description="`next_cursor` of the part before; leave away to begin.")
]


def source(value: types.Source, withheld: bool = False) -> Source:
    """A source as it is shown; its text and title are left out where it is withheld."""
    shown = Source.model_validate(value)
    return shown.model_copy(update={"text": "", "withheld": True}) if withheld else shown


_WORDS: Mapping[int, str] = {
    400: "The request is wrong; the message says why.",
    401: "No valid key was sent.",
    403: "The key does not suffice, or the request comes from another site's page.",
    404: "There is no such thing, or the caller may not see it.",
    409: "The state does not allow it.",
    412: "`Tus-Resumable` is missing or names another version.",
    413: "The body or file is over the limit.",
    415: "The file's type cannot be read.",
    422: "The request is wrong; the problem says which field and why.",
    423: "Another request is writing to it.",
    429: "The caller has as much open as one caller may; try again after `Retry-After` seconds.",
    503: "A part does not answer now, or the server is still starting; try again after `Retry-After` seconds.",
    504: "A part took too long.",
    507: "The server's disk is full.",
    502: "The generator's output was not usable.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem responses of an operation, for its documentation; 401, 422 and 503 can meet every one."""
    return {
        status: {
            "description": _WORDS[status],
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": _example(status)}},
        }
        for status in sorted({401, 422, 503, *statuses})
    }


def openai_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for OpenAI's routes, whose errors have OpenAI's shape and whose wrong requests are 400."""
    return {
        status: {
            "description": _WORDS[status],
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/OpenAIError"},
                    "example": openai_error(_example(status)),
                }
            },
        }
        for status in sorted({400, 401, 503, *statuses})
    }


def shown(example: Any, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """An example of an operation's response, for its documentation."""
    return {status: {"content": {"application/json": {"example": example}}}}


def streamed(description: str, example: str) -> dict[int | str, dict[str, Any]]:
    """The documentation of a response that is a stream of events."""
    schema = {"type": "string", "description": "Server-sent events; each one's data is JSON."}
    return {200: {"description": description, "content": {"text/event-stream": {"schema": schema, "example": example}}}}


_CODES: Mapping[int, str] = {
    400: "invalid_input",
    401: "unauthenticated", 403: "forbidden", 404: "not_found", 409: "conflict", 412: "protocol_mismatch",
    413: "file_too_large",
    415: "unsupported_type", 422: "invalid_input",
    423: "locked", 429: "too_many_requests", 507: "disk_full", 502: "generation_invalid", 503: "unavailable",
    504: "deadline_exceeded",
}  # fmt: skip
_TITLES: Mapping[int, str] = {
    400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict", 412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type", 422: "Unprocessable Content",
    423: "Locked", 429: "Too Many Requests", 507: "Insufficient Storage", 502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}  # fmt: skip


def _example(status: int) -> dict[str, Any]:
    code = _CODES[status]
    return {
        "type": f"urn:footnote:problem:{code}",
        "title": _TITLES[status],
        "status": status,
        "detail": _WORDS[status],
        "code": code,
        "request_id": "4b7d2f6c0f0e4a3f8a51",
    }


Mode = Literal["hybrid", "dense", "lexical"]
