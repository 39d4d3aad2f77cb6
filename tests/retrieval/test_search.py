"""The central sentence, over a scripted index, store, embedder and reranker."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from core.errors import EmbedderUnavailable, IndexUnavailable, InvalidInput
from core.types import (
    EVERYONE,
    Chunk,
    Filters,
    Principal,
    SearchMode,
    SearchRequest,
    SearchResult,
    SparseVector,
    StoredChunk,
    Vectors,
)
from retrieval.ports import IndexHit, IndexQuery
from retrieval.scripts import reader_of
from retrieval.search import HybridSearcher
from retrieval.settings import SearchSettings

ADA = Principal(id="ada", groups=frozenset({EVERYONE, "staff"}))


def stored(number: int, text: str | None = None, **more: object) -> StoredChunk:
    known = {
        "document_id": f"d{number}",
        "version_id": f"v{number}",
        "collection": "default",
        "title": f"Title {number}",
    }
    chunk = Chunk(ordinal=0, text=text if text is not None else f"Passage number {number}.", span=(0, 100))
    return StoredChunk(id=f"c{number}", chunk=chunk, **{**known, **more})  # type: ignore[arg-type]


class Tokens:
    """A token a word, between two special ones."""

    max_tokens = 256

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) + 2 for text in texts]


@dataclass
class Embedder:
    """Answers with one vector; fails or dawdles as told."""

    error: Exception | None = None
    delay: float = 0
    asked: list[str] = field(default_factory=list)
    tokens: Tokens = field(default_factory=lambda: Tokens())

    async def query(self, text: str) -> Vectors:
        self.asked.append(text)
        await asyncio.sleep(self.delay)
        if self.error:
            raise self.error
        return Vectors(data=struct.pack("<2f", 1, 0), size=2)


@dataclass
class Words:
    """A dimension a word."""

    def query(self, text: str) -> SparseVector:
        words = [word for word in text.split() if word != "the"]
        return SparseVector(indices=tuple(range(len(words))), values=(1.0,) * len(words))


@dataclass
class Index:
    """Finds its chunks in order, as many as asked for."""

    ids: list[str]
    error: Exception | None = None
    asked: list[IndexQuery] = field(default_factory=list)

    async def search(self, query: IndexQuery) -> list[IndexHit]:
        self.asked.append(query)
        if self.error:
            raise self.error
        found = self.ids[: query.limit]
        return [
            IndexHit(id=i, score=1 / (n + 2), scores={"fused": 1 / (n + 2), "dense": 0.5}) for n, i in enumerate(found)
        ]


@dataclass
class Store:
    """Confirms the chunks it holds and that the principal may read."""

    chunks: dict[str, StoredChunk]
    refused: set[str] = field(default_factory=set)
    principals: list[Principal] = field(default_factory=list)

    async def confirm(self, chunk_ids: Sequence[str], principal: Principal) -> list[StoredChunk]:
        self.principals.append(principal)
        return [self.chunks[i] for i in chunk_ids if i in self.chunks and i not in self.refused]


@dataclass
class Reranker:
    """Scores by a function of the passage; fails or dawdles as told."""

    score: Callable[[str], float] = len
    delay: float = 0
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    fingerprint: str = "scripted"

    async def scores(self, query: str, passages: Sequence[str]) -> list[float]:
        self.questions.append(query)
        self.asked.extend(passages)
        await asyncio.sleep(self.delay)
        if self.error:
            raise self.error
        return [float(self.score(passage)) for passage in passages]


@dataclass
class House:
    """A searcher with its scripted surroundings."""

    embedder: Embedder = field(default_factory=Embedder)
    chunks: list[StoredChunk] = field(default_factory=lambda: [stored(n) for n in range(30)])
    refused: set[str] = field(default_factory=set)
    reranker: Reranker | None = None
    settings: SearchSettings = field(default_factory=SearchSettings)
    index_error: Exception | None = None

    def __post_init__(self) -> None:
        self.index = Index([chunk.id for chunk in self.chunks], self.index_error)
        self.store = Store({chunk.id: chunk for chunk in self.chunks}, self.refused)
        self.searcher = HybridSearcher(
            embedder=self.embedder,  # type: ignore[arg-type]
            lexical=Words(),  # type: ignore[arg-type]
            index=self.index,  # type: ignore[arg-type]
            chunks=self.store,
            reranker=self.reranker,
            settings=self.settings,
        )

    async def ask(
        self,
        query: str = "how many days",
        *,
        limit: int = 5,
        mode: SearchMode = "hybrid",
        rerank: bool | None = None,
        principal: Principal = ADA,
        collections: tuple[str, ...] = (),
        filters: Filters | None = None,
    ) -> SearchResult:
        return await self.searcher.search(
            SearchRequest(
                query=query,
                principal=principal,
                collections=collections,
                limit=limit,
                mode=mode,
                rerank=rerank,
                filters=filters or Filters(),
            )
        )


def found(result: SearchResult) -> list[str]:
    return [hit.chunk_id for hit in result.hits]


async def test_hits_in_the_index_order_with_what_the_store_knows() -> None:
    result = await House().ask(limit=3)
    assert found(result) == ["c0", "c1", "c2"]
    hit = result.hits[0]
    assert (hit.document_id, hit.title, hit.text) == ("d0", "Title 0", "Passage number 0.")
    assert (hit.score, hit.scores) == (0.5, {"fused": 0.5, "dense": 0.5})
    assert set(result.timings_ms) == {"embed", "search", "check", "rerank", "total"}
    assert result.timings_ms["total"] >= result.timings_ms["search"] >= 0
    assert result.degraded == ()


@pytest.mark.parametrize(("mode", "dense", "lexical"), [("hybrid", 1, 1), ("dense", 1, 0), ("lexical", 0, 1)])
async def test_each_mode_asks_for_its_legs(mode: SearchMode, dense: int, lexical: int) -> None:
    house = House()
    await house.ask(mode=mode)
    (query,) = house.index.asked
    assert query.mode == mode
    assert (query.dense is not None, query.lexical is not None) == (bool(dense), bool(lexical))
    assert len(house.embedder.asked) == dense
    assert query.prefetch >= 50


async def test_a_question_the_embedder_cannot_read_is_searched_by_its_words() -> None:
    house = House()
    house.searcher._reads = reader_of(("Latin",))
    result = await house.ask("ما هي عاصمة بولندا")
    (query,) = house.index.asked
    assert (query.mode, query.dense) == ("lexical", None)
    assert house.embedder.asked == []
    assert result.degraded == ()


async def test_the_scope_comes_from_the_principal() -> None:
    house = House()
    filters = Filters(metadata={"year": 2024})
    await house.ask(collections=("default",), filters=filters)
    await house.ask(principal=Principal(id="root", admin=True))
    first, second = (query.scope for query in house.index.asked)
    assert first.groups == {EVERYONE, "staff"}
    assert (first.collections, first.filters) == (("default",), filters)
    assert second.groups is None
    assert [principal.id for principal in house.store.principals] == ["ada", "root"]


async def test_what_the_store_refuses_is_not_shown_and_does_not_starve_the_rest() -> None:
    refused = {f"c{n}" for n in range(400)}
    house = House(chunks=[stored(n) for n in range(500)], refused=refused)
    assert found(await house.ask(limit=5)) == ["c400", "c401", "c402", "c403", "c404"]
    limits = [query.limit for query in house.index.asked]
    assert limits == sorted(set(limits))
    assert len(limits) > 1


async def test_the_index_is_asked_once_where_it_suffices() -> None:
    house = House()
    assert found(await house.ask(limit=3)) == ["c0", "c1", "c2"]
    assert len(house.index.asked) == 1


class Replacing(Index):
    """Finds the old version at first, and its successor from then on: it was published between the two questions."""

    async def search(self, query: IndexQuery) -> list[IndexHit]:
        hits = await super().search(query)
        self.ids = ["c1" if i == "c0" else i for i in self.ids]
        return hits


async def test_a_version_replaced_between_index_and_store_is_found_by_its_successor() -> None:
    house = House(chunks=[stored(0), stored(1), stored(2)], refused={"c0"})
    house.index = Replacing(["c0", "c2"])
    house.searcher._index = house.index
    assert found(await house.ask(limit=1)) == ["c1"]
    assert len(house.index.asked) == 2


async def test_what_the_store_goes_on_refusing_costs_one_more_look_only() -> None:
    house = House(refused={"c0", "c1"})
    assert found(await house.ask(limit=3)) == ["c2", "c3", "c4"]
    assert len(house.index.asked) == 2


async def test_an_index_with_too_little_is_not_asked_again_and_again() -> None:
    house = House(chunks=[stored(0)])
    assert found(await house.ask(limit=3)) == ["c0"]
    assert len(house.index.asked) == 1


async def test_a_document_that_moved_is_not_shown_where_it_was() -> None:
    house = House(chunks=[stored(0, collection="elsewhere"), stored(1)])
    assert found(await house.ask(collections=("default",))) == ["c1"]
    assert found(await house.ask(filters=Filters(document_ids=("d0",)))) == ["c0"]


async def test_the_same_passage_is_shown_once() -> None:
    long = "New employees have 25 days of annual leave from their first year with the company on."
    chunks = [stored(0, long), stored(1, f"  {long.upper()} "), stored(2, long.replace("25", "30"))]
    assert found(await House(chunks=chunks).ask()) == ["c0", "c2"]


async def test_the_same_short_text_under_another_title_stays() -> None:
    chunks = [
        stored(0, "9 to 17", title="Berlin"),
        stored(1, "9 to 17", title="Munich"),
        stored(2, "9 to 17", title="Berlin"),
    ]
    assert found(await House(chunks=chunks).ask()) == ["c0", "c1"]


async def test_chunks_of_one_document_that_nearly_coincide_are_one() -> None:
    words = " ".join(f"word{n}" for n in range(40))
    same = {"document_id": "d", "version_id": "v"}
    chunks = [stored(0, words, **same), stored(1, words + " more", **same), stored(2, words + " more")]
    assert found(await House(chunks=chunks).ask()) == ["c0", "c2"]


@pytest.mark.parametrize(("query", "limit"), [("", 5), (" \n\x00", 5), ("x" * 4001, 5), ("x", 0), ("x", 10_000)])
async def test_bad_requests_are_refused(query: str, limit: int) -> None:
    with pytest.raises(InvalidInput):
        await House().ask(query, limit=limit)


async def test_without_the_questions_vector_its_words_are_searched() -> None:
    house = House(embedder=Embedder(error=EmbedderUnavailable("gone")))
    result = await house.ask(limit=2)
    assert found(result) == ["c0", "c1"]
    assert result.degraded == ("dense_unavailable",)
    assert (house.index.asked[0].mode, house.index.asked[0].dense) == ("lexical", None)


async def test_a_dawdling_embedder_counts_as_gone() -> None:
    house = House(embedder=Embedder(delay=30), settings=SearchSettings(embed_deadline=0.01))
    assert (await house.ask()).degraded == ("dense_unavailable",)


async def test_dense_mode_has_nothing_to_fall_back_on() -> None:
    house = House(embedder=Embedder(error=EmbedderUnavailable("gone")))
    with pytest.raises(EmbedderUnavailable):
        await house.ask(mode="dense")


async def test_a_question_without_words_is_searched_by_its_vector() -> None:
    house = House()
    assert (await house.ask("the the")).degraded == ()
    assert house.index.asked[0].mode == "dense"
    assert found(await house.ask("the the", mode="lexical")) == []


async def test_an_index_that_does_not_answer_is_said() -> None:
    with pytest.raises(IndexUnavailable):
        await House(index_error=IndexUnavailable("The index does not answer.")).ask()


async def test_recent_questions_are_embedded_once() -> None:
    house = House(settings=SearchSettings(query_cache=1))
    for query in ("a", "a", "b", "a"):
        await house.ask(query)
    assert house.embedder.asked == ["a", "b", "a"]


async def test_models_read_a_part_of_a_very_long_question_and_that_is_said() -> None:
    long = " ".join(f"word{n}" for n in range(500))
    house = House(reranker=Reranker(), settings=SearchSettings(max_query_tokens=64))
    result = await house.ask(long)
    assert result.degraded == ("question_shortened",)
    assert house.reranker is not None
    (read,) = house.embedder.asked
    assert house.reranker.questions == [read]
    assert read.startswith("word0 word1 ")
    assert read.endswith(" word498 word499")
    assert 40 <= len(read.split()) <= 64
    lexical = house.index.asked[0].lexical
    assert lexical is not None
    assert len(lexical.indices) == 500  # its words are looked up all the same
    assert (await house.ask(long)).degraded == ("question_shortened",)
    assert len(house.embedder.asked) == 1  # the vector was kept, and what was done is said again
    assert (await house.ask(long, mode="lexical", rerank=False)).degraded == ()
    assert (await house.ask("word1 " * 60)).degraded == ()


async def test_the_reranker_orders_its_candidates_and_the_rest_follows() -> None:
    chunks = [stored(n, "x" * (n + 1)) for n in range(6)]
    reranker = Reranker()
    house = House(chunks=chunks, reranker=reranker, settings=SearchSettings(rerank_top=3))
    result = await house.ask(limit=5)
    assert found(result) == ["c2", "c1", "c0", "c3", "c4"]
    assert len(reranker.asked) == 3
    assert reranker.asked[0] == "Title 0\nx"
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)
    assert ["rerank" in hit.scores for hit in result.hits] == [True, True, True, False, False]


async def test_the_reranker_sees_more_than_is_asked_for() -> None:
    chunks = [stored(n, "x" * (n + 1)) for n in range(30)]
    house = House(chunks=chunks, reranker=Reranker(), settings=SearchSettings(rerank_top=20))
    assert found(await house.ask(limit=2)) == ["c19", "c18"]


async def test_scores_can_be_blended() -> None:
    chunks = [stored(n, "x" * (n + 1)) for n in range(3)]
    house = House(chunks=chunks, reranker=Reranker(), settings=SearchSettings(rerank_weight=0.1))
    assert found(await house.ask()) == ["c0", "c1", "c2"]


@pytest.mark.parametrize(
    ("reranker", "degraded"),
    [
        (Reranker(delay=30), "rerank_timeout"),
        (Reranker(error=RuntimeError("out of memory")), "rerank_failed"),
        (Reranker(score=lambda _: float("nan")), "rerank_failed"),
        (None, "rerank_unavailable"),
    ],
)
async def test_reranking_that_fails_leaves_the_fused_order_and_is_said(
    reranker: Reranker | None, degraded: str
) -> None:
    house = House(reranker=reranker, settings=SearchSettings(rerank_deadline=0.01))
    result = await house.ask(limit=3, rerank=True)
    assert found(result) == ["c0", "c1", "c2"]
    assert result.degraded == (degraded,)


async def test_reranking_can_be_declined() -> None:
    house = House(reranker=Reranker())
    assert found(await house.ask(limit=3, rerank=False)) == ["c0", "c1", "c2"]
    assert house.reranker is not None
    assert house.reranker.asked == []
