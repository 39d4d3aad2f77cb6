"""A worker's parts over a real store and real files, with an index that keeps its points in a dictionary."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.artefacts import Artefacts, Fingerprints
from app.build import Workshop
from app.jobs import STAGES, Jobs
from app.settings import Settings
from app.store.blobs import FolderBlobs
from app.store.records import Begun, JobRecord, NewGeneration, NewUpload
from app.store.store import Store
from core.types import Principal
from retrieval.lexical import Bm25Encoder
from retrieval.ports import IndexPoint

ANA = Principal(id="ana")


class DictIndex:
    """Points by id. `error` is raised instead of deleting, once for each time it was set."""

    def __init__(self) -> None:
        self.points: dict[str, IndexPoint] = {}
        self.updates: list[tuple[str, tuple[str, ...]]] = []
        self.error: Exception | None = None

    async def upsert(self, points: Sequence[IndexPoint]) -> None:
        self.points |= {point.id: point for point in points}

    async def delete_versions(self, version_ids: Sequence[str]) -> None:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        self.points = {key: point for key, point in self.points.items() if point.version_id not in version_ids}

    async def update_document(self, document_id: str, groups: Sequence[str], metadata: Mapping[str, Any]) -> None:
        self.updates.append((document_id, tuple(groups)))

    async def versions(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for point in self.points.values():
            counts[point.version_id] = counts.get(point.version_id, 0) + 1
        return counts


@dataclass(frozen=True, kw_only=True)
class Yard:
    """A workshop and its worker, driven by hand: `work` does what the durable queue would."""

    shop: Workshop
    jobs: Jobs
    index: DictIndex

    @property
    def store(self) -> Store:
        return self.shop.store

    async def upload(self, name: str, text: str, **how: Any) -> Begun:
        """A file that was received and recorded; its job is queued."""

        async def pieces() -> AsyncIterator[bytes]:
            yield text.encode()

        async with self.shop.blobs.receive(pieces(), limit=10**6) as blob:
            return await self.store.documents.begin_upload(
                NewUpload(
                    collection="default",
                    external_id=name,
                    filename=name,
                    size=blob.size,
                    sha256=blob.sha256,
                    pipeline=self.shop.artefacts.fingerprints.pipeline,
                    principal=ANA,
                    **how,
                )
            )

    async def work(self, job_id: str, *, until: str | None = None) -> JobRecord:
        """Runs a job's stages, as far as they follow one another, or up to and with the stage `until`."""
        job = await self.store.jobs.get(job_id)
        attempt = job.attempts if job.status == "running" else job.attempts + 1
        for stage in STAGES[job.kind]:
            if not await self.jobs.run(job_id, stage, attempt) or stage == until:
                break
        return await self.store.jobs.get(job_id)

    async def ingest(self, name: str, text: str, **how: Any) -> Begun:
        begun = await self.upload(name, text, **how)
        assert (await self.work(begun.job_id)).status == "succeeded"
        return begun

    def has_file(self, text: str) -> bool:
        digest = hashlib.sha256(text.encode()).hexdigest()
        return digest in set(self.shop.blobs.all())


@pytest.fixture
async def yard(tmp_path: Path, word_embedder: Any) -> AsyncIterator[Yard]:
    settings = Settings(data_dir=tmp_path)
    async with await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'footnote.sqlite'}") as store:
        made = await store.generations.ensure_active(
            NewGeneration(fingerprint="f", embedder="words", size=word_embedder.size, pipeline="p.c")
        )
        index = DictIndex()
        shop = Workshop(
            settings=settings,
            store=store,
            blobs=FolderBlobs(tmp_path / "blobs"),
            artefacts=Artefacts(tmp_path / "artefacts", Fingerprints(parse="p", chunk="c", embed="words-1")),
            embedder=word_embedder,
            lexical=Bm25Encoder(settings.retrieval.lexical),
            index=index,  # type: ignore[arg-type]  # what no job calls is left out
            generation=made.id,
        )
        yield Yard(shop=shop, jobs=Jobs(shop), index=index)
