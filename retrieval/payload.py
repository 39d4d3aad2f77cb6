"""What every Qdrant engine keeps of a point beside its vectors, and what a scope asks of it: one way for both engines.

A point has two vectors, dense by cosine and "bm25" sparse, and, indexed as keywords, its collection, groups, document
and version; its creation time as a number; and its metadata as terms such as `year␟n:2024`, so that any key and any
scalar is matched by an index and no key is ever read as a path.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.types import Scalar
from retrieval.ports import IndexPoint, Scope

DENSE, LEXICAL = "dense", "bm25"
KEYWORDS = ("collection", "groups", "document_id", "version_id", "metadata")
CREATED = "created_at"


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """What must hold of a point: of each field in `any_of` one of the values, and a creation time from `since` on and
    before `until`, in seconds since 1970."""

    any_of: tuple[tuple[str, tuple[str, ...]], ...]
    since: float | None
    until: float | None


def conditions(scope: Scope) -> Conditions | None:
    """A scope in the payload's terms; None when nothing can match, as with no groups at all: closed, not open."""
    filters = scope.filters
    any_of: list[tuple[str, tuple[str, ...]]] = []
    if scope.groups is not None:
        any_of.append(("groups", tuple(sorted(scope.groups))))
    if scope.collections:
        any_of.append(("collection", tuple(scope.collections)))
    if filters.document_ids:
        any_of.append(("document_id", tuple(filters.document_ids)))
    for key, value in filters.metadata.items():
        values = value if isinstance(value, tuple) else (value,)
        any_of.append(("metadata", tuple(_term(key, one) for one in values)))
    if not all(values for _, values in any_of):
        return None
    after, before = filters.created_after, filters.created_before
    return Conditions(
        any_of=tuple(any_of),
        since=after.timestamp() if after else None,
        until=before.timestamp() if before else None,
    )


def payload_of(point: IndexPoint) -> dict[str, Any]:
    """What is kept of a point beside its vectors."""
    return {
        "collection": point.collection,
        "groups": list(point.groups),
        "document_id": point.document_id,
        "version_id": point.version_id,
        CREATED: point.created_at.timestamp(),
        "metadata": terms(point.metadata),
    }


def terms(metadata: Mapping[str, Scalar]) -> list[str]:
    """Metadata as keywords, one an entry."""
    return [_term(key, value) for key, value in metadata.items()]


def _term(key: str, value: Scalar) -> str:
    """A metadata entry as one keyword; 2024 and 2024.0 are the same number, True is none."""
    if isinstance(value, bool):
        return f"{key}\x1fb:{value}"
    if isinstance(value, int | float):
        return f"{key}\x1fn:{int(value) if float(value).is_integer() else value!r}"
    return f"{key}\x1fs:{value}"


def floats(data: bytes) -> list[float]:
    """The numbers of one row of little-endian float32."""
    return list(struct.unpack(f"<{len(data) // 4}f", data))


__all__ = ["CREATED", "DENSE", "KEYWORDS", "LEXICAL", "Conditions", "conditions", "floats", "payload_of", "terms"]
