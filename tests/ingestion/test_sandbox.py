"""Children that crash, hang, bloat and lie, and a parent that outlives them all."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pymupdf
import pytest

from core.errors import BrokenFile, NoText, ParserLimit, UnsupportedType
from core.types import Block, Box
from ingestion import wire
from ingestion.pipeline import parse
from ingestion.readers.base import Meta, Notice, Progress
from ingestion.replies import Done, Failure, Malformed, MediaType, decode
from ingestion.settings import IngestionSettings

MIB = 1024 * 1024
PAGES = 60


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A PDF of sixty pages, each with its number in words that no other page has."""
    document = pymupdf.open()
    for number in range(1, PAGES + 1):
        page = document.new_page()
        for line in range(12):
            page.insert_text(
                (72, 80 + 14 * line), f"Sentence {line} stands on sheet s{number}s of this file.", fontsize=10
            )
    path = tmp_path / "pages"
    document.save(path)
    return path


def children() -> list[psutil.Process]:
    """The reading children of this very process."""
    return [c for c in psutil.Process().children(recursive=True) if "ingestion.child" in c.cmdline()]


def at_page(wanted: int, act: Callable[[psutil.Process], None]) -> Callable[[int, int], None]:
    """Does something to the child, once, when it begins page `wanted` + 1."""
    acted: list[int] = []

    def on_progress(done: int, total: int) -> None:
        if done >= wanted and not acted:
            acted.append(done)
            for child in children():
                act(child)

    return on_progress


async def test_a_child_killed_in_the_middle_loses_one_page_at_most(pages: Path) -> None:
    document = await parse(pages, "a.pdf", IngestionSettings(), at_page(20, psutil.Process.kill))

    seen = {block.page for block in document.blocks}
    lost = set(range(1, PAGES + 1)) - seen
    assert len(lost) <= 1
    assert [f"Page {page} could not be read: it took too much memory." for page in lost] == list(document.warnings)
    texts = [block.text for block in document.blocks]
    assert len(texts) == len(set(texts))


async def test_a_child_that_hangs_is_killed_and_reading_goes_on(pages: Path) -> None:
    settings = IngestionSettings(silence_seconds=1.5)
    document = await parse(pages, "a.pdf", settings, at_page(30, psutil.Process.suspend))

    assert len({block.page for block in document.blocks}) >= PAGES - 1
    assert len(document.warnings) <= 1
    assert all("took too long" in warning for warning in document.warnings)


async def test_a_child_that_dies_again_and_again_is_given_up(pages: Path) -> None:
    settings = IngestionSettings(max_restarts=2)

    def kill(done: int, total: int) -> None:
        for child in children():
            child.kill()

    with pytest.raises(ParserLimit, match="too many times"):
        await parse(pages, "a.pdf", settings, kill)


async def test_cancelling_kills_the_child(pages: Path) -> None:
    started = asyncio.Event()
    task = asyncio.create_task(parse(pages, "a.pdf", IngestionSettings(), lambda done, total: started.set()))
    await started.wait()
    assert children()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert children() == []


async def test_the_child_dies_with_its_parent(root: Path, pages: Path) -> None:
    code = f"""
import asyncio, os
from pathlib import Path
from ingestion.pipeline import parse
from ingestion.settings import IngestionSettings
import psutil, signal
def stop(done, total):
    (child,) = psutil.Process().children()
    child.suspend()
    print(child.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(parse(Path({str(pages)!r}), "a.pdf", IngestionSettings(), stop))
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=root, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == -signal.SIGKILL
    child = int(out)
    for _ in range(100):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            return
        await asyncio.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child outlived its parent")


async def test_text_without_end_is_cut_off_by_the_output_limit(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_text("A line of text that is not long.\n\n" * 20_000)

    document = await parse(path, "a.txt", IngestionSettings(max_output_bytes=100_000))

    assert sum(len(block.text) for block in document.blocks) < 100_000
    assert "more text than is allowed" in document.warnings[-1]


async def test_blocks_without_end_are_cut_off_however_short(tmp_path: Path) -> None:
    path = tmp_path / "crumbs"
    path.write_text("a\n\n" * 20_000)

    document = await parse(path, "a.txt", IngestionSettings(max_blocks=100))

    assert len(document.blocks) == 101
    assert "more text than is allowed" in document.warnings[-1]


def picture_bomb(side: int) -> bytes:
    """A PDF whose one page is a grey picture of `side` × `side` pixels that packs into a few kilobytes."""
    packer = zlib.compressobj(1)
    rows = bytes(side * 100)
    pixels = b"".join([packer.compress(rows) for _ in range(side // 100)]) + packer.flush()
    picture = (
        b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/FlateDecode"
        b"/Length %d>>stream\n" % (side, side, len(pixels)) + pixels + b"\nendstream"
    )
    draw = b"q 595 0 0 842 0 0 cm /I Do Q"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</XObject<</I 4 0 R>>>>/Contents 5 0 R>>",
        picture,
        b"<</Length %d>>stream\n" % len(draw) + draw + b"\nendstream",
    ]
    body = b"".join(b"%d 0 obj%s\nendobj\n" % (number, data) for number, data in enumerate(objects, 1))
    return b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R/Size 6>>\n%%EOF"


async def test_a_file_that_takes_too_much_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(b"<html><body>" + b"<p>x</p>" * 3_000_000)

    with pytest.raises(ParserLimit, match="too much memory"):
        await parse(path, "a.html", IngestionSettings(memory_bytes=256 * MIB))


async def test_a_picture_bomb_ends_in_one_error_within_its_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(picture_bomb(20_000))
    peak = 0
    settings = IngestionSettings(memory_bytes=384 * MIB)

    async def watch() -> None:
        nonlocal peak
        while True:
            for child in children():
                with_child = _rss(child)
                peak = max(peak, with_child)
            await asyncio.sleep(0.01)

    watcher = asyncio.create_task(watch())
    try:
        with pytest.raises((NoText, ParserLimit)):
            await parse(path, "a.pdf", settings)
    finally:
        watcher.cancel()
    assert 0 < peak < 384 * MIB


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


async def test_garbage_is_refused_by_the_child(tmp_path: Path) -> None:
    path = tmp_path / "garbage"
    path.write_bytes(bytes(range(256)) * 100)

    with pytest.raises(UnsupportedType):
        await parse(path, "report.pdf", IngestionSettings())


async def test_nothing_is_left_behind(pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    await parse(pages, "a.pdf", IngestionSettings())

    assert list(scratch.iterdir()) == []


# ---- the wire -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "block",
    [
        Block(kind="heading", text="Title “quoted” 漢字", level=2, page=3),
        Block(
            kind="table",
            text="a | b",
            rows=(("a", "b"),),
            header=True,
            page=1,
            boxes=(Box(page=1, x0=1.0, y0=2.5, x1=3.0, y1=4.0),),
        ),
        Block(kind="paragraph", text="line\nline"),
    ],
)
def test_blocks_cross_the_wire_unchanged(block: Block) -> None:
    assert decode(wire.encode_block(block).rstrip(b"\n")) == block


def test_what_no_database_stores_is_cleaned_away() -> None:
    block = decode(wire.encode_block(Block(kind="paragraph", text="a\0b\ud800c\x1b")).rstrip(b"\n"))

    assert isinstance(block, Block)
    assert block.text == "abc"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b'N"Page 7"', Notice(text="Page 7")),
        (b'M{"title": null, "pages": 3}', Meta(pages=3)),
        (b'T"text/html"', MediaType(name="text/html")),
        (b'P{"page": 2, "total": 3, "done": 1}', Progress(page=2, total=3, done=1)),
        (b'E{"code": "no_text", "message": "x"}', Failure(code="no_text", message="x")),
        (b"Dnull", Done()),
    ],
)
def test_the_other_lines(line: bytes, reply: Any) -> None:
    assert decode(line) == reply


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"X{}",
        b"B",
        b"B{}",
        b'B{"kind": "script", "text": "x"}',
        b'B{"kind": "paragraph", "text": 5}',
        b'B{"kind": "paragraph", "text": "x", "boxes": [{"page": 1, "x0": NaN, "y0": 0, "x1": 1, "y1": 1}]}',
        b'P{"page": "many"}',
        b"\x80\x04\x95",
    ],
)
def test_a_lying_child_is_not_believed(line: bytes) -> None:
    with pytest.raises(Malformed):
        decode(line)


def test_every_error_a_reader_may_raise_crosses_the_wire() -> None:
    for kind in (BrokenFile, NoText, ParserLimit, UnsupportedType):
        assert wire.CHILD_ERRORS[kind.code] is kind
