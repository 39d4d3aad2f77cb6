"""Says aloud while the index, which is a copy, lacks passages of live documents: after a restore or a lost shard the
worker puts them back, and until then searches find less than there is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from app.beside import beside
from app.store.store import Store
from core.errors import FootnoteError
from core.ports import Searcher
from core.types import SearchRequest, SearchResult
from retrieval.ports import VectorIndex

log = logging.getLogger("footnote.gaps")

INDEX_INCOMPLETE = "index_incomplete"
_LOOK_EVERY = 1.0


class Gaps:
    """How many live versions the index lacks points of: those being put back, and those `left_out` of the generation,
    which a forced re-index could not read any more."""

    def __init__(self, store: Store, index: VectorIndex, generation: int) -> None:
        self._store = store
        self._index = index
        self._generation = generation
        self.returning = 0
        self.left_out = 0

    @property
    def lacking(self) -> int:
        return self.returning + self.left_out

    async def look(self) -> int:
        """Counts anew. The store is asked before and after: what was deleted meanwhile is not lacking."""
        before = await self._store.documents.live_counts(self._generation)
        indexed = await self._index.versions()
        now = await self._store.documents.live_counts(self._generation)
        self.returning = sum(indexed.get(version_id, 0) < now[version_id] for version_id in before if version_id in now)
        self.left_out = len(await self._store.generations.missing(self._generation))
        return self.lacking

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Gaps]:
        """Looks once before it is entered, and, where something lacks, until nothing does."""
        await self.look()
        async with beside(self._until_none(), "index gaps") if self.lacking else contextlib.nullcontext():
            yield self

    async def _until_none(self) -> None:
        log.warning("The index lacks %d documents; they are being put back.", self.lacking)
        while self.lacking:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                await self.look()
            except FootnoteError as error:
                log.warning("cannot compare the index with the store: %s", error.message)


class CandidSearcher:
    """The `Searcher` port over another: its results say `index_incomplete` while the index has gaps."""

    def __init__(self, searcher: Searcher, gaps: Gaps) -> None:
        self._searcher = searcher
        self._gaps = gaps

    async def search(self, request: SearchRequest) -> SearchResult:
        """As the searcher behind it."""
        found = await self._searcher.search(request)
        if not self._gaps.lacking:
            return found
        return replace(found, degraded=(*found.degraded, INDEX_INCOMPLETE))


__all__ = ["INDEX_INCOMPLETE", "CandidSearcher", "Gaps"]
