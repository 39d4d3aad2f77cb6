"""How a search came about, told by what it had in hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.types import Chunk, Principal, SearchRequest, SearchResult, SparseVector, StoredChunk, Vectors
from retrieval.ports import IndexHit, IndexQuery
from retrieval.search import HybridSearcher
from retrieval.settings import SearchSettings
from retrieval.trace import CANDIDATES, EXCERPT

LEGS = {"c0": (0.9, 1.0), "c1": (0.8, 4.0), "c2": (0.7, None), "c3": (0.95, 2.0), "c4": (0.5, 3.0)}
"""Each point's dense and lexical score, in the fused order; None where the words do not match."""


class Embedder:
    async def query(self, text: str) -> Vectors:
        return Vectors(data=b"\x00" * 4, size=1)


class Words:
    def query(self, text: str) -> SparseVector:
        return SparseVector(indices=(1,), values=(1.0,))


@dataclass
class Index:
    """Proposes its points in order, with the scores of both legs."""

    legs: dict[str, tuple[float, float | None]]
    asked: int = 0

    async def search(self, query: IndexQuery) -> list[IndexHit]:
        self.asked += 1
        found = []
        for place, (point, (dense, lexical)) in enumerate(list(self.legs.items())[: query.limit]):
            scores = {"fused": 1 / (place + 2), "dense": dense, **({} if lexical is None else {"lexical": lexical})}
            found.append(IndexHit(id=point, score=scores["fused"], scores=scores))
        return found


@dataclass
class Store:
    chunks: dict[str, StoredChunk]
    refused: set[str] = field(default_factory=set)

    async def confirm(self, chunk_ids: Sequence[str], principal: Principal) -> list[StoredChunk]:
        return [self.chunks[one] for one in chunk_ids if one not in self.refused]


class Reranker:
    fingerprint = "longest"

    async def scores(self, query: str, passages: Sequence[str]) -> list[float]:
        return [float(len(passage)) for passage in passages]


def stored(point: str, text: str = "", collection: str = "default") -> StoredChunk:
    chunk = Chunk(ordinal=0, text=text or f"Passage {point}.", page=2, heading_path=("Leave",))
    return StoredChunk(
        id=point, document_id=f"d-{point}", version_id="v", collection=collection, title=point.upper(), chunk=chunk
    )


def searcher(*chunks: StoredChunk, legs: dict | None = None, refused: tuple[str, ...] = (), **parts) -> HybridSearcher:
    known = {chunk.id: chunk for chunk in chunks}
    return HybridSearcher(
        embedder=Embedder(),  # type: ignore[arg-type]
        lexical=Words(),  # type: ignore[arg-type]
        index=Index(legs or {point: LEGS[point] for point in known}),  # type: ignore[arg-type]
        chunks=Store(known, set(refused)),
        reranker=parts.get("reranker"),
        settings=parts.get("settings", SearchSettings()),
    )


async def asked(searching: HybridSearcher, limit: int = 5, **how) -> SearchResult:
    request = SearchRequest(query=" how long ", principal=Principal(id="ada"), limit=limit, **{"trace": True, **how})
    return await searching.search(request)


async def test_nothing_is_told_unless_it_is_asked_for() -> None:
    assert (await asked(searcher(stored("c0")), trace=False)).trace is None


async def test_candidates_in_the_index_s_order_with_each_leg_s_rank() -> None:
    result = await asked(searcher(*map(stored, LEGS)))
    trace = result.trace
    assert trace is not None
    assert (trace.query, trace.mode, trace.looks, trace.proposed, trace.refused) == ("how long", "hybrid", 1, 5, 0)
    told = [(c.chunk_id, c.rank, c.ranks.get("dense"), c.ranks.get("lexical")) for c in trace.candidates]
    assert told == [("c0", 1, 2, 4), ("c1", 2, 3, 1), ("c2", 3, 4, None), ("c3", 4, 1, 3), ("c4", 5, 5, 2)]
    first = trace.candidates[0]
    assert (first.document_id, first.title, first.excerpt, first.page) == ("d-c0", "C0", "Passage c0.", 2)
    assert (first.heading_path, first.scores["dense"], first.fate) == (("Leave",), 0.9, "kept")
    assert [(p.chunk_id, p.rerank) for p in trace.order] == [(hit.chunk_id, None) for hit in result.hits]
    assert not trace.reranked


async def test_each_candidate_says_what_became_of_it() -> None:
    twin = "New employees have 25 days of annual leave from their first year with the company on."
    chunks = (
        stored("c0", twin),
        stored("c1", twin.upper()),
        stored("c2", collection="old"),
        stored("c3"),
        stored("c4"),
    )
    searching = searcher(*chunks)
    trace = (await asked(searching, limit=2, collections=("default",))).trace
    assert trace is not None
    fates = [(c.chunk_id, c.fate, c.duplicate_of) for c in trace.candidates]
    assert fates == [
        ("c0", "kept", None),
        ("c1", "duplicate", "c0"),
        ("c2", "moved", None),
        ("c3", "kept", None),
        ("c4", "spare", None),
    ]
    assert [placed.chunk_id for placed in trace.order] == ["c0", "c3"]


async def test_of_what_the_store_refuses_only_the_number_is_told() -> None:
    searching = searcher(*map(stored, LEGS), refused=("c0", "c3"))
    trace = (await asked(searching)).trace
    assert trace is not None
    assert (trace.looks, trace.proposed, trace.refused) == (2, 5, 2)
    assert [(c.chunk_id, c.rank) for c in trace.candidates] == [("c1", 2), ("c2", 3), ("c4", 5)]
    assert "c0" not in repr(trace)
    assert searching._index.asked == 2  # type: ignore[attr-defined]  # as many as without a trace


async def test_the_order_after_reranking_goes_beyond_the_hits() -> None:
    chunks = [stored(f"c{n}", "x" * (n + 1)) for n in range(5)]
    settings = SearchSettings(rerank_top=3)
    result = await asked(searcher(*chunks, reranker=Reranker(), settings=settings), limit=1)
    trace = result.trace
    assert trace is not None
    assert trace.reranked
    assert [hit.chunk_id for hit in result.hits] == ["c2"]
    assert [placed.chunk_id for placed in trace.order] == ["c2", "c1", "c0"]
    assert trace.order[0].rerank == len("C2 › Leave\nxxx")


async def test_a_trace_stays_small() -> None:
    many = {f"p{n}": (1.0 - n / 1000, None) for n in range(400)}
    refused = tuple(f"p{n}" for n in range(150))
    chunks = [stored(point, f"Word{number} " * 100) for number, point in enumerate(many)]
    trace = (await asked(searcher(*chunks, legs=many, refused=refused), limit=10)).trace
    assert trace is not None
    assert trace.proposed > CANDIDATES
    assert len(trace.candidates) <= CANDIDATES
    assert all(len(candidate.excerpt) <= EXCERPT for candidate in trace.candidates)
    assert [c.chunk_id for c in trace.candidates if c.fate == "kept"] == [placed.chunk_id for placed in trace.order]


async def test_a_question_that_cannot_be_looked_up_has_a_trace_without_candidates() -> None:
    searching = searcher(stored("c0"))
    searching._lexical = type("Silent", (), {"query": lambda self, text: SparseVector(indices=(), values=())})()
    trace = (await asked(searching, mode="lexical")).trace
    assert trace is not None
    assert (trace.looks, trace.proposed, trace.candidates, trace.order) == (0, 0, (), ())
