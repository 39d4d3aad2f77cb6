"""What no run learnt from yet: rows of the newest dataset, and words that came since it was built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from core.errors import ConfigurationError, NotFound
from finetune.recipe import KIND

if TYPE_CHECKING:
    from app.finetune.datasets import DatasetShelf, Shown
    from app.services import Services
    from core.types import ExampleKind
    from finetune.watch.expected import Run

_OF_A_WORD = {"kto": 0.75}
"""Rows to train on that a word makes, by kind, where no dataset tells: one of KTO, of which some are kept back."""


def built(shelf: DatasetShelf, newest: Shown | None, runs: Iterable[Run]) -> dict[str, int]:
    """By kind, the rows of the newest dataset that the last run on such rows was not given; all where there was none.
    Of a dataset that is gone its number of rows is all that is known."""
    if newest is None:
        return {}
    last = {KIND[run.method]: run for run in sorted(runs, key=lambda each: each.at)}
    return {kind: _unlearnt(shelf, newest, kind, last.get(kind)) for kind in _kinds(newest)}


async def unbuilt(services: Services, newest: Shown | None) -> dict[str, int]:
    """By kind, about how many rows to train on the words said since the newest dataset was built will make: as many of
    each as words made there. Raises `StoreUnavailable`."""
    begun = None
    if newest is not None:
        builds = await services.finetune.builds.list()
        begun = max((each.started_at for each in builds if each.dataset == newest.version), default=newest.created_at)
    words = sum((await services.store.learning.judged(begun)).values())
    return {kind: int(words * rate) for kind, rate in _rates(newest).items()}


def _rates(newest: Shown | None) -> Mapping[str, float]:
    if newest is None or not newest.answers:
        return _OF_A_WORD
    # Imported rows come of no word: no word makes more than a row of a kind.
    return {kind: min(1.0, splits.get("train", 0) / newest.answers) for kind, splits in newest.counts.items()}


def _kinds(newest: Shown) -> list[ExampleKind]:
    return [kind for kind in dict.fromkeys(KIND.values()) if kind in newest.counts]


def _unlearnt(shelf: DatasetShelf, newest: Shown, kind: ExampleKind, last: Run | None) -> int:
    rows = newest.counts[kind].get("train", 0)
    if last is None:
        return rows
    if last.data == newest.version:
        return 0
    try:
        return len(shelf.ids(newest.version, kind) - shelf.ids(last.data or "", kind))
    except (ConfigurationError, NotFound):
        return max(0, rows - last.rows)


__all__ = ["built", "unbuilt"]
