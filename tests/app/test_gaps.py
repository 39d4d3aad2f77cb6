"""What searches say while the index lacks passages of live documents."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.gaps import INDEX_INCOMPLETE, CandidSearcher, Gaps
from app.store.records import NewGeneration, NewUpload
from app.store.store import Store
from core.types import Chunk, Principal, SearchRequest, SearchResult

ANA = Principal(id="ana")


class ScriptedIndex:
    """Says how many points it has of each version."""

    def __init__(self) -> None:
        self.points: dict[str, int] = {}

    async def versions(self) -> dict[str, int]:
        return dict(self.points)


class FindsNothing:
    async def search(self, request: SearchRequest) -> SearchResult:
        return SearchResult(hits=(), timings_ms={}, degraded=("rerank_timeout",))


async def _published(store: Store, generation: int) -> tuple[str, str]:
    upload = NewUpload(
        collection="default", external_id="a", filename="a.txt", size=1, sha256="0" * 64, pipeline="p", principal=ANA
    )
    begun = await store.documents.begin_upload(upload)
    await store.chunks.put(begun.version_id, generation, [Chunk(ordinal=n, text="text") for n in range(3)])
    await store.documents.publish(begun.version_id, generation)
    return begun.document_id, begun.version_id


@pytest.fixture
def asked() -> SearchRequest:
    return SearchRequest(query="text", principal=ANA)


async def test_searches_say_that_the_index_is_incomplete_until_it_is_whole(
    tmp_path: Path, asked: SearchRequest
) -> None:
    async with await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'footnote.sqlite'}") as store:
        generation = (
            await store.generations.ensure_active(NewGeneration(fingerprint="f", embedder="e", size=4, pipeline="p"))
        ).id
        _, version_id = await _published(store, generation)
        index = ScriptedIndex()
        index.points = {version_id: 2}
        async with Gaps(store, index, generation).watched() as gaps:  # type: ignore[arg-type]
            search = CandidSearcher(FindsNothing(), gaps)
            assert (await search.search(asked)).degraded == ("rerank_timeout", INDEX_INCOMPLETE)
            index.points[version_id] = 3
            async with asyncio.timeout(20):
                while gaps.lacking:
                    await asyncio.sleep(0.02)
            assert (await search.search(asked)).degraded == ("rerank_timeout",)


async def test_what_is_deleted_is_not_lacking(tmp_path: Path) -> None:
    async with await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'footnote.sqlite'}") as store:
        generation = (
            await store.generations.ensure_active(NewGeneration(fingerprint="f", embedder="e", size=4, pipeline="p"))
        ).id
        document_id, _ = await _published(store, generation)
        index = ScriptedIndex()
        gaps = Gaps(store, index, generation)  # type: ignore[arg-type]
        assert await gaps.look() == 1
        await store.documents.delete(document_id, ANA)
        assert await gaps.look() == 0
