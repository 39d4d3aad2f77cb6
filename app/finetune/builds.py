"""Builds datasets in the server, one at a time: what is computed is computed in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import errno
import logging
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from app.auth import Keys
from app.finetune.across import across
from app.finetune.build_state import INTERRUPTED, Build, BuildFiles
from app.finetune.files import ImportedFiles
from app.finetune.places import Places
from app.finetune.reading import AskersEvidence, read_answers
from app.store.learning_records import Wanted
from core.errors import Conflict, DiskFull, FootnoteError, InvalidInput, NotFound
from core.types import Principal

if TYPE_CHECKING:
    from app.services import Services
    from finetune.curate import Parts
    from finetune.dataset import Curated
    from finetune.join import Material
    from finetune.report import Report
    from finetune.settings import CurateSettings

logger = logging.getLogger("footnote.finetune")

KEPT = 50
"""Builds that are remembered."""
SHARES = {"join": 0.2, "blame": 0.25, "build": 0.55, "check": 0.6, "topics": 0.8, "split": 0.85, "write": 0.95}
"""Where a stage begins, of the whole; before it answers are read."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a disk that is full says, or one that gives a process no more."""
_FAREWELL = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What to build. `imports` and `general` are names of imported files."""

    name: str
    wanted: Wanted = field(default_factory=Wanted)
    imports: tuple[str, ...] = ()
    general: str | None = None
    augment: bool = False


class _Stopped(Exception):
    """It is not to go on."""


class Builds:
    """The builds below a folder; one at a time, over all servers that share it. For one event loop."""

    def __init__(self, places: Places, files: ImportedFiles) -> None:
        self._places = places
        self._imported = files
        self._files = BuildFiles(places.builds)
        self._now: Build | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop: str | None = None

    async def begin(self, services: Services, order: Order, caller: Principal) -> Build:
        """Begins a build. Raises `Conflict` while there is one, `NotFound` for a collection or a file that there is
        not, `InvalidInput` where a model should write and none is asked to, `DiskFull`."""
        await services.store.learning.require_collections(order.wanted.collections)
        for name in (*order.imports, *filter(None, [order.general])):
            self._imported.path(name)
        told = services.settings.finetune.curate.augment
        if order.augment and not (told.rephrase or told.seeds or told.adversarial):
            raise InvalidInput("Say how much a model shall write: FOOTNOTE_FINETUNE__CURATE__AUGMENT__REPHRASE, …")
        build = Build(
            id=str(uuid.uuid4()),
            name=order.name,
            state="building",
            stage="reading",
            progress=0.0,
            started_at=datetime.now(UTC),
        )
        try:
            lock = await asyncio.to_thread(self._taken, build)
        except OSError as error:
            raise DiskFull(f"The build cannot be begun: {error.strerror}. Make room for it.") from None
        self._now, self._stop = build, None
        self._task = asyncio.create_task(self._work(services, order, caller, lock), name=f"build {build.id}")
        return build

    async def get(self, build_id: str) -> Build:
        """How a build fares. Raises `NotFound`."""
        if self._now is not None and self._now.id == build_id:
            return self._now
        return await asyncio.to_thread(self._files.get, build_id)

    async def list(self) -> list[Build]:
        """All that are remembered, the newest first."""
        now = self._now
        found = await asyncio.to_thread(self._files.all)
        return [now if now is not None and each.id == now.id else each for each in found]

    async def cancel(self, build_id: str) -> Build:
        """Stops a build at its next step. Raises `NotFound`, `Conflict` where it is over or another server's."""
        build = await self.get(build_id)
        if build.state != "building":
            raise Conflict(f"This build is over already: {build.state}.")
        if self._now is None or self._now.id != build_id:
            raise Conflict("Another server builds it; ask that one.")
        if build.stage == "write":
            raise Conflict("It is being written already; delete the dataset once it is there.")
        self._stop = self._stop or "cancelled"
        return build

    async def close(self) -> None:
        """Stops what is being built; it was interrupted."""
        if self._task is not None and not self._task.done():
            self._stop = "interrupted"
            await asyncio.wait([self._task], timeout=_FAREWELL)

    async def settled(self) -> None:
        """Returns once nothing is being built."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _taken(self, build: Build) -> IO[str]:
        lock = self._files.hold(build.id)
        if lock is None:
            raise Conflict("A dataset is being built already; wait for it, or cancel it.")
        try:
            for half in self._places.datasets.glob(".making-*"):  # of a build that was killed: nobody else writes now
                shutil.rmtree(half, ignore_errors=True)
            self._files.save(build)
            self._files.drop_but(KEPT)
        except BaseException:
            lock.close()
            raise
        return lock

    async def _work(self, services: Services, order: Order, caller: Principal, lock: IO[str]) -> None:
        ended: dict[str, Any] = {}
        try:
            ended = {"state": "done", "progress": 1.0, "dataset": await self._made(services, order, caller)}
        except _Stopped:
            ended = {"state": self._stop, "error": INTERRUPTED if self._stop == "interrupted" else None}
        except FootnoteError as error:
            ended = {"state": "failed", "error": str(error)}
        except OSError as error:
            full = "The disk is full: nothing of the dataset was kept. Make room and begin it again."
            said = full if error.errno in FULL else f"A file could not be read or written: {error}."
            ended = {"state": "failed", "error": said}
        except Exception:
            logger.exception("a dataset could not be built")
            ended = {"state": "failed", "error": "It could not be built; the server's log says why."}
        finally:
            ended = ended or {"state": "interrupted", "error": INTERRUPTED}
            self._note(**ended, ended_at=datetime.now(UTC))
            lock.close()

    async def _made(self, services: Services, order: Order, caller: Principal) -> str:
        from finetune.dataset import write_dataset
        from finetune.report import Report

        report, settings = Report(), services.settings.finetune.curate
        named = Keys(services.settings.auth).named
        material = await self._material(services, order, named, report)
        parts = _parts(services, order, caller, named, material, self._check)
        curated = await asyncio.to_thread(_curated, material, parts, settings, report, self._stage)
        self._stage("write")
        made = await asyncio.to_thread(write_dataset, self._places.datasets, order.name, curated)
        return made.version

    async def _material(
        self, services: Services, order: Order, named: Callable[[str], Principal | None], report: Report
    ) -> Material:
        from finetune.imports import read_examples
        from finetune.join import Material

        async def told(done: int, total: int) -> None:
            self._check()
            self._note(done=done, total=total, progress=SHARES["join"] * min(done / total, 1.0))

        settings = services.settings.finetune
        general = self._imported.path(order.general) if order.general else settings.general

        def read() -> Material:
            imported = [self._imported.path(name) for name in order.imports]
            licences = self._imported.licences((*order.imports, order.general or ""))
            if licences:
                report.figures["licences"] = licences
            return Material(
                imported=[each for path in imported for each in read_examples(path, "import", report)],
                general=read_examples(general, "replay", report) if general else (),
                anchors=read_examples(settings.anchors, "anchor", report) if settings.anchors else (),
            )

        # First of all: files may be replaced or removed as soon as the build has begun.
        outside = await asyncio.to_thread(read)
        answers, left_out = await read_answers(services.store.learning, order.wanted, named, told)
        self._note(done=len(answers))
        return replace(outside, answers=answers, exclusions=left_out)

    def _stage(self, stage: str) -> None:
        self._check()
        self._note(stage=stage, progress=SHARES[stage])

    def _check(self) -> None:
        if self._stop is not None:
            raise _Stopped

    def _note(self, **changes: Any) -> None:
        """Also from the thread that works. A state that cannot be kept stops no build."""
        assert self._now is not None
        self._now = self._now.model_copy(update=changes)
        try:
            self._files.save(self._now)
        except OSError as error:
            logger.warning("how the build %s fares could not be kept: %s", self._now.id, error)


def _parts(
    services: Services,
    order: Order,
    caller: Principal,
    named: Callable[[str], Principal | None],
    material: Material,
    check: Callable[[], None],
) -> Parts:
    from agents.verify import SimilarityVerifier
    from app.rails import TrainingMasker
    from finetune.curate import Parts
    from ingestion.language import detect

    if services.embedder is None:
        raise NotFound("There is no embedder to compare meanings with.")
    loop = asyncio.get_running_loop()
    support = SimilarityVerifier(services.embedder, services.settings.agents.verify)
    left_out = material.exclusions.documents
    evidence = AskersEvidence(services.searcher, named, order.wanted.collections, left_out)
    masker = TrainingMasker(services.rails, caller) if services.rails is not None else None
    return Parts(
        support=across(support, loop, check),
        embedder=across(services.embedder, loop, check),
        evidence=across(evidence, loop, check),
        masker=across(masker, loop, check) if masker is not None else None,
        language=detect,
        generator=across(services.generator, loop, check) if order.augment else None,
    )


def _curated(
    material: Material, parts: Parts, settings: CurateSettings, report: Report, tell: Callable[[str], None]
) -> Curated:
    from finetune.curate import curate

    return asyncio.run(curate(material, parts, settings, report, tell))


__all__ = ["KEPT", "Builds", "Order"]
