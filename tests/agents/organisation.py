"""A small organisation's documents behind the agents' ports, held in memory, rights included."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agents.ports import Shelf
from core.errors import NotFound
from core.terms import terms
from core.types import EVERYONE, Chunk, Document, Hit, Principal, SearchRequest, SearchResult, StoredChunk

AT = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class Paper:
    """A document: its passages in reading order, below a heading, and the groups that may read it."""

    id: str
    title: str
    passages: list[str]
    groups: tuple[str, ...] = (EVERYONE,)
    heading: tuple[str, ...] = ()

    def document(self) -> Document:
        return Document(
            id=self.id,
            collection="default",
            external_id=self.id,
            title=self.title,
            groups=self.groups,
            metadata={},
            created_at=AT,
            updated_at=AT,
            version_id=f"{self.id}-v1",
            version=1,
            filename=f"{self.id}.md",
            chunks=len(self.passages),
        )

    def stored(self, ordinal: int) -> StoredChunk:
        return StoredChunk(
            id=f"{self.id}-{ordinal}",
            document_id=self.id,
            version_id=f"{self.id}-v1",
            collection="default",
            title=self.title,
            chunk=Chunk(
                ordinal=ordinal,
                text=self.passages[ordinal],
                sentences=((0, len(self.passages[ordinal])),),
                heading_path=self.heading,
            ),
        )


class Organisation:
    """A `Searcher` (shared words decide) and a `Library` over papers; `papers` may be changed at any time."""

    def __init__(self, papers: Sequence[Paper]) -> None:
        self.papers = {paper.id: paper for paper in papers}
        self.searches: list[SearchRequest] = []

    async def search(self, request: SearchRequest) -> SearchResult:
        self.searches.append(request)
        asked = set(terms(request.query))
        found = []
        for paper in self._readable(request.principal):
            for ordinal, text in enumerate(paper.passages):
                shared = len(asked & set(terms(f"{paper.title} {text}")))
                if shared:
                    found.append((shared, zlib.crc32(text.encode()), self._hit(paper, ordinal, shared)))
        found.sort(key=lambda each: each[:2], reverse=True)
        return SearchResult(hits=tuple(hit for *_, hit in found[: request.limit]), timings_ms={})

    async def documents(
        self,
        principal: Principal,
        *,
        collections: Sequence[str] = (),
        title: str = "",
        limit: int = 20,
        after: str | None = None,
    ) -> Shelf:
        found = [paper.document() for paper in self._readable(principal) if title.lower() in paper.title.lower()]
        return Shelf(documents=tuple(found[:limit]))

    async def document(self, document_id: str, principal: Principal) -> Document:
        for paper in self._readable(principal):
            if paper.id == document_id:
                return paper.document()
        raise NotFound("There is no such document.")

    async def passages(
        self, document_id: str, principal: Principal, *, start: int = 0, limit: int = 50
    ) -> Sequence[StoredChunk]:
        await self.document(document_id, principal)
        paper = self.papers[document_id]
        return [paper.stored(ordinal) for ordinal in range(len(paper.passages))][start : start + limit]

    async def readable(self, document_ids: Sequence[str], principal: Principal) -> Mapping[str, tuple[str, ...]]:
        return {paper.id: paper.groups for paper in self._readable(principal) if paper.id in set(document_ids)}

    def _readable(self, principal: Principal) -> list[Paper]:
        return [paper for paper in self.papers.values() if principal.admin or principal.groups & set(paper.groups)]

    def _hit(self, paper: Paper, ordinal: int, shared: int) -> Hit:
        chunk = paper.stored(ordinal)
        return Hit(
            chunk_id=chunk.id,
            document_id=paper.id,
            version_id=chunk.version_id,
            title=paper.title,
            text=chunk.chunk.text,
            score=shared / 100,
            scores={},
            sentences=chunk.chunk.sentences,
            heading_path=paper.heading,
        )
