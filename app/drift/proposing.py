"""What would be trained next, by what there is and by what former runs came to."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.advise import NEEDED, Counts
from finetune.watch.expected import Run
from finetune.watch.proposal import NotYet, Proposal, propose

if TYPE_CHECKING:
    from app.services import Services


async def proposal(services: Services) -> Proposal | NotYet:
    """The next run of training, or why none is due. Raises `StoreUnavailable`."""
    counts = await counts_of(services)
    gains = await asyncio.to_thread(_gains, services)
    runs = await asyncio.to_thread(_runs, services, gains)
    newest = max((run.at for run in runs), default=None)
    fresh = counts.rows if newest is None or await _built_since(services, newest) else {}
    return propose(counts, fresh, runs)


async def counts_of(services: Services, prompts: int = 0, gain: float | None = None) -> Counts:
    """The words there are, and rows and blame of the newest whole dataset."""
    words = await services.store.learning.judged()
    datasets = await asyncio.to_thread(services.finetune.datasets.all)
    newest = next((each for each in datasets if not each.damaged), None)
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


async def _built_since(services: Services, moment: datetime) -> bool:
    builds = await services.finetune.builds.list()
    return any(each.state == "done" and each.started_at > moment for each in builds)


def _runs(services: Services, gains: dict[str, float]) -> list[Run]:
    """What was trained and registered, with what a gate found that it gained."""
    found = []
    for version in services.finetune.registry.versions():
        with contextlib.suppress(OSError, ValueError, KeyError):
            card = version.card()
            if card["method"] in NEEDED:
                made = datetime.fromtimestamp(version.made_at, UTC)
                rows = int(card["data"].get("train", 0))
                found.append(
                    Run(name=version.name, method=card["method"], at=made, rows=rows, gain=gains.get(version.name))
                )
    return found


def _gains(services: Services) -> dict[str, float]:
    """By candidate, the difference of exact matches, or of likeness to the wanted answer, that its last gate found."""
    found: dict[str, float] = {}
    for path in sorted(services.finetune.places.gates.glob("*/report.json"), key=_age):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            row: dict[str, Any] = json.loads(path.read_text("utf-8"))
            told = {each["measure"]: each["difference"] for each in row["measures"]}
            gain = told.get("preference_win", told.get("rouge_l"))
            if gain is not None:
                found[row["candidate"]] = float(gain)
    return found


def _age(path: Path) -> float:
    return path.stat().st_mtime


__all__ = ["counts_of", "proposal"]
