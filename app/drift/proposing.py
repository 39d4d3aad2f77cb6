"""What would be trained next, by what there is and by what former runs came to."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.drift.fresh import built, unbuilt
from finetune.advise import NEEDED, PROMPTS, Counts
from finetune.recipe import KIND
from finetune.watch.expected import Run
from finetune.watch.proposal import NotYet, Proposal, propose

if TYPE_CHECKING:
    from app.finetune.datasets import Shown
    from app.services import Services


async def proposal(services: Services) -> Proposal | NotYet:
    """The next run of training, or why none is due. Changes of the prompt count as tried: nobody tells the watch of
    them, and whoever reads a proposal knows. Raises `StoreUnavailable`."""
    newest = await asyncio.to_thread(_newest, services)
    to_build = await unbuilt(services, newest)
    counts = await counts_of(services, prompts=PROMPTS)
    counts = replace(counts, rows=_sum(counts.rows, to_build))
    gains = await asyncio.to_thread(_gains, services)
    runs = await asyncio.to_thread(_runs, services, gains)
    unlearnt = await asyncio.to_thread(built, services.finetune.datasets, newest, runs)
    found = propose(counts, _sum(unlearnt, to_build), runs)
    words = to_build.get(KIND[found.method], 0) if isinstance(found, Proposal) else 0
    if isinstance(found, Proposal) and words:
        return replace(found, reason=f"{found.reason} About {words} of these rows are in no dataset yet: build one.")
    return found


async def counts_of(services: Services, prompts: int = 0, gain: float | None = None) -> Counts:
    """The words there are, and rows and blame of the newest whole dataset."""
    words = await services.store.learning.judged()
    newest = await asyncio.to_thread(_newest, services)
    blamed = newest.figures.get("blame", {}) if newest else {}
    rows = {kind: splits.get("train", 0) for kind, splits in newest.counts.items()} if newest else {}
    return Counts(
        judged=sum(words.values()),
        good=words.get("up", 0),
        missing=blamed.get("retrieval", 0),
        misused=blamed.get("generation", 0),
        rows=rows,
        prompts=prompts,
        adapter_gain=gain,
    )


def _runs(services: Services, gains: dict[str, float]) -> list[Run]:
    """What was trained and registered, with what a gate found that it gained."""
    found = []
    for version in services.finetune.registry.versions():
        with contextlib.suppress(OSError, ValueError, KeyError):
            card = version.card()
            if card["method"] in NEEDED:
                made = datetime.fromtimestamp(version.made_at, UTC)
                rows, data = int(card["data"].get("train", 0)), card["data"].get("dataset")
                gain = gains.get(version.name)
                found.append(Run(name=version.name, method=card["method"], at=made, rows=rows, gain=gain, data=data))
    return found


def _gains(services: Services) -> dict[str, float]:
    """By candidate, the difference of preferences won, or of likeness to what was wanted, that its last gate found."""
    found: dict[str, float] = {}
    for path in sorted(services.finetune.places.gates.glob("*/report.json"), key=_age):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            row: dict[str, Any] = json.loads(path.read_text("utf-8"))
            told = {each["measure"]: each["difference"] for each in row["measures"]}
            gain = told.get("preference_win", told.get("rouge_l"))
            if gain is not None:
                found[row["candidate"]] = float(gain)
    return found


def _newest(services: Services) -> Shown | None:
    return next((each for each in services.finetune.datasets.all() if not each.damaged), None)


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {kind: one.get(kind, 0) + other.get(kind, 0) for kind in {*one, *other}}


def _age(path: Path) -> float:
    return path.stat().st_mtime


__all__ = ["counts_of", "proposal"]
