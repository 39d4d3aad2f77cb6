"""What the running server holds: every part behind its port, made by `app.wiring`, used by `app.api`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from app.adapters import Adapters
from app.answer_cache import Answering, RememberedAnswers
from app.answer_keys import ground
from app.drift.drift import Drift
from app.finetune.finetune import Finetune
from app.rollout.rollout import Rollout
from app.settings import Settings
from app.sharing import Sharing
from app.store.blobs import FolderBlobs
from app.store.store import Store
from app.streams import StreamLog
from app.unfinished import Unfinished
from core.ports import Embedder, Generator, Searcher
from core.types import Box
from retrieval.ports import VectorIndex
from serving.queue import QueuedGenerator

if TYPE_CHECKING:
    from agents.rails.screen import Rails
    from app.agent_parts import AgentParts

RenderPage = Callable[[Path, int, Sequence[Box]], Awaitable[bytes]]
"""Draws a page, counted from 1, of the file at a path as PNG, with these boxes highlighted."""


@dataclass(frozen=True, kw_only=True)
class IndexState:
    """How the index fares. `pending` points await a rebuild, `stage` is the running one's or "idle"; `lacking` live
    versions are not whole in it. What an engine does not tell is None."""

    points: int
    lacking: int
    pending: int | None = None
    stage: str | None = None
    disk_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Services:
    """The parts of one server process.

    `generation` is the index build this process answers from, `pipeline` the fingerprint under which uploads are read
    and chunked. `workers` says how each worker process fares, and `lacking` of how many live documents the index lacks
    passages: those being put back, and those that it was built without. `processes` are the ids of the processes that
    belong to the server, by name; `index_state` asks the index and raises `IndexUnavailable`; `queue` is where requests
    wait for the generator, if they do; `finetune` is what learns from feedback, `embedder` what it compares meanings
    with; `rollout` says which version answers whom, `drift` watches what is asked and answered; `rails` are what texts
    pass on their way. `jobs_url` is where DBOS keeps its tables, `open_agents` makes the agents once the server
    listens: what they load takes a while.
    """

    settings: Settings
    store: Store
    blobs: FolderBlobs
    uploads: Unfinished
    index: VectorIndex
    searcher: Searcher
    generator: Generator
    adapters: Adapters
    finetune: Finetune
    rollout: Rollout
    drift: Drift
    answerer: Answering
    sharing: Sharing
    generation: int
    pipeline: str
    workers: Callable[[], Mapping[str, str]]
    processes: Callable[[], Mapping[str, int]]
    index_state: Callable[[], Awaitable[IndexState]]
    lacking: Callable[[], tuple[int, int]]
    render: RenderPage
    embedder: Embedder | None = None
    jobs_url: str = ""
    open_agents: Callable[[Services], AbstractAsyncContextManager[AgentParts]] | None = None
    queue: QueuedGenerator | None = None
    rails: Rails | None = None

    @cached_property
    def asked(self) -> Answering:
        """Who answers people: the answerer, written by the version that is rolled out to whoever asks."""
        return self.rollout.over(self.answerer)

    @property
    def streams(self) -> StreamLog:
        """The answers' event logs."""
        return self.sharing.streams

    @property
    def remembered(self) -> RememberedAnswers | None:
        """Who remembers answers, if they are remembered."""
        return self.answerer if isinstance(self.answerer, RememberedAnswers) else None


def remembering(services: Services, *parts: str) -> Services:
    """The same services with a memory of answers, where there is to be one. `parts` are the prints of what answers
    depend on besides the settings."""
    cache = services.sharing.cache
    if cache is None:
        return services
    remembered = RememberedAnswers(
        answering=services.answerer,
        cache=cache,
        corpus=services.store.corpus,
        chunks=services.store.chunks,
        generator=services.generator,
        ground=ground(services.settings, str(services.generation), *parts),
    )
    return replace(services, answerer=remembered)
