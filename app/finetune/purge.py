"""A person's right to be forgotten, in datasets: those that hold what was deleted or left out since are found and
removed whole, and with them what versions answered to their questions at a gate that came to no report.

A row cannot be taken out of a dataset, which is named by its content; so the whole dataset goes, and is built again
without it. What was trained on it is told, and stays: whether a model goes is for a person to say.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.finetune.audit import note
from app.finetune.reading import exclusions
from core.errors import ConfigurationError, FootnoteError, NotFound
from core.types import Lineage
from finetune.dataset import read_dataset
from finetune.lineage import comes_from
from finetune.recipe import DataFiles, Recipe
from finetune.registry import trained
from finetune.run_folder import AT_WORK

if TYPE_CHECKING:
    from app.finetune.finetune import Finetune
    from app.finetune.keeper import TrainingKeeper
    from app.services import Services
    from app.store.learning import Learning

BY_ITSELF = "the rule"
DAMAGED = "It is damaged and cannot be looked through; remove it."


@dataclass(frozen=True, kw_only=True, slots=True)
class Concerned:
    """A dataset with rows from what was deleted or left out since, or one that cannot be looked through. `runs` read
    it, `versions` were trained on it. `kept` says why it was not removed."""

    dataset: str
    rows: int
    runs: tuple[str, ...]
    versions: tuple[str, ...]
    removed: bool = False
    kept: str | None = None


async def lost(learning: Learning, lineages: Sequence[Lineage]) -> list[bool]:
    """Of each row whether what it comes from was deleted, or is to be left out, since."""
    documents = {each.document_id for lineage in lineages for each in lineage.documents if each.document_id}
    talks = {lineage.conversation_id for lineage in lineages if lineage.conversation_id}
    gone = await learning.gone(documents, talks)
    of = exclusions(await learning.exclusions())
    return [
        lineage.conversation_id in gone
        or any(each.document_id in gone for each in lineage.documents)
        or comes_from(lineage, of)
        for lineage in lineages
    ]


async def purge(services: Services, who: str, *, dry_run: bool = False) -> list[Concerned]:
    """Removes the datasets concerned, but for those that a run learns from now; tells of each. With `dry_run` it only
    tells. Raises `StoreUnavailable`."""
    finetune, found = services.finetune, []
    for version in await asyncio.to_thread(finetune.datasets.versions):
        kept: str | None = None
        try:
            lineages = await asyncio.to_thread(_lineages, finetune.places.datasets / version)
        except ConfigurationError:
            rows, kept = 0, DAMAGED
        except NotFound:  # somebody was quicker
            continue
        else:
            rows = sum(await lost(services.store.learning, lineages))
            if not rows:
                continue
        one = await asyncio.to_thread(_concerned, finetune, version, rows, kept)
        found.append(one if dry_run or one.kept else await asyncio.to_thread(_removed, finetune, one, who))
    if not dry_run:
        await asyncio.to_thread(lambda: finetune.gates.forget_answers(finetune.datasets.versions()))
    return found


def readers(training: TrainingKeeper, folder: Path, *, now: bool = False) -> tuple[str, ...]:
    """The runs whose recipe names this dataset; `now` only those that wait or are at work."""
    found = []
    for name in training.runs.names():
        try:
            run = training.runs.folder(name)
            reads = folder.resolve() in _data(run.recipe())
            if reads and (not now or run.status().state in ("queued", *AT_WORK)):
                found.append(name)
        except (FootnoteError, OSError, ValueError):  # gone meanwhile, or torn: it can read nothing
            continue
    return tuple(found)


def _data(recipe: Recipe) -> set[Path]:
    data = recipe.data
    named = (data.train, data.validation) if isinstance(data, DataFiles) else (data,)
    return {each.resolve() for each in named if each is not None}


def _lineages(folder: Path) -> list[Lineage]:
    return [example.lineage for _, example in read_dataset(folder).all_examples()]


def _concerned(finetune: Finetune, version: str, rows: int, kept: str | None) -> Concerned:
    folder = finetune.places.datasets / version
    on = trained(finetune.registry.versions())
    busy = readers(finetune.training, folder, now=True)
    if busy:
        kept = f"{busy[0]} learns from it now; cancel that run and purge again."
    return Concerned(
        dataset=version,
        rows=rows,
        runs=readers(finetune.training, folder),
        versions=tuple(sorted(name for name, datasets in on.items() if version in datasets)),
        kept=kept,
    )


def _removed(finetune: Finetune, one: Concerned, who: str) -> Concerned:
    with contextlib.suppress(NotFound, FileNotFoundError):  # somebody was quicker
        finetune.datasets.remove(one.dataset)
    left = ", ".join((*one.runs, *one.versions))
    why = f"{one.rows} rows came from what was deleted or left out" + (f"; learnt from by {left}" if left else "")
    note(finetune.places.root, who, "purged", version=one.dataset, why=why)
    return Concerned(dataset=one.dataset, rows=one.rows, runs=one.runs, versions=one.versions, removed=True)


__all__ = ["BY_ITSELF", "DAMAGED", "Concerned", "lost", "purge", "readers"]
