"""Passages of documents as tools show them, and what a run's narrowing leaves of the documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from agents.ports import Library
from agents.tools.base import Observation, ToolContext
from core.errors import NotFound
from core.types import Document, Filters, Hit, Scalar, StoredChunk

DOCUMENT_ID = 64
"""Characters of a document's id, at most."""
_PLACE_CHARS = 200
_AT_ONCE = 200


async def narrowed_document(document_id: str, library: Library, context: ToolContext) -> Document:
    """A document that the principal may read and the run is not narrowed away from. Raises `NotFound`."""
    document = await library.document(document_id, context.principal)
    if not within(document, context):
        raise NotFound("There is no such document.")
    return document


def within(document: Document, context: ToolContext) -> bool:
    """Whether the run's collections and filters leave a document in."""
    if context.collections and document.collection not in context.collections:
        return False
    return _passes(document, context.filters)


def _passes(document: Document, filters: Filters) -> bool:
    if filters.document_ids and document.id not in filters.document_ids:
        return False
    if filters.created_after is not None and document.created_at < filters.created_after:
        return False
    if filters.created_before is not None and document.created_at >= filters.created_before:
        return False
    return all(_matches(document.metadata.get(key), wanted) for key, wanted in filters.metadata.items())


def _matches(value: Scalar | None, wanted: Scalar | tuple[Scalar, ...]) -> bool:
    several = wanted if isinstance(wanted, tuple) else (wanted,)
    # True equals 1 in Python, but not in a document's metadata
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in several)


async def all_passages(document_id: str, library: Library, context: ToolContext, most: int) -> list[StoredChunk]:
    """A document's passages in reading order, `most` at most. Raises `NotFound`."""
    found: list[StoredChunk] = []
    while len(found) < most:
        limit = min(_AT_ONCE, most - len(found))
        start = found[-1].chunk.ordinal + 1 if found else 0
        part = await library.passages(document_id, context.principal, start=start, limit=limit)
        found += part
        if len(part) < limit:
            break
    return found


def hit_of(passage: StoredChunk, score: float = 0.0) -> Hit:
    """A passage that was read, in the shape of one that was found."""
    chunk = passage.chunk
    return Hit(
        chunk_id=passage.id,
        document_id=passage.document_id,
        version_id=passage.version_id,
        title=passage.title,
        text=chunk.text,
        score=score,
        scores={},
        page=chunk.page,
        boxes=chunk.boxes,
        heading_path=chunk.heading_path,
        language=chunk.language,
        kind=chunk.kind,
        sentences=chunk.sentences,
    )


def observed(head: str, hits: Sequence[Hit], most: int, rest: str | None = None) -> Observation:
    """An observation that shows passages: whole ones while there is room for them, and at least the first."""
    shown = fitting(hits, most)
    cut = hits and len(shown) < len(hits)
    more = rest if rest is not None else "Ask for less at a time." if cut else None
    lines = [head, *(f"{_place(hit)}\n{hit.text}" for hit in shown)]
    if more:
        lines.append(f"[… {more}]")
    return Observation(text="\n\n".join(lines), data={"passages": [_told(hit) for hit in shown]}, rest=more or None,
                       passages=tuple(shown))  # fmt: skip


def fitting(hits: Iterable[Hit], most: int) -> list[Hit]:
    """The first of these passages that together have at most `most` characters, but one at least."""
    shown: list[Hit] = []
    room = most
    for hit in hits:
        room -= len(hit.text)
        if shown and room < 0:
            break
        shown.append(hit)
    return shown


def _place(hit: Hit) -> str:
    place = " › ".join(" ".join(part.split()) for part in (hit.title, *hit.heading_path))[:_PLACE_CHARS]
    page = f", page {hit.page}" if hit.page is not None else ""
    return f"{place} (document_id {hit.document_id}{page})"


def _told(hit: Hit) -> dict[str, Any]:
    return {
        "chunk_id": hit.chunk_id,
        "document_id": hit.document_id,
        "title": hit.title,
        "page": hit.page,
        "score": hit.score,
    }
