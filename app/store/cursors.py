"""Opaque cursors for keyset pagination: the last row's sort key, and the name of the listing it is from."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, or_

from app.store.records import Page
from app.store.tables import EPOCH
from core.errors import InvalidCursor, InvalidInput

R = TypeVar("R")

MAX_LIMIT = 1000
_BAD = "The cursor is not one that this listing gave out; leave it away to start from the beginning."
_MOST = 2**62


def encode(listing: str, number: int, key: str = "") -> str:
    raw = json.dumps([listing, number, key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(listing: str, cursor: str) -> tuple[int, str]:
    """The number and key that `encode` was given. Raises `InvalidCursor` for anything else."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        value = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidCursor(_BAD) from error
    match value:
        case [str() as name, int() as number, str() as key] if (
            name == listing
            and not isinstance(number, bool)
            and 0 <= number < _MOST
            and len(key) <= 64
            and key.isascii()
        ):
            return number, key
    raise InvalidCursor(_BAD)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def before(
    listing: str, cursor: str | None, moment: ColumnElement[datetime], key: ColumnElement[str]
) -> list[ColumnElement[bool]]:
    """The condition for rows after the cursor in a listing sorted newest first; none without a cursor."""
    if cursor is None:
        return []
    number, last = decode(listing, cursor)
    try:
        at = EPOCH + timedelta(microseconds=number)
    except OverflowError as error:
        raise InvalidCursor(_BAD) from error
    # The first half lets every database use the index on the moment.
    return [moment <= at, or_(moment < at, and_(moment == at, key < last))]


def checked_limit(limit: int) -> int:
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"A listing shows between 1 and {MAX_LIMIT} entries at a time; {limit} were asked for.")
    return limit


def page(rows: Sequence[R], limit: int, cursor: Callable[[R], str]) -> Page[R]:
    """A page of `limit` from rows fetched with `limit + 1`: the one too many says that there is more."""
    if len(rows) <= limit:
        return Page(items=tuple(rows))
    shown = tuple(rows[:limit])
    return Page(items=shown, next_cursor=cursor(shown[-1]))
