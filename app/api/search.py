"""Search: passages for a question."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi import Response as HttpResponse
from pydantic import Field

from app.api.deps import RATED, Measured, Wired
from app.api.filters import Filters
from app.api.shapes import COLLECTION_PATTERN, MAX_QUESTION, Box, Mode, Request, Response, problems, shown
from app.api.trace_shapes import SearchTrace, search_trace
from app.auth import Caller
from core import types
from core.errors import InvalidInput

router = APIRouter(prefix="/v1/search", tags=["search"])


class SearchRequest(Request):
    """What to look for, and where."""

    query: str = Field(min_length=1, max_length=MAX_QUESTION, examples=["carry over leave days"])
    collection: str | None = Field(default=None, pattern=COLLECTION_PATTERN, description="Else all of them.")
    limit: int = Field(default=10, ge=1, le=100, examples=[5])
    mode: Mode = Field(default="hybrid", description="Meaning and words together, or one of them.")
    rerank: bool | None = Field(default=None, description="Left away: as configured.")
    filters: Filters = Field(default_factory=Filters)
    trace: bool = Field(default=False, description="Tell what else was proposed and what became of it.")


class Hit(Response):
    """A passage found. `score` orders the list; `scores` holds each leg's own."""

    chunk_id: str
    document_id: str
    version_id: str
    title: str
    page: int | None
    boxes: list[Box]
    heading_path: list[str]
    language: str
    kind: str
    text: str
    score: float
    scores: dict[str, float]


class SearchResponse(Response):
    """Passages, best first; how long each stage took; what was done worse than configured."""

    hits: list[Hit]
    timings_ms: dict[str, float]
    degraded: list[str]
    trace: SearchTrace | None = Field(default=None, description="How the hits were found, where it was asked for.")


_FOUND: dict[str, Any] = {
    "hits": [
        {
            "chunk_id": "0e5b8f53-92cf-5d0c-8f3e-1f3d6f0a9c11",
            "document_id": "5f3c4b9a-8e0d-4e57-8c43-2b1b7f2f3a10",
            "version_id": "c1b9c5a2-6d9c-4a4e-9a7e-0f4f3e9d2b77",
            "title": "Leave policy",
            "page": 2,
            "boxes": [{"page": 2, "x0": 72.0, "y0": 120.5, "x1": 523.0, "y1": 148.0}],
            "heading_path": ["Leave", "Annual leave"],
            "language": "en",
            "kind": "text",
            "text": "Every employee has 28 days of paid leave a year. Five may be carried over.",
            "score": 0.82,
            "scores": {"dense": 0.71, "lexical": 11.4, "fused": 0.82},
        }
    ],
    "timings_ms": {"embed": 2.4, "search": 1.3, "check": 0.9, "total": 5.1},
    "degraded": [],
    "trace": None,
}


@router.post(
    "",
    summary="Find passages",
    operation_id="search",
    response_model=SearchResponse,
    responses={**shown(_FOUND), **problems(404, 429, 504)},
    dependencies=RATED,
)
async def search(body: SearchRequest, services: Wired, measured: Measured, caller: Caller) -> HttpResponse:
    """Only passages of live versions that the caller may read."""
    most = services.settings.agents.max_question_chars
    if len(body.query) > most:
        raise InvalidInput(f"The query has {len(body.query):,} characters; at most {most:,} are read. Shorten it.")
    request = types.SearchRequest(
        query=body.query,
        principal=caller,
        collections=(body.collection,) if body.collection else (),
        limit=body.limit,
        mode=body.mode,
        rerank=body.rerank,
        filters=body.filters.narrowed(),
        trace=body.trace,
    )
    found = await services.searcher.search(request)
    if not found.hits and body.collection:
        await services.store.collections.require(body.collection)  # hits would have proved that it exists
    measured.stages("search", found.timings_ms)
    measured.degraded(found.degraded)
    response = SearchResponse(
        hits=[Hit.model_validate(hit) for hit in found.hits],
        timings_ms=dict(found.timings_ms),
        degraded=list(found.degraded),
        trace=search_trace(found.trace) if found.trace else None,
    )
    # As JSON at once: returned as a model it would be validated and dumped a second time.
    return HttpResponse(response.model_dump_json(), media_type="application/json")
