"""How good a ranking is, by ir-measures: nDCG@10, Recall@100, and Recall@10 of pages.

Passages are ranked, documents are judged: a document counts where its best passage stands, as does a page. Queries
without a judgement are left out.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

from core.ports import Searcher
from core.types import Filters, Hit, Principal, SearchMode, SearchRequest

Qrels = Mapping[str, Mapping[str, int]]
"""Grades by query and item; an item is a document's id, or a page as `page_key` writes it."""

Run = Mapping[str, Mapping[str, float]]
"""Scores by query and item."""

DOCUMENT_MEASURES = ("nDCG@10", "R@10", "R@100", "RR@10")
PAGE_MEASURES = ("nDCG@10", "R@10", "R@50")


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusDocument:
    """A document of a test collection, to be ingested before it is asked about."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """Questions with the documents, and where known the pages, that answer them.

    An empty `corpus` means that the knowledge base as it stands is asked.
    """

    name: str
    queries: Mapping[str, str]
    documents: Qrels
    pages: Qrels = field(default_factory=dict)
    corpus: tuple[CorpusDocument, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What was measured: means over the queries, milliseconds per search, and how many searches were degraded."""

    name: str
    queries: int
    measures: Mapping[str, float]
    page_measures: Mapping[str, float]
    p50_ms: float
    p99_ms: float
    degraded: int


class Progress(Protocol):
    """Told after each query how many are done, of how many."""

    def __call__(self, done: int, total: int) -> None: ...


def page_key(document: str, page: int | None) -> str:
    """A page as judged items and runs name it."""
    return f"{document}#{page}"


async def evaluate(
    searcher: Searcher,
    principal: Principal,
    judged: Judged,
    *,
    document_key: Callable[[Hit], str] = lambda hit: hit.document_id,
    collections: tuple[str, ...] = (),
    mode: SearchMode = "hybrid",
    rerank: bool | None = None,
    limit: int = 300,
    progress: Progress | None = None,
) -> Evaluation:
    """Asks every judged query, one after another, and measures. Raises what the searcher raises.

    `document_key` gives a hit's document the id that it is judged by. `limit` is of passages: several can be of one
    document, so Recall@100 takes more than 100 of them.
    """
    asked = [query for query in judged.queries if judged.documents.get(query)]
    documents: dict[str, dict[str, float]] = {}
    pages: dict[str, dict[str, float]] = {}
    took: list[float] = []
    degraded = 0
    for done, query in enumerate(asked, start=1):
        request = SearchRequest(
            query=judged.queries[query],
            principal=principal,
            collections=collections,
            limit=limit,
            mode=mode,
            rerank=rerank,
            filters=Filters(),
        )
        since = perf_counter()
        result = await searcher.search(request)
        took.append((perf_counter() - since) * 1000)
        degraded += bool(result.degraded)
        named = [(document_key(hit), hit.page) for hit in result.hits]
        documents[query] = ranked([document for document, _ in named])
        pages[query] = ranked([page_key(document, page) for document, page in named])
        if progress is not None:
            progress(done, len(asked))
    return Evaluation(
        name=judged.name,
        queries=len(asked),
        measures=measures(judged.documents, documents, DOCUMENT_MEASURES),
        page_measures=measures(judged.pages, pages, PAGE_MEASURES) if judged.pages else {},
        p50_ms=statistics.median(took) if took else 0.0,
        p99_ms=sorted(took)[int(0.99 * (len(took) - 1))] if took else 0.0,
        degraded=degraded,
    )


def ranked(items: list[str]) -> dict[str, float]:
    """Items in order, best first, as scores; an item that comes again counts where it came first."""
    return {item: float(len(items) - rank) for rank, item in reversed(list(enumerate(items)))}


def measures(qrels: Qrels, run: Run, names: tuple[str, ...]) -> dict[str, float]:
    """The mean of each measure, by ir-measures' names, over the queries that are both judged and in the run.

    A query of the run that found nothing counts as 0.
    """
    import ir_measures

    judged = {query: dict(grades) for query, grades in qrels.items() if query in run and grades}
    if not judged:
        return dict.fromkeys(names, 0.0)
    wanted = {name: ir_measures.parse_measure(name) for name in names}
    total = dict.fromkeys(names, 0.0)
    found = {query: dict(run[query]) for query in judged if run[query]}
    by_measure = {str(measure): name for name, measure in wanted.items()}
    for metric in ir_measures.iter_calc(list(wanted.values()), judged, found):
        total[by_measure[str(metric.measure)]] += metric.value
    return {name: value / len(judged) for name, value in total.items()}


__all__ = [
    "CorpusDocument",
    "Evaluation",
    "Judged",
    "Progress",
    "Qrels",
    "Run",
    "evaluate",
    "measures",
    "page_key",
    "ranked",
]
