"""How the server's figures are told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from app.api.shapes import Response
from app.overview import Span


class Totals(Response):
    """What there is now; `documents` are all that are not deleted, `live_documents` those that answer."""

    documents: int
    live_documents: int
    chunks: int
    collections: int
    jobs: dict[str, int] = Field(description="Jobs by status.")
    answers_today: dict[str, int] = Field(description="Since midnight: answered, abstained, failed.")
    answers: dict[str, int] = Field(description="In the span: answered, abstained, failed.")
    feedback: dict[str, int] = Field(description="In the span: up, down.")
    errors: dict[str, int] = Field(description="Errors told to callers in the span, by code.")
    degraded: dict[str, int] = Field(description="Responses worse than configured in the span, by reason.")


class Stage(Response):
    """Milliseconds that 50, 95 and 99 % of a stage's runs did not exceed, in each step; null where there were none.
    Within 5 %."""

    operation: str
    stage: str
    counts: list[int]
    p50: list[float | None]
    p95: list[float | None]
    p99: list[float | None]
    whole: dict[str, float] = Field(description="The same over the whole span.")


class Latency(Response):
    """How long stages of searches, answers and jobs took; times are seconds since 1970."""

    times: list[int]
    step: int
    stages: list[Stage]


class Series(Response):
    """Counts by time; times are seconds since 1970, a count of null says that nobody looked."""

    times: list[int]
    step: int
    series: dict[str, list[int | None]]


class Process(Response):
    """A process of the server and its resident memory."""

    name: str
    memory_bytes: int


class Index(Response):
    """How the index fares; null stands for what could not be had."""

    generation: int
    embedder: str
    points: int | None = None
    lacking: int | None = Field(default=None, description="Live versions that are not whole in it.")
    pending: int | None = Field(default=None, description="Points that await a rebuild.")
    stage: str | None = None
    disk_bytes: int | None = None


class Server(Response):
    """The process that answers, and those that belong to it."""

    version: str
    started_at: datetime
    uptime_seconds: float
    processes: list[Process]
    workers: dict[str, str]
    index: Index
    generator: str


class Stats(Response):
    """The server's figures over a span."""

    span: Span
    at: datetime
    totals: Totals
    latency: Latency
    answers: Series
    feedback: Series
    queue: Series
    errors: Series
    server: Server


_TIMES = {"times": [1795132800, 1795136400], "step": 3600}
STATS: dict[str, Any] = {
    "span": "24h",
    "at": "2026-11-20T09:32:00Z",
    "totals": {
        "documents": 16,
        "live_documents": 15,
        "chunks": 212,
        "collections": 2,
        "jobs": {"queued": 1, "running": 0, "succeeded": 15, "failed": 1, "cancelled": 0},
        "answers_today": {"answered": 7, "abstained": 1, "failed": 0},
        "answers": {"answered": 31, "abstained": 4, "failed": 0},
        "feedback": {"up": 5, "down": 1},
        "errors": {"not_found": 2},
        "degraded": {},
    },
    "latency": {
        "times": [1795134600, 1795135500],
        "step": 900,
        "stages": [
            {
                "operation": "search",
                "stage": "total",
                "counts": [0, 12],
                "p50": [None, 5.2],
                "p95": [None, 8.1],
                "p99": [None, 9.6],
                "whole": {"p50": 5.2, "p95": 8.1, "p99": 9.6},
            }
        ],
    },
    "answers": {**_TIMES, "series": {"answered": [0, 7], "abstained": [0, 1], "failed": [0, 0]}},
    "feedback": {**_TIMES, "series": {"up": [0, 2], "down": [1, 0]}},
    "queue": {"times": [1795134600, 1795135500], "step": 900, "series": {"queued": [None, 1], "running": [None, 2]}},
    "errors": {"times": [1795134600, 1795135500], "step": 900, "series": {"errors": [0, 2]}},
    "server": {
        "version": "0.1.0",
        "started_at": "2026-11-20T07:00:00Z",
        "uptime_seconds": 9120.0,
        "processes": [{"name": "server", "memory_bytes": 181403648}],
        "workers": {"worker 0": "running, 0 restarts"},
        "index": {
            "generation": 1,
            "embedder": "all-MiniLM-L6-v2",
            "points": 212,
            "lacking": 0,
            "pending": 212,
            "stage": "idle",
            "disk_bytes": 1048576,
        },
        "generator": "extractive",
    },
}
