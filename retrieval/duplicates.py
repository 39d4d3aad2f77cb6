"""Drops hits that would show the reader the same passage twice, and no others.

Two hits are the same passage when their text is the same but for case and spacing: a file uploaded twice, boilerplate.
A short text says little by itself ("Opening hours: 9 to 17"), so its title and headings must agree as well. Overlapping
chunks of one document are the same passage when nearly all their words are common. Texts of different documents that
merely resemble each other stay: last year's figures look like this year's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from core.types import StoredChunk

SHORT = 12
"""Words below which a text needs its headings to say what it is about."""

_WORDS = re.compile(r"\w+")


def distinct(chunks: Sequence[StoredChunk], threshold: float, most: int) -> list[StoredChunk]:
    """The first `most` chunks that are no near-duplicates of earlier ones, in order. `threshold` is a share of common
    words."""
    kept: list[StoredChunk] = []
    seen: set[tuple[str, ...]] = set()
    for chunk in chunks:
        if len(kept) == most:
            break
        identity = _identity(chunk)
        if identity in seen or any(_overlaps(chunk, other, threshold) for other in kept):
            continue
        seen.add(identity)
        kept.append(chunk)
    return kept


def twin(chunk: StoredChunk, kept: Sequence[StoredChunk], threshold: float) -> StoredChunk | None:
    """Which of the chunks that `distinct` kept this one is a near-duplicate of."""
    identity = _identity(chunk)
    return next((one for one in kept if _identity(one) == identity or _overlaps(chunk, one, threshold)), None)


def _identity(stored: StoredChunk) -> tuple[str, ...]:
    text = _plain(stored.chunk.text)
    if len(text.split()) >= SHORT:
        return (text,)
    return (text, _plain(stored.title), *map(_plain, stored.chunk.heading_path))


def _overlaps(a: StoredChunk, b: StoredChunk, threshold: float) -> bool:
    if a.version_id != b.version_id or max(a.chunk.span[0], b.chunk.span[0]) >= min(a.chunk.span[1], b.chunk.span[1]):
        return False
    words, others = set(_WORDS.findall(_plain(a.chunk.text))), set(_WORDS.findall(_plain(b.chunk.text)))
    return len(words & others) >= threshold * len(words | others) and bool(words)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


__all__ = ["distinct", "twin"]
