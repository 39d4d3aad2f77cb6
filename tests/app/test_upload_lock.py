"""Turns at an upload between processes: one has it, the next asks for it, and the dead have nothing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import app.upload_lock
from app.errors import Locked
from app.upload_lock import Turns

HOLDER = """
import asyncio, sys
from pathlib import Path
from app.upload_lock import Turns

async def main(part, note, gives_way):
    async with Turns().held(Path(part), Path(note)) as give_way:
        print("held", flush=True)
        await (give_way if gives_way == "yes" else asyncio.Event()).wait()
        print("asked", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    part, note = tmp_path / "a.part", tmp_path / "a.json"
    part.touch()
    note.touch()
    return part, note


@asynccontextmanager
async def held_elsewhere(files: tuple[Path, Path], *, gives_way: bool) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process that holds an upload."""
    arguments = [*map(str, files), "yes" if gives_way else "no"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"held\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_another_process_gives_way(files: tuple[Path, Path]) -> None:
    async with held_elsewhere(files, gives_way=True) as process, Turns().held(*files) as give_way:
        assert await process.wait() == 0
        assert process.stdout is not None
        assert await process.stdout.read() == b"asked\n"
        assert not give_way.is_set()


async def test_one_that_does_not_give_way_keeps_it_until_it_is_killed(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with held_elsewhere(files, gives_way=False) as process:
        with monkeypatch.context() as patch:
            patch.setattr(app.upload_lock, "_PATIENCE", 0.1)
            with pytest.raises(Locked, match="Another request is writing"):
                async with Turns().held(*files):
                    pass
        process.kill()
        async with Turns().held(*files) as give_way:
            assert not give_way.is_set()


async def test_nobody_is_asked_twice_by_one_who_waits_no_longer(files: tuple[Path, Path]) -> None:
    here, there = Turns(), Turns()
    async with here.held(*files) as give_way:
        waiting = asyncio.create_task(there.held(*files).__aenter__())
        async with asyncio.timeout(20):
            await give_way.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with there.held(*files):
        pass


async def test_what_ended_while_it_was_waited_for_is_not_waited_for(files: tuple[Path, Path]) -> None:
    here, there = Turns(), Turns()
    async with here.held(*files) as give_way:
        waiting = asyncio.create_task(there.held(*files).__aenter__())
        async with asyncio.timeout(20):
            await give_way.wait()
        for path in files:
            path.unlink()
        async with asyncio.timeout(20):
            assert not (await waiting).is_set()


async def test_a_request_that_is_cancelled_while_it_takes_a_lock_leaves_none(files: tuple[Path, Path]) -> None:
    turns = Turns()
    for _ in range(20):
        taking = asyncio.create_task(turns.held(*files).__aenter__())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
    async with Turns().held(*files):
        pass


async def test_one_after_the_other(tmp_path: Path) -> None:
    here, there, inside, order = Turns(), Turns(), 0, []

    async def begin(turns: Turns, number: int) -> None:
        nonlocal inside
        async with turns.one_by_one(tmp_path / "ab"):
            inside += 1
            await asyncio.sleep(0.001)
            order.append((number, inside))
            inside -= 1

    await asyncio.gather(*(begin(turns, number) for number in range(5) for turns in (here, there)))
    assert [number for number, _ in sorted(order)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert {inside for _, inside in order} == {1}
