"""The parts of learning in a server, opened and closed with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from app.adapters import Adapters
from app.finetune.builds import Builds
from app.finetune.datasets import DatasetShelf
from app.finetune.files import ImportedFiles
from app.finetune.finetune import Finetune
from app.finetune.keeper import TrainingKeeper
from app.finetune.places import places
from app.finetune.retention import Retention
from app.finetune.serving import served, served_base, tools
from app.gate.gates import Gates
from app.settings import Settings
from finetune.ports import Versions
from finetune.registry import Registry
from finetune.runs import Runs

_SUPPORT = "app.finetune.support:support"


@asynccontextmanager
async def open_finetune(
    settings: Settings, adapters: Adapters, asked_for: Collection[str] = ()
) -> AsyncIterator[Finetune]:
    """Runs are kept going from now on; they outlive this. `asked_for` are adapters that agents are declared with."""
    where = places(settings)
    runs = Runs(root=where.runs, served=served(settings), support=_SUPPORT, tools=tools(settings))
    registry = open_registry(settings)
    chosen = settings.finetune.runs
    training = TrainingKeeper(runs, registry, at_once=chosen.at_once, waiting=chosen.waiting)
    retention = Retention(settings, registry, where, adapters, asked_for, mine=lambda: training.keeps)
    training.on_published = retention.nudge
    retention.start()
    training.start()
    files = ImportedFiles(where.files, settings.finetune.imports)
    builds = Builds(where, files)
    datasets = DatasetShelf(where.datasets, registry)
    gates = Gates(where, served_base(settings, adapters.base))
    try:
        yield Finetune(
            places=where,
            files=files,
            builds=builds,
            datasets=datasets,
            training=training,
            registry=registry,
            retention=retention,
            gates=gates,
        )
    finally:
        await gates.close()
        await builds.close()
        await training.close()
        await retention.close()


def open_registry(settings: Settings) -> Versions:
    """Where versions are kept: in the bucket that is set, else in the folder. Nothing is asked yet."""
    where, wanted = places(settings), settings.finetune.registry
    if wanted.bucket is None:
        return Registry(root=where.registry)
    from finetune.bucket_registry import BucketRegistry

    return BucketRegistry(wanted, where.fetched)


__all__ = ["open_finetune", "open_registry"]
