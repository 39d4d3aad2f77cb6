"""Gates and trials for the page, by the product's own writers: reports of real runs of the gate over scripted models,
and what was observed of trials, put where a server that is running finds it."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.gate.folders import PAGE, REPORT, Gate, GateFolders, GateState
from app.store.store import Store
from finetune.gate.gate import Checks, run_gate
from finetune.gate.identity import Base
from finetune.gate.page import page
from finetune.gate.rules import GateRules
from finetune.rollout.stages import Figures
from tests.app.api.test_gates import dataset, version
from tests.finetune.gate.world import CLEAN, Model, Scripted, world
from tests.scripted_engine import ScriptedEngine, scripted_engine

RULES = GateRules(draws=200)
BEGUN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def finished(work: Coroutine[Any, Any, Any]) -> Any:
    """What comes of it on a loop of its own: Playwright's runs in this thread."""
    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(asyncio.run, work).result()


@contextmanager
def engine_beside() -> Iterator[ScriptedEngine]:
    """An engine that adapters are loaded onto, on a loop of its own."""
    loop, found, over, there = asyncio.new_event_loop(), list[ScriptedEngine](), asyncio.Event(), threading.Event()

    async def serve() -> None:
        async with scripted_engine() as made:
            found.append(made)
            there.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert there.wait(20)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def gate(folder: Path, candidate: str, champion: str, learnt_from: str, state: GateState = "done", **more: Any) -> Gate:
    """A run of the gate in its folder; it began some minutes after `BEGUN`, each a minute after the one before."""
    folders = GateFolders(folder / "gates")
    at = BEGUN + timedelta(minutes=len(folders.all()))
    who = {"candidate": candidate, "champion": champion, "dataset": learnt_from, "by": "root"}
    made = Gate(id=str(uuid.uuid4()), state=state, started_at=at, ended_at=at + timedelta(minutes=4), **who, **more)
    folders.make(made, "")
    return made


def measured(folder: Path, candidate: str, champion: str, learnt_from: str, model: Model) -> Gate:
    """One that is done, with the report of a real run in which `model` was the candidate."""
    asker = Scripted(models={candidate: model, champion: Model()})
    checks = Checks(leaks=CLEAN, base=Base(model="m"), memory={candidate: 1.0, champion: 1.0})
    work = folder / f"work-{candidate}"
    report = finished(run_gate(RULES, world(), candidate, champion, asker, resume=work, checks=checks))
    said = " ".join(each.said for each in report.verdict.reasons[:3]) or "Nothing is shown to be worse."
    made = gate(folder, candidate, champion, learnt_from, passed=report.verdict.passed, said=said, done=440, of=440)
    folders = GateFolders(folder / "gates")
    folders.put(made.id, REPORT, report.text())
    folders.put(made.id, PAGE, page(report.to_row()))
    return made


def everything(tmp: Path) -> dict[str, str]:
    """A folder for learning below `tmp`/finetune: a dataset with rows kept back, three versions, a gate that each of
    two was held at, and one that was cancelled. The names of what is in it."""
    learnt_from = dataset(tmp)
    first, second, third = (version(tmp, learnt_from, weights=weights) for weights in (b"one", b"two", b"three"))
    folder = tmp / "finetune"
    stopped = measured(folder, third, first, learnt_from, Model(skill=0.55))
    passed = measured(folder, second, "m", learnt_from, Model())  # what answers where it will be tried
    cancelled = gate(folder, second, first, learnt_from, "cancelled", done=30, of=440)
    gates = {"stopped": stopped.id, "passed": passed.id, "cancelled": cancelled.id}
    return {"dataset": learnt_from, "first": first, "second": second, "third": third, **gates}


def untried(tmp: Path, learnt_from: str) -> str:
    """A version that no engine has ever had, each time another."""
    return version(tmp, learnt_from, weights=uuid.uuid4().hex.encode())


def observe(data: Path, deployment: str, count: int, candidate: Callable[[int], Figures], since: int = 0) -> None:
    """`count` questions answered by both arms of a trial; the champion answers all of them well."""

    async def write() -> None:
        async with await Store.open(f"sqlite:///{data / 'footnote.sqlite'}") as store:
            for number in range(since, since + count):
                asked = (deployment, f"answer-{number}", f"person-{number % 40}")
                await store.deployments.observe(*asked, "champion", True, good(number))
                await store.deployments.observe(*asked, "candidate", False, candidate(number))

    finished(write())


def good(number: int) -> Figures:
    """An answer that sources bear."""
    support = 0.85 + number % 10 / 100
    return Figures(answerable=True, support=support, statements=2, words=40, milliseconds=900.0 + number % 7, tokens=60)


def bad(number: int) -> Figures:
    """One that they do not."""
    return Figures(answerable=True, support=0.1, statements=2, words=40, milliseconds=900.0 + number % 7, tokens=60)
