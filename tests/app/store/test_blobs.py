"""Blobs: named by their bytes, whole or not there, and never removed from under an upload."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat

import pytest

from app.store.blobs import FolderBlobs
from core.errors import EmptyFile, FileTooLarge, NotFound, StoreUnavailable


async def pieces(*parts: bytes):
    for part in parts:
        await asyncio.sleep(0)
        yield part


async def unneeded(sha256: str) -> bool:
    return False


@pytest.fixture
def blobs(tmp_path):
    return FolderBlobs(tmp_path / "blobs")


def left_over(tmp_path):
    return list((tmp_path / "blobs" / "tmp").iterdir())


async def test_a_file_is_stored_under_its_hash_and_read_back(blobs, tmp_path):
    data = os.urandom(700_000)
    async with blobs.receive(pieces(data[:10], data[10:]), limit=700_000) as blob:
        assert (blob.sha256, blob.size) == (hashlib.sha256(data).hexdigest(), len(data))
        assert blobs.path(blob.sha256).read_bytes() == data
    assert b"".join([part async for part in blobs.stream(blob.sha256)]) == data
    assert left_over(tmp_path) == []
    assert stat.S_IMODE(blobs.path(blob.sha256).stat().st_mode) & 0o077 == 0


async def test_the_same_bytes_are_kept_once(blobs):
    first = await blobs.put(pieces(b"same"), limit=10)
    before = blobs.path(first.sha256).stat()
    assert await blobs.put(pieces(b"sa", b"me"), limit=10) == first
    assert blobs.path(first.sha256).stat().st_ino == before.st_ino
    assert list(blobs.all()) == [first.sha256]


async def test_a_file_over_the_limit_is_refused_while_it_comes_in(blobs, tmp_path):
    asked = 0

    async def endless():
        nonlocal asked
        while True:
            asked += 1
            yield b"x" * 1000

    with pytest.raises(FileTooLarge):
        await blobs.put(endless(), limit=2500)
    assert asked == 3
    assert (left_over(tmp_path), list(blobs.all())) == ([], [])


async def test_an_empty_file_is_refused(blobs, tmp_path):
    with pytest.raises(EmptyFile):
        await blobs.put(pieces(b"", b""), limit=10)
    assert left_over(tmp_path) == []


async def test_an_upload_that_breaks_off_leaves_nothing(blobs, tmp_path):
    async def broken():
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.put(broken(), limit=10)
    waiting = asyncio.Event()

    async def stuck():
        yield b"half"
        waiting.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(blobs.put(stuck(), limit=10))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (left_over(tmp_path), list(blobs.all())) == ([], [])


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "AB" * 32, "0" * 63, "0" * 65, "0" * 63 + "\n"])
async def test_only_hashes_name_blobs(blobs, name):
    with pytest.raises(NotFound):
        blobs.path(name)
    with pytest.raises(NotFound):
        await blobs.remove(name, unneeded)


async def test_an_unknown_blob_is_not_found(blobs):
    with pytest.raises(NotFound):
        blobs.path("0" * 64)
    with pytest.raises(NotFound):
        [part async for part in blobs.stream("0" * 64)]


async def test_a_needed_blob_stays_and_an_unneeded_one_goes(blobs):
    async def needed(sha256: str) -> bool:
        return True

    blob = await blobs.put(pieces(b"data"), limit=10)
    assert not await blobs.remove(blob.sha256, needed)
    assert blobs.path(blob.sha256).exists()
    assert await blobs.remove(blob.sha256, unneeded)
    assert list(blobs.all()) == []
    assert await blobs.remove(blob.sha256, unneeded)


async def test_a_blob_is_not_removed_between_being_stored_and_being_recorded(blobs):
    await blobs.put(pieces(b"data"), limit=10)
    async with blobs.receive(pieces(b"data"), limit=10) as blob:
        assert not await blobs.remove(blob.sha256, unneeded)
    assert await blobs.remove(blob.sha256, unneeded)


async def test_two_uploads_of_the_same_bytes_do_not_wait_for_each_other(blobs):
    async with blobs.receive(pieces(b"data"), limit=10) as first, blobs.receive(pieces(b"data"), limit=10) as second:
        assert first == second


async def test_an_upload_waits_for_a_removal_and_is_stored_after_it(blobs):
    blob = await blobs.put(pieces(b"data"), limit=10)
    uploads: list[asyncio.Task[object]] = []

    async def needed(sha256: str) -> bool:
        uploads.append(asyncio.create_task(blobs.put(pieces(b"data"), limit=10)))
        await asyncio.sleep(0.05)
        assert not uploads[0].done()
        return False

    assert await blobs.remove(blob.sha256, needed)
    assert await uploads[0] == blob
    assert blobs.path(blob.sha256).read_bytes() == b"data"


async def test_what_a_killed_process_left_is_tidied_and_a_running_upload_is_not(blobs, tmp_path):
    old, new = tmp_path / "blobs" / "tmp" / "old", tmp_path / "blobs" / "tmp" / "new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert blobs.tidy() == 1
    assert left_over(tmp_path) == [new]


async def test_a_folder_that_cannot_be_used_says_so(tmp_path):
    (tmp_path / "blobs").write_text("a file is in the way")
    with pytest.raises(StoreUnavailable):
        FolderBlobs(tmp_path / "blobs")


async def test_how_much_room_is_left(blobs):
    assert blobs.free_bytes() > 0
