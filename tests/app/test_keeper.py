"""Each minute's figures reach the store, whatever becomes of it in between."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any

from app.durations import JobDurations
from app.errors import Starting
from app.figures import Figures
from app.keeper import Keeper
from app.metrics import Metrics
from app.settings import Settings
from core.errors import FootnoteError, StoreUnavailable


class Book:
    """The parts of a store that are asked, and what they were given."""

    def __init__(self) -> None:
        self.kept: dict[int, Figures] = {}
        self.error: FootnoteError | None = None
        self.forgotten: list[datetime] = []
        self.interrupted = 0
        self.prompts = SimpleNamespace(forget=self.forget_prompts)
        self.trials = SimpleNamespace(forget=self.forget_trials)
        self.learnt: list[datetime | None] = []
        self.observed: list[datetime] = []

    async def forget_trials(self, before: datetime) -> int:
        self.observed.append(before)
        return 0

    async def forget_prompts(self, before: datetime, learnt: datetime | None = None) -> int:
        self.learnt.append(learnt)
        return 0

    async def queue(self) -> dict[str, int]:
        return {"queued": 2, "succeeded": 9}

    async def add(self, minutes: dict[int, Figures]) -> None:
        if self.error is not None:
            raise self.error
        for start, figures in minutes.items():
            self.kept.setdefault(start, Figures()).add(figures)

    async def finished_since(self, moment: datetime, **how: Any) -> list[Any]:
        return []

    async def interrupt(self) -> int:
        self.interrupted += 1
        return 0

    async def forget(self, before: datetime, learnt: datetime | None = None) -> int:
        self.forgotten.append(before)
        return 0


class Boot:
    def __init__(self, book: Book) -> None:
        store = SimpleNamespace(
            figures=book, jobs=book, traces=book, answers=book, step_prompts=book.prompts, deployments=book.trials
        )
        self.found: Any = SimpleNamespace(store=store, settings=Settings())

    @property
    def services(self) -> Any:
        if isinstance(self.found, FootnoteError):
            raise self.found
        return self.found


def made(book: Book) -> tuple[Keeper, Metrics, Boot]:
    metrics, boot = Metrics(), Boot(book)
    return Keeper(boot, metrics.history, JobDurations(metrics), trace_days=30, learnt_days=365), metrics, boot  # type: ignore[arg-type]


async def test_what_was_counted_is_kept_once_with_the_queue() -> None:
    book = Book()
    keeper, metrics, _ = made(book)
    metrics.stages("search", {"total": 4.0})
    metrics.error("not_found")
    await keeper.keep()
    await keeper.keep()
    whole = Figures()
    for figures in book.kept.values():
        whole.add(figures)
    assert (sum(whole.stages["search.total"].values()), whole.errors) == (1, {"not_found": 1})
    assert (whole.queued, whole.running) == (2, 0)
    assert len(book.forgotten) == len(book.learnt) == len(book.observed) == 1  # once an hour is often enough
    assert book.interrupted == 2  # answers of servers that are gone


async def test_what_the_store_does_not_take_waits_for_the_next_time() -> None:
    book = Book()
    keeper, metrics, boot = made(book)
    metrics.error("unavailable")
    for trouble in ("starting", "full"):
        if trouble == "starting":
            boot.found, open_services = Starting("Not yet."), boot.found
        else:
            boot.found, book.error = open_services, StoreUnavailable("The disk is full.")
        await keeper.keep()
        assert book.kept == {}
    book.error = None
    await keeper.keep()
    assert [figures.errors for figures in book.kept.values() if figures.errors] == [{"unavailable": 1}]


async def test_the_last_figures_are_kept_when_the_server_stops() -> None:
    book = Book()
    keeper, metrics, _ = made(book)
    keeper.start()
    metrics.error("not_found")
    await keeper.close()
    assert any(figures.errors for figures in book.kept.values())


class Emptied:
    """Datasets without any that is concerned."""

    def __init__(self) -> None:
        self.asked = 0

    def versions(self) -> list[str]:
        self.asked += 1
        return []


async def test_datasets_are_looked_through_each_hour_where_that_is_set() -> None:
    for wanted in (True, False):
        book, shelf, metrics = Book(), Emptied(), Metrics()
        boot = Boot(book)
        gates = SimpleNamespace(forget_answers=lambda datasets: None)
        boot.found.finetune = SimpleNamespace(datasets=shelf, gates=gates)
        lasting = JobDurations(metrics)
        keeper = Keeper(boot, metrics.history, lasting, trace_days=30, learnt_days=365, purge=wanted)  # type: ignore[arg-type]
        await keeper.keep()
        await keeper.keep()
        assert shelf.asked == 2 * int(wanted), "what is there, and what is left of it"
