"""Retrieval measured through the product's own street: a knowledge base of its own for a data set with a corpus, the
knowledge base as it stands for questions about it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from app import indexes, wiring
from app.build import Build, Workshop
from app.repair import repair
from app.settings import Settings
from app.store.records import NewUpload
from app.store.store import Store
from app.supervisor import Supervisor
from core.ports import Searcher
from core.types import Block, Hit, ParsedDocument, Principal, SearchMode
from retrieval import datasets
from retrieval.measure import CorpusDocument, Evaluation, Judged, evaluate

_EVALUATOR = Principal(id="evaluation", admin=True)
_AT_ONCE = 8

Report = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, of how much."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured, on what, under which settings."""

    evaluation: Evaluation
    mode: str
    documents: int
    chunks: int
    ingest_seconds: float
    machine: str
    settings: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def write(self, path: Path) -> None:
        """Keeps the result as a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


async def evaluate_retrieval(
    settings: Settings, dataset: str, part: Literal["train", "test"], mode: SearchMode, report: Report
) -> Measured:
    """Loads a data set, ingests its corpus if it has one, asks every question. Raises `InvalidInput` for a bad set."""
    judged = datasets.load(dataset, _data_sets(), part)
    if not judged.corpus:
        return await _on_the_knowledge_base(settings, judged, mode, report)
    with tempfile.TemporaryDirectory(prefix="footnote-eval-") as folder:
        own = settings.model_copy(update={"data_dir": Path(folder), "shared_dir": None, "database_url": None})
        return await _on_a_corpus(own, judged, mode, report)


async def _on_a_corpus(settings: Settings, judged: Judged, mode: SearchMode, report: Report) -> Measured:
    async with _open(settings) as (shop, searcher):
        started = time.monotonic()
        names = await _ingest(shop, judged.corpus, report)
        took = time.monotonic() - started
        found = await evaluate(
            searcher,
            _EVALUATOR,
            judged,
            document_key=lambda hit: names[hit.document_id],
            mode=mode,
            progress=lambda done, total: report("asking", done, total),
        )
        return await _measured(shop, found, mode, took)


async def _on_the_knowledge_base(settings: Settings, judged: Judged, mode: SearchMode, report: Report) -> Measured:
    async with _open(settings) as (shop, searcher):
        names: dict[str, str] = {}
        cursor: str | None = None
        while True:
            page = await shop.store.documents.list(_EVALUATOR, cursor=cursor, limit=100)
            names.update({document.id: document.external_id for document in page.items})
            if (cursor := page.next_cursor) is None:
                break

        def key(hit: Hit) -> str:
            """The external id, or its last part: questions name files, not the folders they came from."""
            name = names.get(hit.document_id, hit.document_id)
            known = {document for grades in judged.documents.values() for document in grades}
            return name if name in known else name.rsplit("/", 1)[-1]

        found = await evaluate(
            searcher,
            _EVALUATOR,
            judged,
            document_key=key,
            mode=mode,
            limit=100,
            progress=lambda done, total: report("asking", done, total),
        )
        return await _measured(shop, found, mode, 0.0)


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[tuple[Workshop, Searcher]]:
    async with AsyncExitStack() as stack:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        store = await Store.open(wiring.database_url(settings))
        stack.push_async_callback(store.close)
        embed = wiring.embedder(settings)
        generation = await wiring.active_generation(store, settings, embed)
        served = await indexes.is_served(settings, generation)  # a running server's index serves as well
        if not served:
            supervisor = Supervisor()
            stack.push_async_callback(supervisor.stop)
            await indexes.start(supervisor, settings, generation)
        shop = await stack.enter_async_context(wiring.open_workshop(settings, generation))
        if not served:
            await repair(shop)  # as a worker does at its start; after a restore there is nothing in the index yet
        yield shop, wiring.searcher(settings, shop.embedder, shop.index, shop.store)


async def _ingest(shop: Workshop, corpus: tuple[CorpusDocument, ...], report: Report) -> dict[str, str]:
    """Every document from its blocks on, several at a time; the ids they got, and the data set's own for each."""
    names: dict[str, str] = {}
    slots = asyncio.Semaphore(_AT_ONCE)
    done = 0

    async def one(document: CorpusDocument) -> None:
        nonlocal done
        async with slots:
            names[await _ingest_one(shop, document)] = document.id
            done += 1
            report("ingesting", done, len(corpus))

    await asyncio.gather(*(one(document) for document in corpus))
    return names


async def _ingest_one(shop: Workshop, document: CorpusDocument) -> str:
    text = document.text or document.title
    sha256 = hashlib.sha256(f"{document.title}\n{text}".encode()).hexdigest()
    begun = await shop.store.documents.begin_upload(
        NewUpload(
            collection="default",
            external_id=document.id,
            filename=f"{document.id}.txt",
            size=len(text),
            sha256=sha256,
            pipeline=shop.artefacts.fingerprints.pipeline,
            principal=_EVALUATOR,
            title=document.title or None,
        )
    )
    paragraphs = tuple(Block(kind="paragraph", text=part.strip()) for part in text.split("\n\n") if part.strip())
    shop.artefacts.keep_parsed(sha256, ParsedDocument(media_type="text/plain", blocks=paragraphs))
    version = await shop.store.documents.version(begun.version_id)
    build = Build(shop)
    await build.parse(version, _silent)
    await build.index(await shop.store.documents.version(begun.version_id), begun.job_id, _silent)
    await shop.store.documents.publish(begun.version_id, shop.generation)
    await shop.store.jobs.succeed(begun.job_id)
    return begun.document_id


async def _measured(shop: Workshop, found: Evaluation, mode: str, took: float) -> Measured:
    stats = await shop.store.stats()
    return Measured(
        evaluation=found,
        mode=mode,
        documents=stats.documents,
        chunks=stats.chunks,
        ingest_seconds=round(took, 1),
        machine=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        settings=shop.settings.retrieval.model_dump(mode="json"),
    )


def _data_sets() -> Path | None:
    """FOOTNOTE_DATA_SETS, else the folder beside the project."""
    folder = Path(os.environ.get("FOOTNOTE_DATA_SETS", Path(__file__).resolve().parents[2] / "shared" / "data"))
    return folder if folder.is_dir() else None


async def _silent(fraction: float) -> None:
    return None
