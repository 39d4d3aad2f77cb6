"""The only place where the rooms meet: settings in, parts out, each by the name of its port."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from agents.answer import Answerer
from agents.judging import Judge
from agents.rails.screen import open_rails
from app import agent_wiring, indexes
from app.adapters import open_adapters
from app.artefacts import Artefacts, Fingerprints
from app.build import Workshop
from app.drift.drift import Drift, prices_of
from app.finetune.opening import open_finetune
from app.gaps import CandidSearcher, Gaps
from app.generators import WritingParts, writing
from app.rails import StorePolicies
from app.rollout.rollout import open_rollout
from app.services import Services, remembering
from app.settings import Settings
from app.sharing import SharingSearcher, open_sharing
from app.store.blobs import FolderBlobs
from app.store.records import IndexGeneration, NewGeneration
from app.store.store import Store
from app.supervisor import Child, Supervisor
from app.unfinished import Unfinished
from core.errors import ConfigurationError, IndexMismatch
from core.ports import Embedder, Searcher
from core.types import Box
from ingestion import pipeline
from ingestion.render import render_page
from retrieval.lexical import Bm25Encoder
from retrieval.ports import LexicalEncoder, Reranker, VectorIndex
from retrieval.scripts import reader_of
from retrieval.search import HybridSearcher

# ---- where things lie ----------------------------------------------------------------------------------------------


def database_url(settings: Settings) -> str:
    """The store's database: the configured one, or SQLite in the data folder."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return f"sqlite+aiosqlite:///{settings.data_dir / 'footnote.sqlite'}"


CHECKPOINTS = "checkpoints.sqlite"
"""Where agents' checkpoints are kept in the data folder."""


def checkpoints_url(settings: Settings) -> str:
    """Agents' checkpoints: in the store's PostgreSQL, else in a file of their own."""
    address = settings.database_url
    if address is not None and address.get_secret_value().startswith("postgresql"):
        return address.get_secret_value()
    return f"sqlite:///{settings.data_dir / CHECKPOINTS}"


def jobs_url(settings: Settings) -> str:
    """DBOS's own tables: in a schema of the store's PostgreSQL, else in a file of their own."""
    address = settings.database_url
    if address is not None and address.get_secret_value().startswith("postgresql"):
        return address.get_secret_value()
    return f"sqlite:///{settings.data_dir / 'jobs.sqlite'}"


# ---- one part each -------------------------------------------------------------------------------------------------


def embedder(settings: Settings) -> Embedder:
    """The configured embedder; nothing heavy is loaded before its first use."""
    chosen = settings.retrieval.embedder
    if chosen.kind == "openvino":
        from retrieval.embed_openvino import OpenVinoEmbedder

        return OpenVinoEmbedder(chosen)
    from retrieval.embed_transformers import TransformersEmbedder

    return TransformersEmbedder(chosen)


def lexical(settings: Settings) -> LexicalEncoder:
    """BM25's term weights."""
    return Bm25Encoder(settings.retrieval.lexical)


def reranker(settings: Settings, embed: Embedder) -> Reranker | None:
    """The configured reranker, or None. Raises `ConfigurationError` for one that this embedder cannot serve."""
    chosen = settings.retrieval.reranker
    if chosen.kind == "none":
        return None
    if chosen.kind == "cross_encoder":
        from retrieval.rerank_cross import CrossEncoderReranker

        return CrossEncoderReranker(chosen)
    from retrieval.embed_openvino import OpenVinoEmbedder
    from retrieval.rerank_maxsim import MaxSimReranker

    if not isinstance(embed, OpenVinoEmbedder):
        raise ConfigurationError("The maxsim reranker needs the openvino embedder: it compares its token vectors.")
    return MaxSimReranker(embed)


def searcher(settings: Settings, embed: Embedder, index: VectorIndex, store: Store) -> Searcher:
    """The retrieval room's central sentence over these parts."""
    return HybridSearcher(
        embedder=embed,
        lexical=lexical(settings),
        index=index,
        chunks=store.chunks,
        reranker=reranker(settings, embed),
        settings=settings.retrieval.search,
        reads=reader_of(settings.retrieval.embedder.read_scripts),
    )


def judge(settings: Settings, written: WritingParts) -> Judge | None:
    """Who judges statements after likeness, or None. Raises `ConfigurationError` for one that cannot."""
    chosen = settings.agents.judge
    if chosen.kind == "similarity":
        return None
    if chosen.kind == "nli":
        from agents.judge_nli import NliJudge

        return NliJudge(chosen)
    from agents.judge_generator import GeneratorJudge

    if settings.serving.generator == "extractive":
        raise ConfigurationError(
            "The extractive generator has no model that could judge. Set FOOTNOTE_AGENTS__JUDGE__KIND to nli or "
            "similarity, or FOOTNOTE_SERVING__GENERATOR to openai_compatible or local."
        )
    return GeneratorJudge(written.generator, chosen, written.window)


def fingerprints(settings: Settings, embed: Embedder) -> Fingerprints:
    """What artefacts depend on besides the bytes."""
    return Fingerprints(
        parse=_short(pipeline.parse_fingerprint(settings.ingestion)),
        chunk=_short(f"{pipeline.chunk_fingerprint(settings.ingestion.chunking)} {embed.tokens.max_tokens}"),
        embed=embed.fingerprint,
    )


def wanted_generation(settings: Settings, embed: Embedder) -> NewGeneration:
    """The index build that these settings ask for."""
    prints = fingerprints(settings, embed)
    # Another kind of index is another build, filled beside the one that answers. The embedded one's name is left out.
    kind = " qdrant" if indexes.is_server(settings) else ""
    whole = f"{prints.pipeline} {prints.embed} {lexical(settings).fingerprint}{kind}"
    return NewGeneration(
        fingerprint=_short(whole), embedder=settings.retrieval.embedder.model, size=embed.size, pipeline=prints.pipeline
    )


_ALONE_WITHIN = 5.0


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# ---- whole processes -----------------------------------------------------------------------------------------------


async def active_generation(store: Store, settings: Settings, embed: Embedder) -> IndexGeneration:
    """The generation to answer from. Raises `IndexMismatch` when another embedder or pipeline built it."""
    wanted = wanted_generation(settings, embed)
    active = await store.generations.ensure_active(wanted)
    check_match(active, wanted)
    return active


async def _own_generation(store: Store, settings: Settings, embed: Embedder) -> IndexGeneration:
    """The same for the server, which holds the data folder: where nothing answers yet it begins a new generation."""
    try:
        return await active_generation(store, settings, embed)
    except IndexMismatch:
        if (await store.documents.live_versions(limit=1)).items:
            raise
        await store.documents.condemn()  # what was just deleted cannot be restored into an index of another kind
        fresh = await store.generations.create_building(wanted_generation(settings, embed))
        await store.generations.switch(fresh.id)
        return fresh


def check_match(active: IndexGeneration, wanted: NewGeneration) -> None:
    """Raises `IndexMismatch`, with what to do, when the index was built with other settings."""
    if active.fingerprint == wanted.fingerprint:
        return
    raise IndexMismatch(
        f"The index was built with {active.embedder} ({active.size} dimensions, fingerprint {active.fingerprint}), but "
        f"the settings now ask for {wanted.embedder} ({wanted.size} dimensions, fingerprint {wanted.fingerprint}). "
        "Run `footnote reindex` with the new settings: it builds the new index beside the old one and switches over; "
        "a server with the old settings goes on answering meanwhile. Or set the old settings again."
    )


def worker_child(settings: Settings, number: int) -> Child:
    """One ingestion worker."""
    return Child(
        name=f"worker {number}",
        command=[sys.executable, "-m", "app.cli", "worker", "--name", f"worker-{number}"],
        nice=settings.jobs.nice,
        environment={"FOOTNOTE_DATA_DIR": str(settings.data_dir)},
    )


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """The server's parts, its index process and its workers, from start to end."""
    async with AsyncExitStack() as stack:
        store = await Store.open(database_url(settings))
        stack.push_async_callback(store.close)
        await stack.enter_async_context(store.presence.kept(store.name))
        await store.answers.interrupt()
        if not indexes.is_server(settings):
            await stack.enter_async_context(_alone(store))
        embed = embedder(settings)
        generation = await _own_generation(store, settings, embed)
        await stack.enter_async_context(store.presence.kept(_answering(generation), shared=True))
        await _drop_retired(store, settings)
        supervisor = Supervisor()
        stack.push_async_callback(supervisor.stop)
        await indexes.start(supervisor, settings, generation)
        await embed.query("warm")  # the first question should not pay for loading the model; the index loads meanwhile
        index = await indexes.connect(stack, settings, generation)
        await indexes.announce(settings, generation)
        gaps = await stack.enter_async_context(Gaps(store, index, generation.id).watched())
        # In a thread: a cross-encoder takes seconds to load, and the health check answers meanwhile.
        sharing = await stack.enter_async_context(open_sharing(settings))
        found = CandidSearcher(await asyncio.to_thread(searcher, settings, embed, index, store), gaps)
        search = SharingSearcher(found, sharing)
        declared = agent_wiring.declared_agents(settings)
        written = writing(settings, embed)
        stack.push_async_callback(written.generator.close)
        written.begin()  # a model loads beside the listening server; /readyz says so, and questions wait for it
        adapters = open_adapters(settings, written.generator.info.name)
        stack.push_async_callback(adapters.close)
        judging = await asyncio.to_thread(judge, settings, written)
        prompts = [agent.prompt for agent in declared.agents.values()]
        rails = open_rails(settings.agents.rails, StorePolicies(store.collections), prompts)
        asked_for = {agent.adapter for agent in declared.agents.values() if agent.adapter}
        finetune = await stack.enter_async_context(open_finetune(settings, adapters, asked_for))
        busy = partial(_busy, written)
        rollout = await stack.enter_async_context(
            open_rollout(settings, store, adapters, finetune.registry, finetune.gates.passed, busy)
        )
        finetune.retention.deployed = rollout.kept
        uploads = Unfinished(settings.files_dir / "uploads", settings.http)
        await stack.enter_async_context(uploads.swept())
        for number in range(settings.jobs.workers):  # last: nothing of what is asked waits for them
            await supervisor.start(worker_child(settings, number))
        services = Services(
            settings=settings,
            store=store,
            blobs=FolderBlobs(settings.files_dir / "blobs"),
            uploads=uploads,
            index=index,
            searcher=search,
            generator=written.generator,
            adapters=adapters,
            finetune=finetune,
            rollout=rollout,
            drift=Drift(settings.finetune.watch, finetune.places, prices_of(settings.finetune.watch)),
            embedder=embed,
            queue=written.queue,
            answerer=Answerer(
                search, written.generator, embed, settings.agents, window=written.window, judge=judging, rails=rails
            ),
            rails=rails,
            sharing=sharing,
            generation=generation.id,
            pipeline=generation.pipeline,
            workers=partial(_workers, supervisor),
            processes=partial(_processes, supervisor),
            index_state=partial(indexes.state, index, gaps),
            lacking=lambda: (gaps.returning, gaps.left_out),
            render=partial(_render, settings),
            jobs_url=jobs_url(settings),
            open_agents=partial(
                agent_wiring.open_agents,
                declared=declared,
                checkpoints_url=checkpoints_url(settings),
                embed=embed,
                window=written.window,
                judge=judging,
            ),
        )
        services = remembering(services, generation.fingerprint, embed.fingerprint)
        await stack.enter_async_context(services.drift.kept(services))
        await stack.enter_async_context(services.finetune.gates.kept(services))
        yield services


@asynccontextmanager
async def open_workshop(settings: Settings, generation: IndexGeneration | None = None) -> AsyncIterator[Workshop]:
    """A worker's parts; its index process is somebody else's. Without `generation` the active one is worked on."""
    async with AsyncExitStack() as stack:
        store = await Store.open(database_url(settings))
        stack.push_async_callback(store.close)
        embed = embedder(settings)
        generation = generation or await active_generation(store, settings, embed)
        yield Workshop(
            settings=settings,
            store=store,
            blobs=FolderBlobs(settings.files_dir / "blobs"),
            artefacts=Artefacts(settings.files_dir / "artefacts", fingerprints(settings, embed)),
            embedder=embed,
            lexical=lexical(settings),
            index=await indexes.connect(stack, settings, generation),
            generation=generation.id,
        )


async def drop_generation(store: Store, settings: Settings, generation: IndexGeneration) -> None:
    """Removes a generation that does not answer: its chunks and its points. Raises `Conflict` for the active one."""
    await store.generations.drop(generation.id)
    await indexes.drop(settings, generation)


async def _drop_retired(store: Store, settings: Settings) -> None:
    """Drops retired generations, but those that a server answers from still, which has not been restarted yet."""
    retired = {_answering(each): each for each in await store.generations.list() if each.status == "retired"}
    for name in await store.presence.absent(retired):
        await drop_generation(store, settings, retired[name])


def _answering(generation: IndexGeneration) -> str:
    """What a server that answers from a generation is present as."""
    return f"generation-{generation.id}"


@asynccontextmanager
async def _alone(store: Store) -> AsyncIterator[None]:
    """The embedded index belongs to one server. Raises `ConfigurationError` where another works on this database."""
    deadline = time.monotonic() + _ALONE_WITHIN
    while time.monotonic() < deadline:  # one that was just killed may count as there for a moment
        async with store.presence.held("embedded index") as mine:
            if mine is not None:
                yield
                return
        await asyncio.sleep(0.1)
    raise ConfigurationError(
        "Another server with an index of its own works on this database. Several servers need one index between them: "
        "set FOOTNOTE_RETRIEVAL__INDEX__KIND=qdrant for all of them, or stop the other one."
    )


def _busy(written: WritingParts) -> bool:
    """Whether requests wait for the generator."""
    return written.queue is not None and written.queue.waiting > 0


def _workers(supervisor: Supervisor) -> Mapping[str, str]:
    return {
        child.name: f"{'running' if child.running else 'down'}, {child.restarts} restarts"
        for child in supervisor.children
    }


def _processes(supervisor: Supervisor) -> Mapping[str, int]:
    running = (child for child in supervisor.children if child.running)
    return {child.name: child.process.pid for child in running if child.process is not None}


async def _render(settings: Settings, path: Path, page: int, boxes: Sequence[Box]) -> bytes:
    return await render_page(path, page, boxes, None, settings.ingestion)
