"""The room's central sentence: embed the question → search both legs → check with the store → rerank → best hits."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from core.errors import EmbedderUnavailable, InvalidInput
from core.ports import Embedder
from core.types import Hit, SearchMode, SearchRequest, SearchResult, SearchTrace, SparseVector, StoredChunk, Vectors
from retrieval.duplicates import distinct
from retrieval.ports import ChunkStore, Fusion, IndexHit, IndexQuery, LexicalEncoder, Reranker, Scope, VectorIndex
from retrieval.questions import shortened
from retrieval.rerank import rerank
from retrieval.scripts import Reads, reader_of
from retrieval.settings import SearchSettings
from retrieval.trace import Look, trace_of

logger = logging.getLogger(__name__)

SPARE = 20
"""Candidates beyond those wanted, for what the store refuses and duplicates."""

LOOKS, WIDER = 3, 8
"""How often the index is asked at most, and how many times more candidates each time."""


@dataclass(kw_only=True, slots=True)
class _Course:
    """What one search has come to: its stages' milliseconds, what was done worse than configured, and its last look
    into the index."""

    started: float = field(default_factory=perf_counter)
    timings: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("embed", "search", "check", "rerank"), 0.0)
    )
    degraded: list[str] = field(default_factory=list)
    looks: int = 0
    look: Look | None = None

    def took(self, stage: str, since: float) -> None:
        self.timings[stage] += (perf_counter() - since) * 1000

    def result(self, hits: Sequence[Hit], trace: SearchTrace | None) -> SearchResult:
        timings = {**self.timings, "total": (perf_counter() - self.started) * 1000}
        return SearchResult(hits=tuple(hits), timings_ms=timings, degraded=tuple(self.degraded), trace=trace)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Question:
    """A question as the index reads it, in the mode that is left of the one asked for."""

    mode: SearchMode
    dense: Vectors | None
    lexical: SparseVector | None


class HybridSearcher:
    """The `Searcher` port over an index and the store.

    The index proposes, the store decides: only chunks it confirms are shown. A question whose vector cannot be had is
    searched by its words alone, models read a very long one in part, and a late or failing reranker leaves the fused
    order; all this is said in `degraded`.
    """

    def __init__(
        self,
        *,
        embedder: Embedder,
        lexical: LexicalEncoder,
        index: VectorIndex,
        chunks: ChunkStore,
        reranker: Reranker | None,
        settings: SearchSettings,
        reads: Reads | None = None,
    ) -> None:
        self._embedder = embedder
        self._lexical = lexical
        self._index = index
        self._chunks = chunks
        self._reranker = reranker
        self._settings = settings
        self._reads = reads or reader_of(())
        self._recent: OrderedDict[str, Vectors] = OrderedDict()

    async def search(self, request: SearchRequest) -> SearchResult:
        """The best passages the principal may read. Raises `InvalidInput`, `IndexUnavailable`, and in dense mode
        `EmbedderUnavailable`."""
        text = self._checked(request)
        course = _Course()
        question = await self._read(text, request.mode, course)
        reranked = self._wants_reranking(request, course)
        # A reranker needs its candidates even where few hits are asked for.
        wanted = max(request.limit, self._settings.rerank_top) if reranked else request.limit
        hits = await self._candidates(question, request, wanted, course)
        if reranked and self._reranker is not None:
            since = perf_counter()
            outcome = await rerank(self._reranker, self._brief(text, course), hits, self._settings)
            hits = list(outcome.hits)
            course.degraded.extend(outcome.degraded)
            course.took("rerank", since)
        trace = None
        if request.trace:
            near = self._settings.near_duplicate
            trace = trace_of(text, question.mode, course.looks, course.look, hits, near)
        return course.result(hits[: request.limit], trace)

    def _checked(self, request: SearchRequest) -> str:
        text = request.query.replace("\x00", " ").strip()
        longest, most = self._settings.max_query_chars, self._settings.max_limit
        if not text:
            raise InvalidInput("The question is empty; write at least one word.")
        if len(text) > longest:
            raise InvalidInput(f"The question has {len(text)} characters, more than {longest}; shorten it.")
        if not 1 <= request.limit <= most:
            raise InvalidInput(f"The limit is {request.limit}; ask for 1 to {most} hits.")
        return text

    async def _read(self, text: str, mode: SearchMode, course: _Course) -> _Question:
        """The question's vectors. In hybrid mode one leg's failure, or a question without words, leaves the other."""
        since = perf_counter()
        foreign = mode == "hybrid" and not self._reads(text)
        dense = None if mode == "lexical" or foreign else await self._vector(text, mode, course)
        lexical = None if mode == "dense" else self._lexical.query(text)
        course.took("embed", since)
        if mode == "hybrid" and dense is None:
            return _Question(mode="lexical", dense=None, lexical=lexical)
        if mode == "hybrid" and (lexical is None or not lexical.indices):
            return _Question(mode="dense", dense=dense, lexical=None)
        return _Question(mode=mode, dense=dense, lexical=lexical)

    def _brief(self, text: str, course: _Course) -> str:
        """What models read of the question."""
        brief = shortened(text, self._embedder, self._settings.max_query_tokens)
        if brief != text and "question_shortened" not in course.degraded:
            course.degraded.append("question_shortened")
        return brief

    async def _vector(self, text: str, mode: SearchMode, course: _Course) -> Vectors | None:
        text = self._brief(text, course)
        if text in self._recent:
            self._recent.move_to_end(text)
            return self._recent[text]
        try:
            async with asyncio.timeout(self._settings.embed_deadline):
                vector = await self._embedder.query(text)
        except (EmbedderUnavailable, TimeoutError) as error:
            if mode == "dense":
                raise EmbedderUnavailable(
                    "The question's vector cannot be had now; try again, or search in hybrid or lexical mode."
                ) from error
            logger.warning("searching without the question's vector: %s", error or "it took too long")
            course.degraded.append("dense_unavailable")
            return None
        self._recent[text] = vector
        while len(self._recent) > self._settings.query_cache:
            self._recent.popitem(last=False)
        return vector

    def _wants_reranking(self, request: SearchRequest, course: _Course) -> bool:
        if self._reranker is None and request.rerank:
            course.degraded.append("rerank_unavailable")
        return self._reranker is not None and request.rerank is not False

    async def _candidates(self, question: _Question, request: SearchRequest, wanted: int, course: _Course) -> list[Hit]:
        """`wanted` confirmed, distinct hits where there are so many.

        Looks again, wider, when too few of those found were fit to show; and once more whenever the store refused one:
        its version may have been replaced between the two questions, and then only a new look finds its successor.
        """
        if question.mode == "lexical" and not (question.lexical and question.lexical.indices):
            return []  # nothing in it that could be looked up
        ask = wanted + max(wanted // 2, SPARE)
        for course.looks in range(1, LOOKS + 1):
            since = perf_counter()
            found = await self._index.search(self._query(question, request, ask))
            course.took("search", since)
            since = perf_counter()
            confirmed = await self._chunks.confirm([hit.id for hit in found], request.principal)
            look = course.look = self._fit(found, confirmed, request, wanted)
            course.took("check", since)
            refused = len(confirmed) < len(found)
            enough = len(look.kept) >= wanted or len(found) < ask
            if enough and not (refused and course.looks == 1):
                break
            ask *= 1 if enough else WIDER
        by_id = {hit.id: hit for hit in look.found}
        return [_hit(chunk, by_id[chunk.id]) for chunk in look.kept]

    def _fit(
        self, found: Sequence[IndexHit], confirmed: Sequence[StoredChunk], request: SearchRequest, wanted: int
    ) -> Look:
        within = [chunk for chunk in confirmed if _within(chunk, request)]
        kept = distinct(within, self._settings.near_duplicate, wanted)
        return Look(found=found, confirmed=confirmed, within=within, kept=kept, wanted=wanted)

    def _query(self, question: _Question, request: SearchRequest, ask: int) -> IndexQuery:
        settings = self._settings
        fusion = Fusion(
            method=settings.fusion, k=settings.rrf_k, weights=(settings.dense_weight, settings.lexical_weight)
        )
        return IndexQuery(
            mode=question.mode,
            dense=question.dense,
            lexical=question.lexical,
            scope=scope_of(request),
            fusion=fusion,
            limit=ask,
            prefetch=max(settings.prefetch, ask),
        )


def scope_of(request: SearchRequest) -> Scope:
    """What a search may see: from the principal, never from anything a client sends. No groups, no documents."""
    groups = None if request.principal.admin else request.principal.groups
    return Scope(groups=groups, collections=request.collections, filters=request.filters)


def _within(chunk: StoredChunk, request: SearchRequest) -> bool:
    """The index may lag behind the store: a document moved since must not show where it no longer is."""
    named = request.filters.document_ids
    return (not request.collections or chunk.collection in request.collections) and (
        not named or chunk.document_id in named
    )


def _hit(stored: StoredChunk, found: IndexHit) -> Hit:
    scores: Mapping[str, float] = found.scores
    chunk = stored.chunk
    return Hit(
        chunk_id=stored.id,
        document_id=stored.document_id,
        version_id=stored.version_id,
        title=stored.title,
        text=chunk.text,
        score=found.score,
        scores=scores,
        page=chunk.page,
        boxes=chunk.boxes,
        heading_path=chunk.heading_path,
        language=chunk.language,
        kind=chunk.kind,
        sentences=chunk.sentences,
    )


__all__ = ["HybridSearcher", "scope_of"]
