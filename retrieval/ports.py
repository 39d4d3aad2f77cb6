"""The ports that only this room needs, and the types that cross them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from core.types import Filters, Principal, Scalar, SearchMode, SparseVector, StoredChunk, Vectors


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexPoint:
    """A chunk as the index keeps it: two vectors and what searches filter by. `id` is the chunk's UUID."""

    id: str
    dense: bytes
    """One float32 row, little-endian."""
    lexical: SparseVector
    collection: str
    document_id: str
    version_id: str
    groups: tuple[str, ...]
    created_at: datetime
    metadata: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What a search may see. `groups=None` means every document (administrators); otherwise any group must match."""

    groups: frozenset[str] | None
    collections: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fusion:
    """How the legs are joined. `k` counts ranks from 0, so the textbook's RRF-60 is k=61. Weights: dense, lexical."""

    method: Literal["rrf", "dbsf"] = "rrf"
    k: int = 61
    weights: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexQuery:
    """One search: the legs that `mode` names must be given. `prefetch` is how many candidates each leg brings."""

    mode: SearchMode
    dense: Vectors | None
    lexical: SparseVector | None
    scope: Scope
    fusion: Fusion
    limit: int
    prefetch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexHit:
    """A point found: its fused score, and each leg's own where that leg brought it ("dense", "lexical", "fused")."""

    id: str
    score: float
    scores: Mapping[str, float]


class VectorIndex(Protocol):
    """Keeps points and searches them; fusion runs inside the engine. Any call may raise `IndexUnavailable`."""

    async def upsert(self, points: Sequence[IndexPoint]) -> None:
        """Adds or replaces points; durable when it returns."""
        ...

    async def search(self, query: IndexQuery) -> list[IndexHit]:
        """The best points in scope, best first."""
        ...

    async def delete_versions(self, version_ids: Sequence[str]) -> None:
        """Removes every point of these versions; unknown ones are no error."""
        ...

    async def update_document(self, document_id: str, groups: Sequence[str], metadata: Mapping[str, Scalar]) -> None:
        """Replaces what searches filter by on every point of a document."""
        ...

    async def count(self, scope: Scope) -> int:
        """The exact number of points in scope."""
        ...

    async def versions(self) -> dict[str, int]:
        """How many points the index holds of each version; what a sweep compares with the store."""
        ...

    async def flush(self) -> None:
        """Everything acknowledged is on disk when it returns."""
        ...

    async def close(self) -> None: ...


class LexicalEncoder(Protocol):
    """BM25 without the IDF factor, which the engine adds. Synchronous and quick."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the vectors would."""
        ...

    def document(self, text: str, language: str) -> SparseVector:
        """Term weights of a passage; `language` is an ISO 639-1 code."""
        ...

    def query(self, text: str) -> SparseVector:
        """Query terms, matching documents in any of the configured languages."""
        ...


class Reranker(Protocol):
    """Puts candidate passages in a better order."""

    @property
    def fingerprint(self) -> str: ...

    async def scores(self, query: str, passages: Sequence[str]) -> list[float]:
        """A score for each passage, higher is better; comparable only within one call."""
        ...


class ChunkStore(Protocol):
    """The store's word on hits: the database is the truth, the index a copy."""

    async def confirm(self, chunk_ids: Sequence[str], principal: Principal) -> list[StoredChunk]:
        """Those of these chunks that are live and that the principal may read, in the order asked, in one query."""
        ...


__all__ = [
    "ChunkStore",
    "Fusion",
    "IndexHit",
    "IndexPoint",
    "IndexQuery",
    "LexicalEncoder",
    "Reranker",
    "Scope",
    "VectorIndex",
]
