"""Two servers' views of one folder of uploads: what the one does the other sees, and only what is over is swept."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.errors import TooManyRequests
from app.settings import HttpSettings
from app.store.files import create
from app.unfinished import Unfinished
from app.upload_files import Became, Upload, UploadFiles
from core.errors import NotFound
from core.types import Principal

ANA, BEN = (Principal(id=name, groups=frozenset()) for name in ("ana", "ben"))
BECAME = Became(document_id="d", version_id="v", job_id="j", unchanged=False)
LIMITS = HttpSettings(unfinished_uploads_per_caller=3, unfinished_bytes_per_caller=1000, upload_retention=100_000)
HOUR, LONG = 3600, 200_000
LEFT = {f"{'a' * 32}.part", f"{'b' * 32}.json", f"{'c' * 32}.json.new"}

RECEIVING = """
import asyncio, sys
from pathlib import Path
from app.settings import HttpSettings
from app.unfinished import Unfinished
from core.types import Principal

async def pieces():
    yield b"1234"
    print("written", flush=True)
    await asyncio.Event().wait()

async def main():
    uploads, ana = Unfinished(Path(sys.argv[1]), HttpSettings()), Principal(id="ana")
    upload = await uploads.create(ana, filename="leave.txt", length=10, fields={})
    print(upload.id, flush=True)
    async with uploads.alone(upload.id, ana):
        await uploads.append(upload, pieces())

asyncio.run(main())
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


@pytest.fixture
def two(root: Path) -> tuple[Unfinished, Unfinished]:
    return Unfinished(root, LIMITS), Unfinished(root, LIMITS)


async def begin(uploads: Unfinished, length: int = 10, caller: Principal = ANA) -> Upload:
    return await uploads.create(caller, filename="leave.txt", length=length, fields={"title": ["Leave"]})


async def add(uploads: Unfinished, upload: Upload, data: bytes) -> int:
    async def pieces() -> AsyncIterator[bytes]:
        yield data

    async with uploads.alone(upload.id, ANA):
        return await uploads.append(upload, pieces())


def age(path: Path, seconds: float) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def names(root: Path) -> set[str]:
    return {path.name for path in root.iterdir() if path.is_file()}


async def test_what_one_does_the_other_sees(two: tuple[Unfinished, Unfinished], root: Path) -> None:
    here, there = two
    upload = await begin(here)
    assert await there.get(upload.id, ANA) == upload
    assert await add(here, upload, b"1234") == 4
    assert await there.offset(upload) == 4
    assert await add(there, upload, b"567890") == 10
    assert here.path(upload).read_bytes() == there.path(upload).read_bytes() == b"1234567890"
    done = await there.finish(upload, BECAME)
    assert await here.get(upload.id, ANA) == done
    assert await here.offset(done) == 10
    assert names(root) == {f"{upload.id}.json"}
    await here.remove(upload.id)
    with pytest.raises(NotFound):
        await there.get(upload.id, ANA)


async def test_how_many_and_how_much_is_counted_over_both(two: tuple[Unfinished, Unfinished]) -> None:
    here, there = two
    first, _, _ = [await begin(uploads) for uploads in (here, there, here)]
    await begin(there, caller=BEN)
    for uploads in two:
        with pytest.raises(TooManyRequests, match="3 unfinished"):
            await begin(uploads)
    await there.finish(first, BECAME)
    for uploads in two:
        with pytest.raises(TooManyRequests, match="exceed"):
            await begin(uploads, 981)
    await begin(here, 980)


async def test_two_that_begin_at_once_count_each_other(two: tuple[Unfinished, Unfinished], root: Path) -> None:
    begun = await asyncio.gather(*(begin(uploads) for uploads in two * 5), return_exceptions=True)
    assert sorted(type(each).__name__ for each in begun) == ["TooManyRequests"] * 7 + ["Upload"] * 3
    assert len(names(root)) == 6, "what was refused left nothing"


async def test_one_server_waits_for_the_other(two: tuple[Unfinished, Unfinished]) -> None:
    here, there = two
    upload = await begin(here)

    async def slow(give_way: asyncio.Event) -> AsyncIterator[bytes]:
        yield b"1234"
        await give_way.wait()

    async def go_on() -> tuple[Upload, int]:
        async with there.alone(upload.id, ANA):
            found = await there.get(upload.id, ANA)
            return found, await there.offset(found)

    async with here.alone(upload.id, ANA) as give_way:
        going_on = asyncio.create_task(go_on())
        assert await here.append(upload, slow(give_way)) == 4
        assert not going_on.done()
    assert await going_on == (upload, 4)

    async with here.alone(upload.id, ANA) as give_way:
        going_on = asyncio.create_task(go_on())
        await give_way.wait()
        done = await here.finish(upload, BECAME)
    assert await going_on == (done, 10)

    async with here.alone(upload.id, ANA):
        await here.remove(upload.id)
    with pytest.raises(NotFound):
        await go_on()


async def test_one_that_is_cancelled_in_the_middle_of_writing_writes_nothing_later(
    two: tuple[Unfinished, Unfinished], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    upload = await begin(here)
    writing, real = asyncio.Event(), os.write
    loop = asyncio.get_running_loop()

    def slow_disk(descriptor: int, data: bytes) -> int:
        loop.call_soon_threadsafe(writing.set)
        time.sleep(0.2)
        return real(descriptor, data)

    monkeypatch.setattr("app.store.files.os.write", slow_disk)
    adding = asyncio.create_task(add(here, upload, b"1234"))
    await writing.wait()
    adding.cancel()
    async with there.alone(upload.id, ANA):
        assert await there.offset(upload) == 4
    with pytest.raises(asyncio.CancelledError):
        await adding


# ---- sweeping ------------------------------------------------------------------------------------------------------


async def test_what_is_over_is_swept(two: tuple[Unfinished, Unfinished], root: Path) -> None:
    here, there = two
    expired, told, kept = [await begin(here) for _ in range(3)]
    await here.finish(told, BECAME)
    age(here.path(expired), LONG)
    age(root / f"{told.id}.json", HOUR + 1)
    left = [
        root / f"{letter * 32}.{suffix}" for letter, suffix in zip("abc", ("part", "json", "json.new"), strict=True)
    ]
    for path in left:
        path.write_bytes(b"a server was killed in the middle of it")
        age(path, HOUR + 1)
    assert await there.sweep() == 3  # and the note without bytes
    assert names(root) == {f"{kept.id}.part", f"{kept.id}.json"}
    assert await here.sweep() == 0


async def test_what_another_server_is_doing_is_not_swept(two: tuple[Unfinished, Unfinished], root: Path) -> None:
    here, there = two
    upload = await begin(here)
    for name in LEFT:  # just begun, finished, being written
        (root / name).write_bytes(b"{}")
    descriptor = create(root / f"{'d' * 32}.part")  # being begun, for a very long time
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    age(root / f"{'d' * 32}.part", LONG)
    before = names(root)
    async with here.alone(upload.id, ANA):
        age(here.path(upload), LONG)
        assert await there.sweep() == 0
        assert names(root) == before
    os.close(descriptor)
    assert await there.sweep() == 1
    assert names(root) == {
        f"{letter * 32}.{suffix}" for letter, suffix in (("a", "part"), ("b", "json"), ("c", "json.new"))
    }


async def test_a_clock_that_is_wrong_sweeps_nothing_that_is_being_begun(
    two: tuple[Unfinished, Unfinished], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    real, swept = os.fsync, []

    def meanwhile(descriptor: int) -> None:
        if not swept:
            [part] = root.glob("*.part")
            swept.append(UploadFiles(root, LIMITS).sweep())
            assert age(part, LONG).exists()
            swept.append(UploadFiles(root, LIMITS).sweep())
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr("app.store.files.os.fsync", meanwhile)
        upload = await begin(here)
    assert swept == [0, 0]
    assert await there.offset(upload) == 0


async def test_a_server_that_was_killed_in_the_middle_of_finishing(
    two: tuple[Unfinished, Unfinished], root: Path
) -> None:
    here, there = two
    upload = await begin(here)
    part, data = here.path(upload), b"1234567890"
    await add(here, upload, data)
    done = await here.finish(upload, BECAME)
    part.write_bytes(data)
    assert await there.get(upload.id, ANA) == done
    assert await there.sweep() == 0
    age(part, HOUR + 1)
    assert await there.sweep() == 0
    assert names(root) == {f"{upload.id}.json"}


async def test_a_server_that_is_killed_while_it_receives(two: tuple[Unfinished, Unfinished], root: Path) -> None:
    arguments = [sys.executable, "-c", RECEIVING, str(root)]
    process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        upload_id = (await process.stdout.readline()).decode().strip()
        assert await process.stdout.readline() == b"written\n"
    finally:
        process.kill()
        await process.wait()
    for uploads in two:
        upload = await uploads.get(upload_id, ANA)
        async with uploads.alone(upload.id, ANA) as give_way:
            assert await uploads.offset(upload) == 4
            assert not give_way.is_set()
