"""What jobs do: the street an upload walks, a stage at a time, each safe to do again.

ingest:  parse → chunk → embed → index → publish → sweep
delete:  sweep
update:  index
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from app.build import Build, Report, Workshop
from app.repair import remove_bytes
from app.store.records import JobRecord, VersionRecord
from core.errors import Conflict, FootnoteError, NotFound, Unavailable
from core.types import Chunk

log = logging.getLogger("footnote.jobs")

STAGES: dict[str, tuple[str, ...]] = {
    "ingest": ("parse", "chunk", "embed", "index", "publish", "sweep"),
    "delete": ("sweep",),
    "update": ("index",),
}
_BAR = {"parse": (0.0, 0.25), "chunk": (0.25, 0.3), "embed": (0.3, 0.9), "index": (0.9, 0.98)}
"""Where each stage begins and ends on an ingestion's progress bar."""

_RETRY_PAUSE = 1.0
_REPORT_EVERY = 0.25


def main_language(chunks: Sequence[Chunk]) -> str | None:
    """The language of most of the text."""
    shares: Counter[str] = Counter()
    for chunk in chunks:
        shares[chunk.language] += len(chunk.text)
    return shares.most_common(1)[0][0] if shares else None


class JobCancelled(Exception):
    """Somebody asked for this job to stop."""


class Outdated(Exception):
    """Another build of the index has taken over: only a worker with its settings can do this job."""


class Jobs:
    """Runs one stage of one job; the durable queue decides which and when."""

    def __init__(self, workshop: Workshop) -> None:
        self._shop = workshop
        self._build = Build(workshop)
        self._stages: dict[tuple[str, str], Callable[[JobRecord], Awaitable[object]]] = {
            ("ingest", "parse"): self._parse,
            ("ingest", "chunk"): self._chunk,
            ("ingest", "embed"): self._embed,
            ("ingest", "index"): self._index,
            ("ingest", "publish"): self._publish,
            ("ingest", "sweep"): self._sweep,
            ("delete", "sweep"): self._sweep,
            ("update", "index"): self._update,
        }

    async def current(self) -> bool:
        """Whether the index that this worker fills is still the one that answers."""
        return await self._shop.store.generations.is_active(self._shop.generation)

    async def run(self, job_id: str, stage: str, attempt: int) -> bool:
        """Does one stage of an attempt (the first is 1) and records how it went. True when the next should follow."""
        jobs = self._shop.store.jobs
        try:
            job = await jobs.get(job_id)
            if job.status not in {"queued", "running"}:
                await jobs.spend(job_id, attempt)
                return False
            if job.status == "queued":
                await jobs.start(job_id)
            if stage != "sweep":  # which tidies up in any case
                await self._check(job)
            await jobs.advance(job_id, stage=stage, progress=_BAR.get(stage, (0.98, 1.0))[0])
            began = time.monotonic()
            await self._patiently(self._stages[job.kind, stage], job)
            milliseconds = (time.monotonic() - began) * 1000
            if stage == STAGES[job.kind][-1]:
                await jobs.succeed(job_id, took=(stage, milliseconds))
            else:
                await jobs.took(job_id, stage, milliseconds)
            return True
        except JobCancelled:
            await self._give_up(job_id)
            await jobs.cancelled(job_id)
        except Outdated:
            log.info("job %s goes back into the queue: the index was rebuilt with other settings", job_id)
            await jobs.postpone(job_id)
        except FootnoteError as error:
            await self._give_up(job_id)
            await jobs.fail(job_id, error.code, error.message)
        except Exception:
            log.exception("job %s failed in stage %s", job_id, stage)
            await self._give_up(job_id)
            await jobs.fail(job_id, "internal", "An unexpected error; the server's log has the details. Try a retry.")
        return False

    async def _check(self, job: JobRecord) -> None:
        if job.cancel_requested:
            raise JobCancelled
        if not await self.current():
            raise Outdated

    async def _patiently(self, stage: Callable[[JobRecord], Awaitable[object]], job: JobRecord) -> None:
        """Tries a stage again when a part was unavailable, up to the configured number of times."""
        attempts = self._shop.settings.jobs.attempts
        for attempt in range(1, attempts + 1):
            try:
                await stage(job)
                return
            except Unavailable:
                if attempt == attempts:
                    raise
                await asyncio.sleep(_RETRY_PAUSE * 2**attempt)

    async def _give_up(self, job_id: str) -> None:
        """Leaves nothing half visible: a version that will not be published keeps no chunks and no points."""
        job = await self._shop.store.jobs.get(job_id)
        if job.kind != "ingest" or job.version_id is None:
            return
        if not await self._shop.store.documents.abandon_version(job.version_id):
            return  # it is live: only the sweep of its predecessors went wrong
        try:
            await self._shop.index.delete_versions([job.version_id])
        except Unavailable:
            log.warning("points of version %s stay until the next repair", job.version_id)

    # ---- the stages ------------------------------------------------------------------------------------------------

    async def _parse(self, job: JobRecord) -> None:
        await self._build.parse(await self._version(job), self._reporter(job, "parse"))

    async def _chunk(self, job: JobRecord) -> None:
        version = await self._version(job)
        chunks = await self._build.chunk(version)
        await self._shop.store.documents.set_language(version.id, main_language(chunks))

    async def _embed(self, job: JobRecord) -> None:
        await self._build.embed(await self._version(job), job.id, self._reporter(job, "embed"))

    async def _index(self, job: JobRecord) -> None:
        version = await self._version(job)
        await self._build.index(version, job.id, self._reporter(job, "index"))
        now = await self._version(job)
        if (now.groups, now.metadata) != (version.groups, version.metadata):  # changed while its points were made
            await self._shop.index.update_document(now.document_id, now.groups, now.metadata)

    async def _publish(self, job: JobRecord) -> None:
        assert job.version_id is not None
        publish = partial(self._shop.store.documents.publish, job.version_id, self._shop.generation)
        try:
            published = await publish()
        except Conflict:  # the stages before ran in an earlier process, for an index that was replaced since
            await self._index(job)
            published = await publish()
        if published.outcome in {"deleted", "cancelled"}:
            raise JobCancelled
        if published.outcome == "stale":
            raise Outdated

    async def _sweep(self, job: JobRecord) -> None:
        """Removes what no longer answers: points first, then files that no version needs any more."""
        assert job.document_id is not None
        documents = self._shop.store.documents
        if job.kind == "delete":
            await documents.condemn(job.document_id)
        dead = await documents.dead_versions(job.document_id)
        await self._shop.index.delete_versions([version.id for version in dead])
        for sha256 in {version.sha256 for version in dead}:
            await remove_bytes(self._shop, sha256)
        await documents.forget_versions([version.id for version in dead])

    async def _update(self, job: JobRecord) -> None:
        assert job.document_id is not None
        document = await self._shop.store.documents.find(job.document_id)
        if document is not None:
            await self._shop.index.update_document(document.id, document.groups, document.metadata)

    # ---- helpers ---------------------------------------------------------------------------------------------------

    async def _version(self, job: JobRecord) -> VersionRecord:
        assert job.version_id is not None
        try:
            return await self._shop.store.documents.version(job.version_id)
        except NotFound as gone:  # its document was deleted for good meanwhile
            raise JobCancelled from gone

    def _reporter(self, job: JobRecord, stage: str) -> Report:
        """Writes progress at most four times a second, and stops the job when somebody asked for it."""
        begin, end = _BAR[stage]
        last = 0.0

        async def report(fraction: float) -> None:
            nonlocal last
            if time.monotonic() - last < _REPORT_EVERY:
                return
            last = time.monotonic()
            progress = begin + (end - begin) * min(fraction, 1.0)
            current = await self._shop.store.jobs.advance(job.id, stage=stage, progress=progress)
            if current.cancel_requested:
                raise JobCancelled

        return report
