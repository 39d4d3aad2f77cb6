"""Two servers on one database: what the one had in hand that was killed the other ends, and it stops what is asked of
any."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.auth import LOCAL
from app.store.run_records import NewRun, RunRecord
from app.store.store import Store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def servers(postgres: Any, tmp_path: Path) -> AsyncIterator[tuple[Store, list[asyncio.subprocess.Process]]]:
    """A database, and two processes that work on its runs."""
    with postgres.database() as database:
        async with await Store.open(database) as store:
            program = [sys.executable, "-m", "tests.app.agent_server", database, str(tmp_path)]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            pipe = asyncio.subprocess.PIPE
            both = [
                await asyncio.create_subprocess_exec(*program, cwd=ROOT, env=environment, stdout=pipe) for _ in range(2)
            ]
            try:
                yield store, both
            finally:
                for process in both:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()


async def promised(store: Store, words: str) -> RunRecord:
    thread = await store.threads.create(LOCAL)
    return await store.runs.create(LOCAL, NewRun(thread_id=thread.id, agent="worker", request={"task": words}))


async def holder(both: list[asyncio.subprocess.Process], run: RunRecord) -> asyncio.subprocess.Process:
    """Whoever works on a run, once it is in the middle of it."""
    lines = {asyncio.create_task(each.stdout.readline()): each for each in both if each.stdout}
    async with asyncio.timeout(120):
        done, others = await asyncio.wait(lines, return_when=asyncio.FIRST_COMPLETED)
    [said] = done
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    assert said.result().decode().split() == ["holding", run.id]
    return lines[said]


async def ended(store: Store, run: RunRecord) -> RunRecord:
    async with asyncio.timeout(120):
        while not (found := await store.runs.get(run.id, LOCAL)).finished:
            await asyncio.sleep(0.05)
    return found


async def test_the_other_server_ends_what_a_killed_one_had_in_hand(
    servers: tuple[Store, list[asyncio.subprocess.Process]], tmp_path: Path
) -> None:
    store, both = servers
    stopped = await promised(store, "hold search")
    await holder(both, stopped)
    await store.runs.cancel(stopped.id, LOCAL, "interrupt")
    assert (await ended(store, stopped)).error.code == "cancelled"

    run = await promised(store, "search hold search")
    first = await holder(both, run)
    first.kill()
    await first.wait()
    (tmp_path / "go").touch()
    over = await ended(store, run)
    assert (over.status, over.attempts) == ("success", 2)
    steps = await store.run_steps.list(run.id)
    assert [step.body["status"] for step in steps] == ["done", "done", "done"]
