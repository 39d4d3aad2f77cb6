"""Reading in a child process that may crash, hang and bloat without hurting anyone. See `confine` for its limits.

The parent only ever reads validated JSON lines, bounded in length and in sum. When a page of a document kills the
child, a fresh one goes on after it, and a warning says which page is missing.
"""

from __future__ import annotations

import asyncio
import compileall
import contextlib
import json
import logging
import os
import shutil
import signal
import stat
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path

from core.errors import BrokenFile, ParserLimit
from core.types import Block, ParsedDocument
from ingestion import faults, wire
from ingestion.continued import join_across_pages
from ingestion.readers.base import Meta, Notice, Progress
from ingestion.replies import Done, Failure, Malformed, MediaType, Reply, decode
from ingestion.settings import IngestionSettings

OnProgress = Callable[[int, int], None]
"""Called with the number of pages read so far and the number of pages there are."""

_log = logging.getLogger(__name__)
_ROOT = Path(__file__).resolve().parent.parent
_PIECE = 256 * 1024
_MAX_LINE = 32 * 1024 * 1024
_MOST_NOTICES = 1_000

_TOO_LONG = "took too long"
_TOO_BIG = "took too much memory"
_TOO_MUCH = "holds more text than is allowed here"
_CRASHED = "crashed the reader"
_RAMBLED = "made the reader answer nonsense"


class _Died(Exception):
    """The child ended without a last word; the reason completes "The page …"."""


class _Overrun(Exception):
    """The whole document ran over one of its limits."""


@dataclass(kw_only=True)
class _Reading:
    """What has come in so far."""

    blocks: list[Block] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    media_type: str = ""
    title: str | None = None
    pages: int | None = None
    position: Progress | None = None

    def take(self, reply: Reply) -> None:
        if isinstance(reply, Block):
            self.blocks.append(reply)
        elif isinstance(reply, Notice):
            if len(self.notices) < _MOST_NOTICES and reply.text not in self.notices:
                self.notices.append(reply.text)
        elif isinstance(reply, Meta):
            self.title = reply.title if reply.title is not None else self.title
            self.pages = reply.pages if reply.pages is not None else self.pages
        elif isinstance(reply, MediaType):
            self.media_type = reply.name
        elif isinstance(reply, Progress):
            self.position = reply


async def parse_sandboxed(
    path: Path, filename: str, settings: IngestionSettings, on_progress: OnProgress | None = None
) -> ParsedDocument:
    """Reads a file in a child process. Cancelling kills the child.

    Raises `EmptyFile`, `UnsupportedType`, `PasswordProtected`, `BrokenFile`, `NoText` and `ParserLimit`. A document
    of which only some pages could be read is returned with warnings that name the others.
    """
    reading = _Reading()
    await asyncio.to_thread(_compile_once)
    deadline = time.monotonic() + settings.document_seconds
    with _scratch() as scratch:
        order = _order(path, filename, scratch, settings)
        for restart in range(settings.max_restarts + 1):
            try:
                await _read(order, settings, deadline, reading, on_progress)
                break
            except _Died as death:
                following = _after(str(death), order, reading, last=restart == settings.max_restarts)
                if following is None:
                    break
                order = following
            except _Overrun as overrun:
                _give_up(str(overrun), reading)
                break
    return ParsedDocument(
        media_type=reading.media_type,
        blocks=tuple(join_across_pages(reading.blocks)),
        title=reading.title,
        pages=reading.pages,
        warnings=tuple(reading.notices),
    )


async def draw_sandboxed(path: Path, drawing: wire.Drawing, settings: IngestionSettings, most: int) -> bytes | None:
    """A page's picture, drawn by a child; None when it has more than `most` bytes. Raises what the child ended in."""
    deadline = time.monotonic() + settings.silence_seconds
    with _scratch() as scratch:
        order = replace(_order(path, path.name, scratch, settings), drawing=drawing)
        try:
            await _read(order, settings, deadline, _Reading(), None)
        except (_Died, _Overrun) as death:
            raise ParserLimit(f"The page cannot be shown: it {death}.") from None
        return await asyncio.to_thread(left_picture, scratch / wire.PICTURE, most)


def left_picture(path: Path, most: int) -> bytes | None:
    """The bytes of what the child left there: a plain file, never what a link or a pipe in its place leads to."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            data = file.read(most + 1)
            return data if len(data) <= most else None
    except OSError:
        return None


def _order(path: Path, filename: str, scratch: Path, settings: IngestionSettings) -> wire.Order:
    return wire.Order(
        path=str(path.resolve()),
        filename=filename,
        scratch=str(scratch),
        limits=settings.read_limits(),
        memory_bytes=settings.memory_bytes,
        cpu_seconds=settings.cpu_seconds,
        isolate_network=settings.isolate_network,
    )


async def _read(
    order: wire.Order,
    settings: IngestionSettings,
    deadline: float,
    reading: _Reading,
    on_progress: OnProgress | None,
) -> None:
    """One child's life. Raises its error, or `_Died`."""
    budget = settings.max_output_bytes - sum(len(block.text) for block in reading.blocks)
    async with _child(order) as process:
        async for line in _lines(process, settings.silence_seconds, deadline, budget):
            try:
                reply = decode(line)
            except Malformed as error:
                _log.warning("the reader of %r sent a malformed line: %s", order.filename, error)
                raise _Died(_RAMBLED) from None
            if isinstance(reply, Done):
                return
            if isinstance(reply, Failure):
                _raise(reply, order)
            reading.take(reply)
            if len(reading.blocks) > settings.max_blocks:  # each takes memory here, however short it is
                raise _Overrun(_TOO_MUCH)
            if isinstance(reply, Progress) and on_progress is not None:
                on_progress(reply.done, reply.total)
        raise _Died(_cause_of_death(await process.wait()))


def _raise(failure: Failure, order: wire.Order) -> None:
    if failure.code in wire.CHILD_ERRORS:
        raise wire.CHILD_ERRORS[failure.code](failure.message)
    if failure.code == wire.OUT_OF_MEMORY:
        raise _Died(_TOO_BIG)
    _log.warning("the reader failed on %r: %s", order.filename, faults.believed(failure.message))
    raise _Died(_CRASHED)


def _after(cause: str, order: wire.Order, reading: _Reading, *, last: bool) -> wire.Order | None:
    """The order for the next child: everything after the pages that are done, without the page that killed this one."""
    position, reading.position = reading.position, None
    if position is not None:
        reading.notices.append(f"Page {position.page} could not be read: it {cause}.")
        if not last:
            return replace(order, first_page=position.done + 1, skip_pages=tuple({*order.skip_pages, position.page}))
        cause = "killed the reader too many times"
    elif cause not in (_TOO_LONG, _TOO_BIG) and not reading.blocks:
        raise BrokenFile(f"The file could not be read: it {cause}. Save it again and upload the new copy.") from None
    _give_up(cause, reading)
    return None


def _give_up(reason: str, reading: _Reading) -> None:
    """Keeps what was read, or raises `ParserLimit` when that is nothing."""
    if not any(block.text.strip() for block in reading.blocks):
        raise ParserLimit(f"The file could not be read: it {reason}. Split it into smaller files.") from None
    last_page = max((block.page or 0 for block in reading.blocks), default=0)
    where = f" after page {last_page}" if last_page else ""
    reading.notices.append(f"Reading stopped{where}: the file {reason}.")


# ---- the process --------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _child(order: wire.Order) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child at work on an order; killed with its whole process group on the way out."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "ingestion.child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=order.scratch,
        env=_environment(order.scratch),
        start_new_session=True,
    )
    try:
        assert process.stdin is not None
        with contextlib.suppress(ConnectionError):  # it died at once; its exit status tells
            process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
            await process.stdin.drain()
            process.stdin.close()
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())


async def _lines(
    process: asyncio.subprocess.Process, silence: float, deadline: float, budget: int
) -> AsyncIterator[bytes]:
    """The child's lines. Raises `_Died` after a silence too long, `_Overrun` after too much time or text."""
    assert process.stdout is not None
    rest = b""
    while True:
        left = deadline - time.monotonic()
        try:
            piece = await asyncio.wait_for(process.stdout.read(_PIECE), min(silence, max(left, 0.01)))
        except TimeoutError:
            if left <= silence:
                raise _Overrun(_TOO_LONG) from None
            raise _Died(_TOO_LONG) from None
        if not piece:
            return
        budget -= len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        if budget < 0 or len(rest) > _MAX_LINE:
            raise _Overrun(_TOO_MUCH)
        for line in lines:
            yield line


@cache
def _compile_once() -> None:
    """Compiles the room's modules, since the child, which may write nowhere, would compile them at every start."""
    compileall.compile_dir(_ROOT / "ingestion", quiet=2)


def _cause_of_death(status: int) -> str:
    if status == -signal.SIGXCPU:
        return _TOO_LONG
    if status == -signal.SIGKILL:  # not by us, so by the kernel, which was out of memory
        return _TOO_BIG
    return _CRASHED


def _environment(scratch: str) -> dict[str, str]:
    """Only what the child needs. One thread for Tesseract: OpenMP's waiting threads cost more than they give."""
    kept = {name: os.environ[name] for name in ("PATH", "TESSDATA_PREFIX", "LD_LIBRARY_PATH") if name in os.environ}
    return {
        **kept,
        "HOME": scratch,
        "TMPDIR": scratch,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_THREAD_LIMIT": "1",
    }


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="footnote-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
