"""Calls to a Qdrant server: their deadline, what is tried again, and its errors in the house's words, once, here.

Every call that the index makes may be repeated without harm, so a server that is restarted or a node that hands over
costs a caller a pause and no error, as long as it is back before the deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from core.errors import ConfigurationError, FootnoteError, IndexUnavailable

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two tries."""

_PASSING = {429, 502, 503, 504}
_PASSING_GRPC = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
_KEY = {401, 403, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
_GONE = {404, grpc.StatusCode.NOT_FOUND}
_VENDOR = (ApiException, QdrantException, grpc.RpcError, ValueError, RuntimeError)
"""What the client raises: the last two are its own checks and its local mode."""


async def call(doing: str, work: Callable[[], Awaitable[T]], patience: float) -> T:
    """What `work` returns, within `patience` seconds; `doing` names it, e.g. "search".

    Raises `IndexUnavailable`, and `ConfigurationError` where the server refuses the key.
    """
    pause, said = FIRST_PAUSE, ""
    try:
        async with asyncio.timeout(patience):
            while True:
                try:
                    return await work()
                except _VENDOR as error:
                    if not _passes(error):
                        raise translated(doing, error) from error
                    said = _words(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
    except TimeoutError:
        reason = f" ({said})" if said else ""
        raise IndexUnavailable(f"Qdrant did not {doing} within {patience:g} seconds{reason}.") from None


def translated(doing: str, error: Exception) -> FootnoteError:
    """A client's exception as one of ours."""
    status = _status(error)
    if status in _KEY:
        return ConfigurationError(
            "Qdrant refuses the API key. Set FOOTNOTE_RETRIEVAL__INDEX__QDRANT__API_KEY to one that may write."
        )
    if is_missing(error):
        return IndexUnavailable(
            "The index's collection is gone from Qdrant. Restart the server: it makes it again and fills it."
        )
    return IndexUnavailable(f"Qdrant failed to {doing}: {_words(error)}")


def is_missing(error: Exception) -> bool:
    """Whether it says that there is no such collection."""
    return _status(error) in _GONE or (type(error) is ValueError and "not found" in str(error))


def _passes(error: Exception) -> bool:
    """Whether trying again may help: nothing answered, or what answered said so."""
    status = _status(error)
    unanswered = isinstance(error, ResponseHandlingException) and not isinstance(error.source, ValueError)
    return unanswered or isinstance(error, QdrantException) or status in _PASSING or status in _PASSING_GRPC


def _status(error: Exception) -> int | grpc.StatusCode | None:
    if isinstance(error, UnexpectedResponse):
        return error.status_code
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code()
    return None


def _words(error: Exception) -> str:
    """The server's own, on one line and not for ever."""
    if isinstance(error, grpc.aio.AioRpcError):
        text = error.details() or str(error.code())
    elif isinstance(error, UnexpectedResponse):
        text = f"{error.status_code} {error.content.decode(errors='replace')}"
    elif isinstance(error, ResponseHandlingException):
        text = str(error.source) or type(error.source).__name__
    else:
        text = str(error)
    return " ".join(text.split())[:300]


__all__ = ["call", "is_missing", "translated"]
