"""A library in memory with its documents' rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from agents.ports import Shelf
from core.errors import InvalidCursor, NotFound
from core.types import EVERYONE, Chunk, Document, Principal, StoredChunk


@dataclass
class ShelfLibrary:
    """Documents that a test put there; what is not the principal's is not there."""

    kept: dict[str, tuple[Document, list[StoredChunk]]] = field(default_factory=dict)

    def add(self, document_id: str, *texts: str, chunks: Sequence[Chunk] = (), **said: Any) -> Document:
        """Puts a document there, readable by everyone unless `groups` say otherwise."""
        parts = list(chunks) or [Chunk(ordinal=n, text=text) for n, text in enumerate(texts)]
        day = datetime(2026, 1, 1 + len(self.kept) % 28, tzinfo=UTC)
        values = {"collection": "default", "title": f"The {document_id}", "groups": (EVERYONE,), "metadata": {}} | said
        document = Document(
            **({"external_id": document_id, "created_at": day, "updated_at": day} | values),
            id=document_id, version_id=f"v-{document_id}", chunks=len(parts),
        )  # fmt: skip
        stored = [
            StoredChunk(
                id=f"{document_id}-{part.ordinal}", document_id=document_id, version_id=f"v-{document_id}",
                collection=document.collection, title=document.title, chunk=part,
            )
            for part in parts
        ]  # fmt: skip
        self.kept[document_id] = (document, stored)
        return document

    def regroup(self, document_id: str, *groups: str) -> None:
        document, stored = self.kept[document_id]
        self.kept[document_id] = (replace(document, groups=groups), stored)

    async def documents(
        self,
        principal: Principal,
        *,
        collections: Sequence[str] = (),
        title: str = "",
        limit: int = 20,
        after: str | None = None,
    ) -> Shelf:
        if after is not None and not after.isdigit():
            raise InvalidCursor("This cursor is not one of ours.")
        found = [
            each
            for each, _ in reversed(self.kept.values())
            if self._may(principal, each)
            and (not collections or each.collection in collections)
            and title.casefold() in each.title.casefold()
        ]
        first = int(after or 0)
        more = str(first + limit) if len(found) > first + limit else None
        return Shelf(documents=tuple(found[first : first + limit]), more=more)

    async def document(self, document_id: str, principal: Principal) -> Document:
        document = self.kept.get(document_id, (None, []))[0]
        if document is None or not self._may(principal, document):
            raise NotFound("There is no such document.")
        return document

    async def passages(
        self, document_id: str, principal: Principal, *, start: int = 0, limit: int = 50
    ) -> Sequence[StoredChunk]:
        await self.document(document_id, principal)
        return [each for each in self.kept[document_id][1] if each.chunk.ordinal >= start][:limit]

    async def readable(self, document_ids: Sequence[str], principal: Principal) -> Mapping[str, tuple[str, ...]]:
        found = (self.kept[each][0] for each in document_ids if each in self.kept)
        return {each.id: each.groups for each in found if self._may(principal, each)}

    @staticmethod
    def _may(principal: Principal, document: Document) -> bool:
        return principal.admin or not principal.groups.isdisjoint(document.groups)
