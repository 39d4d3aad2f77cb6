"""The documents as agents read them: the store's own word, asked anew at every call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agents.ports import Shelf
from app.store.store import Store
from core.errors import NotFound
from core.types import Document, Principal, StoredChunk

_MOST = 1_000


class StoreLibrary:
    """The library over the store: live versions only, and of these what the principal may read at that moment."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def documents(
        self,
        principal: Principal,
        *,
        collections: Sequence[str] = (),
        title: str = "",
        limit: int = 20,
        after: str | None = None,
    ) -> Shelf:
        """Documents whose title or file name contains `title`, newest first. Raises `InvalidCursor`."""
        page = await self._store.documents.list(
            principal,
            collections=collections,
            live=True,
            query=title.strip() or None,
            cursor=after,
            limit=max(1, min(limit, _MOST)),
        )
        return Shelf(documents=page.items, more=page.next_cursor)

    async def document(self, document_id: str, principal: Principal) -> Document:
        """One document. Raises `NotFound` where there is none, or none for this principal."""
        found = await self._store.documents.get(document_id, principal)
        if found.version_id is None:
            raise NotFound("There is no such document.")
        return found

    async def passages(
        self, document_id: str, principal: Principal, *, start: int = 0, limit: int = 50
    ) -> Sequence[StoredChunk]:
        """The document's passages in reading order from ordinal `start` on. Raises `NotFound` as `document` does."""
        limit = max(1, min(limit, _MOST))
        return await self._store.chunks.reading(document_id, principal, start=max(0, start), limit=limit)

    async def readable(self, document_ids: Sequence[str], principal: Principal) -> Mapping[str, tuple[str, ...]]:
        """The groups of those of these documents that the principal may read now; the others are left out."""
        return await self._store.documents.readers(document_ids, principal)
