"""A server over a real store and real blobs, with scripted searching and writing, and hands to play the worker."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from agents.answer import Answerer
from agents.rails.screen import open_rails
from app.adapters import Adapters, open_adapters
from app.drift.drift import Drift, prices_of
from app.finetune.finetune import Finetune
from app.finetune.opening import open_finetune
from app.main import create_app
from app.rails import StorePolicies
from app.rollout.rollout import Rollout, open_rollout
from app.services import IndexState, Services, remembering
from app.settings import ApiKey, AuthSettings, HttpSettings, Settings
from app.sharing import Sharing, SharingSearcher, open_sharing
from app.store.blobs import FolderBlobs
from app.store.records import NewGeneration
from app.store.store import Store
from app.streams import MemoryStreams
from app.unfinished import Unfinished
from core.types import (
    Box,
    Candidate,
    Chunk,
    Delta,
    Generation,
    GenerationRequest,
    GeneratorInfo,
    Hit,
    Placed,
    SearchRequest,
    SearchResult,
    SearchTrace,
    Source,
    Usage,
)
from serving.queue import QueuedGenerator
from tests.app.scripted_agents import ScriptedAgents, opening
from tests.conftest import WordEmbedder

ANA, BEN, ROOT = "ana-key-0123456789", "ben-key-0123456789", "root-key-0123456789"
KEYS = (
    ApiKey(key=ANA, id="ana", groups=("hr",)),
    ApiKey(key=BEN, id="ben", groups=("sales",)),
    ApiKey(key=ROOT, id="root", admin=True),
)


class ScriptedSearcher:
    """Finds live chunks that share a word with the query and that the store lets the principal read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.chunk_ids: list[str] = []
        self.requests: list[SearchRequest] = []
        self.error: Exception | None = None

    async def search(self, request: SearchRequest) -> SearchResult:
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        stored = await self._store.chunks.confirm(self.chunk_ids, request.principal)
        words = set(request.query.lower().strip("?").split())
        found = [
            item
            for item in stored
            if words & set(item.chunk.text.lower().strip(".").split())
            and (not request.collections or item.collection in request.collections)
        ]
        hits = tuple(
            Hit(
                chunk_id=item.id,
                document_id=item.document_id,
                version_id=item.version_id,
                title=item.title,
                text=item.chunk.text,
                score=1.0 / rank,
                scores={"fused": 1.0 / rank},
                page=item.chunk.page,
                boxes=item.chunk.boxes,
            )
            for rank, item in enumerate(found[: request.limit], start=1)
        )
        trace = _trace(request, hits, refused=len(self.chunk_ids) - len(stored)) if request.trace else None
        return SearchResult(hits=hits, timings_ms={"embed": 1.0, "search": 2.0, "check": 0.5}, trace=trace)


def _trace(request: SearchRequest, hits: Sequence[Hit], refused: int) -> SearchTrace:
    candidates = [
        Candidate(
            chunk_id=hit.chunk_id,
            document_id=hit.document_id,
            title=hit.title,
            excerpt=hit.text,
            rank=rank,
            score=hit.score,
            scores=hit.scores,
            ranks={},
            fate="kept",
            page=hit.page,
        )
        for rank, hit in enumerate(hits, start=1)
    ]
    return SearchTrace(
        query=request.query,
        mode=request.mode,
        looks=1,
        proposed=len(hits) + refused,
        refused=refused,
        candidates=tuple(candidates),
        order=tuple(Placed(chunk_id=hit.chunk_id, score=hit.score) for hit in hits),
        reranked=False,
    )


class ScriptedGenerator:
    """Quotes each source in a statement of its own.

    `hold` makes it wait before every piece until it is released; `outputs` are written instead, in turn; `broken`
    adapters write nonsense. `says` is what it writes in whole.
    """

    info = GeneratorInfo(name="scripted", fingerprint="scripted-1")

    def __init__(self) -> None:
        self.hold: asyncio.Semaphore | None = None
        self.requests: list[GenerationRequest] = []
        self.error: Exception | None = None
        self.outputs: list[str] = []
        self.broken: set[str] = set()
        self.says: Callable[[GenerationRequest], str] | None = None
        self.stopped = 0

    async def complete(self, request: GenerationRequest) -> Generation:
        self.requests.append(request)
        text = json.dumps({"question": request.question}) if self.says is None else self.says(request)
        return Generation(text=text, generator=self.info, usage=Usage(completion_tokens=len(text)))

    async def stream(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        self.requests.append(request)
        if self.outputs or request.adapter in self.broken:
            output = self.outputs.pop(0) if self.outputs else "no JSON at all"
            yield Delta(text=output, final=Generation(text=output, generator=self.info))
            return
        pieces = ['{"answerable": true, "statements": [']
        for number, source in enumerate(request.sources):
            statement = json.dumps({"text": source.text, "sources": [source.id]})
            pieces.append((", " if number else "") + statement)
        try:
            for piece in pieces:
                await self._step()
                yield Delta(text=piece)
            await self._step()
            final = Generation(text="".join([*pieces, "]}"]), generator=self.info)
            yield Delta(text="]}", final=final)
        finally:
            self.stopped += 1

    async def check(self) -> None:
        """There is nothing that could be missing."""

    async def close(self) -> None:
        """There is nothing to close."""

    async def _step(self) -> None:
        if self.hold is not None:
            await self.hold.acquire()
        if self.error is not None:
            raise self.error


class CertainVerifier:
    async def support(self, statement: str, sources: Sequence[Source]) -> float:
        return 0.9 if sources else 0.0


class CountingIndex:
    """An index that says that it is there, or why not."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def count(self, scope: object) -> int:
        if self.error is not None:
            raise self.error
        return 0

    async def state(self) -> IndexState:
        return IndexState(points=await self.count(None), lacking=0, stage="idle")


@dataclass(kw_only=True)
class World:
    """The parts behind the server, and what a worker would do with an upload."""

    settings: Settings
    store: Store
    blobs: FolderBlobs
    searcher: ScriptedSearcher
    generator: ScriptedGenerator
    index: CountingIndex
    streams: MemoryStreams
    generation: int
    lacking: tuple[int, int] = (0, 0)
    crowded: bool = False
    judge: Any = None
    adapters: Adapters | None = None
    scripted: ScriptedAgents | None = None
    drawn: list[tuple[Path, int, tuple[Box, ...]]] = field(default_factory=list)
    app: FastAPI = field(init=False)
    http: httpx.AsyncClient = field(init=False)

    async def render(self, path: Path, page: int, boxes: Sequence[Box]) -> bytes:
        self.drawn.append((path, page, tuple(boxes)))
        return b"\x89PNG" + hashlib.sha256(repr((page, boxes)).encode()).digest()

    def as_(self, key: str) -> httpx.AsyncClient:
        """A client with a key."""
        return httpx.AsyncClient(
            transport=self.http._transport, base_url="http://127.0.0.1", headers={"Authorization": f"Bearer {key}"}
        )

    async def upload(
        self,
        name: str = "leave.txt",
        data: bytes = b"Everyone has 28 days.",
        client: httpx.AsyncClient | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Uploads, and fails the test where that is refused."""
        response = await (client or self.http).post("/v1/documents", files={"file": (name, data)}, data=fields)
        assert response.status_code == 202, response.text
        found: dict[str, Any] = response.json()
        return found

    async def publish(self, upload: Mapping[str, Any], *texts: str, pages: int | None = 3) -> list[str]:
        """Does what the worker does with an upload; the ids of its chunks."""
        version_id = upload["version_id"]
        version = await self.store.documents.version(version_id)
        await self.store.jobs.start(upload["job_id"])
        await self.store.documents.set_parsed(
            version_id, title=version.title or "Leave", media_type="text/plain", pages=pages
        )
        chunks = [
            Chunk(ordinal=n, text=text, page=1, boxes=(Box(page=1, x0=1, y0=2, x1=3, y1=4 + n),), tokens=5)
            for n, text in enumerate(texts)
        ]
        ids = await self.store.chunks.put(version_id, self.generation, chunks)
        published = await self.store.documents.publish(version_id, self.generation)
        assert published.outcome == "live"
        await self.store.jobs.succeed(upload["job_id"])
        self.searcher.chunk_ids += ids
        return list(ids)

    async def handbook(self, *texts: str, client: httpx.AsyncClient | None = None, **fields: Any) -> dict[str, Any]:
        """A published document; `chunks` holds its chunks' ids."""
        texts = texts or ("Leave is 28 days.", "Leave may be carried over.")
        name = fields.pop("name", "leave.txt")
        upload = await self.upload(name, " ".join(texts).encode(), client, **fields)
        return {**upload, "chunks": await self.publish(upload, *texts)}


Make = Callable[..., Any]


_migrated: dict[str, bytes] = {}
"""A database of the newest schema, migrated once: to do so again for each test takes longer than many of them."""


async def _store(path: Path) -> Store:
    url = f"sqlite+aiosqlite:///{path}"
    if not path.exists():
        if not _migrated:
            await (await Store.open(url)).close()
            _migrated["sqlite"] = path.read_bytes()
        path.write_bytes(_migrated["sqlite"])
    return await Store.open(url)


@asynccontextmanager
async def open_world(
    tmp_path: Path, judge: Any = None, scripted: ScriptedAgents | None = None, **settings: Any
) -> AsyncIterator[World]:
    """A world whose services open when its application starts."""
    made = Settings(data_dir=tmp_path, **settings)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(await _store(tmp_path / "footnote.sqlite"))
        generation = await store.generations.ensure_active(
            NewGeneration(fingerprint="f", embedder="e", size=4, pipeline="p")
        )
        world = World(
            settings=made,
            store=store,
            blobs=FolderBlobs(tmp_path / "blobs"),
            searcher=ScriptedSearcher(store),
            generator=ScriptedGenerator(),
            index=CountingIndex(),
            streams=MemoryStreams(retention=made.http.stream_retention),
            generation=generation.id,
            judge=judge,
            scripted=scripted,
        )
        world.app = create_app(made, lambda _: _joined(world))
        await stack.enter_async_context(world.app.router.lifespan_context(world.app))
        await world.app.state.boot.opened()
        world.http = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url="http://127.0.0.1")
        )
        yield world


def _adapters(world: World) -> Adapters:
    return world.adapters or open_adapters(world.settings, world.generator.info.name)


@asynccontextmanager
async def _joined(world: World) -> AsyncIterator[Services]:
    async with (
        open_sharing(world.settings, world.streams) as sharing,
        open_finetune(world.settings, _adapters(world)) as finetune,
        open_rollout(
            world.settings,
            world.store,
            _adapters(world),
            finetune.registry,
            finetune.gates.passed,
            lambda: world.crowded,
        ) as rollout,
        _services(world, sharing, finetune, rollout) as services,
    ):
        yield services


@asynccontextmanager
async def _services(world: World, sharing: Sharing, finetune: Finetune, rollout: Rollout) -> AsyncIterator[Services]:
    """Where the settings ask for a model's server, the scripted generator stands behind a queue as one would."""
    serving = world.settings.serving
    queue = None
    if serving.generator == "openai_compatible":
        limits = serving.endpoint
        queue = QueuedGenerator(world.generator, concurrency=limits.concurrency, waiting=limits.queue)
    generator = queue or world.generator
    rails = open_rails(world.settings.agents.rails, StorePolicies(world.store.collections))
    services = Services(
        settings=world.settings,
        store=world.store,
        blobs=world.blobs,
        uploads=Unfinished(world.settings.files_dir / "uploads", world.settings.http),
        index=world.index,  # type: ignore[arg-type]
        searcher=SharingSearcher(world.searcher, sharing),
        generator=generator,
        queue=queue,
        adapters=_adapters(world),
        finetune=finetune,
        rollout=rollout,
        drift=Drift(world.settings.finetune.watch, finetune.places, prices_of(world.settings.finetune.watch)),
        embedder=WordEmbedder(),
        answerer=Answerer(
            SharingSearcher(world.searcher, sharing),
            generator,
            None,  # type: ignore[arg-type]  # the verifier given is the only part that would embed
            world.settings.agents,
            verifier=CertainVerifier(),
            judge=world.judge,
            rails=rails,
        ),
        rails=rails,
        sharing=sharing,
        generation=world.generation,
        pipeline="p",
        workers=lambda: {"worker-0": "running"},
        processes=dict,
        index_state=world.index.state,
        lacking=lambda: world.lacking,
        render=world.render,
        jobs_url=f"sqlite:///{world.settings.data_dir / 'jobs.sqlite'}",
        open_agents=None if world.scripted is None else opening(world.scripted),
    )
    yield remembering(services)


@pytest.fixture(scope="session")
def world_at() -> Make:
    """Opens worlds in a folder of one's own, for fixtures that outlive a test."""
    return open_world


@pytest.fixture
def make_world(tmp_path: Path) -> Make:
    """Opens worlds with settings of one's own."""
    return lambda **settings: open_world(tmp_path, **settings)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A server without keys."""
    async with open_world(tmp_path) as made:
        yield made


@pytest.fixture
async def keyed(tmp_path: Path) -> AsyncIterator[World]:
    """A server with three keys: ana (hr), ben (sales) and root (administrator)."""
    async with open_world(tmp_path, auth=AuthSettings(keys=KEYS)) as made:
        yield made


@pytest.fixture
def switch_index() -> Make:
    """Does what `footnote reindex` does under other settings: another build of the index takes over."""

    async def switch(world: World) -> int:
        new = NewGeneration(fingerprint="other", embedder="e", size=4, pipeline="other")
        building = await world.store.generations.create_building(new)
        for version in await world.store.generations.missing(building.id):
            await world.store.chunks.put(version.id, building.id, [Chunk(ordinal=0, text="Read anew.", tokens=2)])
        await world.store.generations.switch(building.id)
        return building.id

    return switch


@pytest.fixture(scope="session")
def keys() -> tuple[ApiKey, ...]:
    return KEYS


@pytest.fixture
def ana() -> str:
    return ANA


@pytest.fixture
def ben() -> str:
    return BEN


@pytest.fixture
def root_key() -> str:
    return ROOT


@pytest.fixture
def small_http() -> HttpSettings:
    """Limits small enough to reach."""
    return HttpSettings(max_upload_bytes=1_000_000, max_body_bytes=10_000)


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    """The application behind a real socket; it must have been started before."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def live(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the keyless world over a real connection, where streams flow and connections break."""
    async with listening(world.app) as address, httpx.AsyncClient(base_url=address, timeout=20) as client:
        yield client


@pytest.fixture
def serve() -> Make:
    """Puts an application behind a real socket."""
    return listening


@dataclass(frozen=True, kw_only=True)
class Event:
    id: int | None
    name: str
    data: Any


async def events(response: httpx.Response) -> AsyncIterator[Event]:
    """The server-sent events of a response."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            number = int(fields["id"]) if "id" in fields else None
            yield Event(id=number, name=fields["event"], data=json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}


@pytest.fixture
def read_events() -> Callable[[httpx.Response], AsyncIterator[Event]]:
    return events
