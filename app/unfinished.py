"""Uploads that have begun and not ended: each a file that grows, and beside it a note of what it is to become.

    uploads/ID.part   the bytes so far; an offset is told to the caller only after they are on disk
    uploads/ID.json   whose it is, how long it will be, and the form's fields
    uploads/ID.done   in place of both, for a while: which document it became

One server at a time holds the data folder, so who may write to which file is decided in this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import time
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from app.errors import Locked, TooManyRequests
from app.settings import HttpSettings
from app.store.files import create, guarded, translated, write_all, write_whole
from core.errors import DiskFull, FileTooLarge, FootnoteError, NotFound
from core.types import Principal

log = logging.getLogger("footnote.uploads")

_ID = re.compile(r"[0-9a-f]{32}")
_PATIENCE = 5.0
"""Seconds within which whoever holds an upload has to give way to a newer request for it."""
_SWEEP_EVERY = 600.0
_FINISHED_KEPT = 3600.0
"""Seconds for which a finished upload tells what it became, to a caller that lost the last answer."""


@dataclass(frozen=True, kw_only=True)
class Became:
    """What a finished upload became."""

    document_id: str
    version_id: str
    job_id: str
    unchanged: bool


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An upload and what was said when it began; `fields` are the form's, as they came. `became`: it is finished."""

    id: str
    owner: str
    length: int
    filename: str
    fields: dict[str, list[str]]
    metadata: str = ""
    became: Became | None = None


@dataclass
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    give_way: asyncio.Event = field(default_factory=asyncio.Event)
    users: int = 0


class Unfinished:
    """The uploads in a folder. Only their owners see them; to everyone else they do not exist."""

    def __init__(self, root: Path, settings: HttpSettings) -> None:
        self._root = root
        self._settings = settings
        self._turns: dict[str, _Turn] = {}
        self._known: dict[str, Upload] = {}
        try:
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._load()
        except OSError as error:
            raise translated(error) from error

    # ---- one upload ------------------------------------------------------------------------------------------------

    async def create(
        self, caller: Principal, *, filename: str, length: int, fields: dict[str, list[str]], metadata: str = ""
    ) -> Upload:
        """A new upload of `length` bytes, durable when this returns.

        Raises `TooManyRequests` where the caller has as many or as much unfinished as it may, `DiskFull` where the file
        would not fit.
        """
        mine = [upload for upload in self._known.values() if upload.owner == caller.id]
        if len(mine) >= self._settings.unfinished_uploads_per_caller:
            raise TooManyRequests(
                f"You have {len(mine):,} unfinished uploads. Finish or cancel some, or wait until they expire."
            )
        held = sum(upload.length for upload in mine) + length
        if held > self._settings.unfinished_bytes_per_caller:
            allowed = f"{self._settings.unfinished_bytes_per_caller / 1e6:,.0f} MB"
            raise TooManyRequests(f"Your unfinished uploads would exceed {allowed}. Finish or cancel some first.")
        upload = Upload(
            id=uuid.uuid4().hex, owner=caller.id, length=length, filename=filename, fields=fields, metadata=metadata
        )
        self._known[upload.id] = upload  # before anything is awaited: it counts from now on
        try:
            await guarded(self._begin, upload)
        except BaseException:
            await self.remove(upload.id)
            raise
        return upload

    async def get(self, upload_id: str, caller: Principal) -> Upload:
        """An upload, finished or not. Raises `NotFound` where it expired, was cancelled, or is somebody else's."""
        found = self._known.get(upload_id)
        if found is None and _ID.fullmatch(upload_id):
            found = await guarded(_read, self._path(upload_id, "done"))
        if found is None or found.owner != caller.id:
            raise NotFound("There is no such upload; it expired, or it was cancelled. Begin again.")
        return found

    async def offset(self, upload: Upload) -> int:
        """How many bytes of it are on disk."""
        return upload.length if upload.became else await guarded(_synced_size, self.path(upload))

    async def append(self, upload: Upload, pieces: AsyncIterable[bytes]) -> int:
        """Adds bytes at its end; its offset afterwards. What came before `pieces` broke off is kept.

        Raises `FileTooLarge`, and keeps nothing of `pieces`, where they go beyond its length; `DiskFull`.
        """
        descriptor = await guarded(os.open, self.path(upload), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            start = size = os.fstat(descriptor).st_size
            async for piece in pieces:
                size += len(piece)
                if size > upload.length:
                    os.ftruncate(descriptor, start)
                    raise FileTooLarge(f"More was sent than the {upload.length:,} bytes that `Upload-Length` named.")
                await guarded(write_all, descriptor, piece)
            await guarded(os.fsync, descriptor)
            return size
        finally:
            os.close(descriptor)

    async def finish(self, upload: Upload, became: Became) -> Upload:
        """Notes what the upload became, and drops its bytes, which are a blob by now."""
        done = replace(upload, became=became)
        await guarded(write_whole, self._path(upload.id, "done"), json.dumps(asdict(done)).encode())
        await self._forget(upload.id, ("part", "json"))
        return done

    async def remove(self, upload_id: str) -> None:
        """Takes an upload away; nothing happens where there is none."""
        await self._forget(upload_id, ("part", "json", "done"))

    def path(self, upload: Upload) -> Path:
        """Where its bytes lie."""
        return self._path(upload.id, "part")

    def expires(self, upload: Upload) -> float:
        """When it is swept unless more of it arrives before, in seconds since the epoch."""
        suffix, kept = ("done", _FINISHED_KEPT) if upload.became else ("part", self._settings.upload_retention)
        with contextlib.suppress(FileNotFoundError):
            return self._path(upload.id, suffix).stat().st_mtime + kept
        return time.time()

    @asynccontextmanager
    async def alone(self, upload_id: str, caller: Principal) -> AsyncIterator[asyncio.Event]:
        """Holds an upload of the caller's, so that two requests never write to one file.

        A connection that broke can look alive for minutes, so whoever holds it is asked to give way: the event that the
        block is given is set then. Raises `Locked` where that takes too long, and what `get` raises: nobody else makes
        its owner give way, or learns from waiting that it is there.
        """
        await self.get(upload_id, caller)
        turn = self._turns.setdefault(upload_id, _Turn())
        turn.users += 1
        try:
            if turn.lock.locked():
                turn.give_way.set()
            try:
                await asyncio.wait_for(turn.lock.acquire(), _PATIENCE)
            except TimeoutError:
                raise Locked("Another request is writing to this upload; try again in a moment.") from None
            turn.give_way = asyncio.Event()
            try:
                yield turn.give_way
            finally:
                turn.lock.release()
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[upload_id]

    # ---- all of them -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def swept(self) -> AsyncIterator[Unfinished]:
        """Sweeps what expired, from time to time, for as long as the block lasts."""
        task = asyncio.create_task(self._sweeping(), name="unfinished uploads")
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _sweeping(self) -> None:
        while True:
            try:
                await self.sweep()
            except FootnoteError as error:
                log.warning("cannot sweep unfinished uploads: %s", error.message)
            await asyncio.sleep(_SWEEP_EVERY)

    async def sweep(self) -> int:
        """Removes the uploads that expired and that nobody is writing to; how many."""
        expired = [upload_id for upload_id in await guarded(self._expired) if upload_id not in self._turns]
        for upload_id in expired:
            await self.remove(upload_id)
        return len(expired)

    def _expired(self) -> list[str]:
        now, found = time.time(), []
        for path in self._root.iterdir():
            kept = {".part": self._settings.upload_retention, ".done": _FINISHED_KEPT}.get(path.suffix)
            with contextlib.suppress(FileNotFoundError):
                if kept is not None and path.stat().st_mtime + kept < now:
                    found.append(path.stem)
        return found

    # ---- files -----------------------------------------------------------------------------------------------------

    def _path(self, upload_id: str, suffix: str) -> Path:
        return self._root / f"{upload_id}.{suffix}"

    def _begin(self, upload: Upload) -> None:
        found = os.statvfs(self._root)
        if upload.length > found.f_bavail * found.f_frsize:
            raise DiskFull("The server's disk has no room for this file; free some space there, then try again.")
        os.close(create(self.path(upload)))
        write_whole(self._path(upload.id, "json"), json.dumps(asdict(upload)).encode())

    async def _forget(self, upload_id: str, suffixes: Iterable[str]) -> None:
        self._known.pop(upload_id, None)
        for suffix in suffixes:
            await guarded(self._path(upload_id, suffix).unlink, missing_ok=True)

    def _load(self) -> None:
        """Takes up what an earlier process left, and clears away what it was interrupted in."""
        paths = {path.name: path for path in self._root.iterdir()}
        for name, path in paths.items():
            beside = {suffix: f"{path.stem}.{suffix}" in paths for suffix in ("part", "json", "done")}
            if path.suffix == ".json" and beside["part"] and not beside["done"]:
                upload = _read(path)
                if upload is not None:
                    self._known[upload.id] = upload
                    continue
            if path.suffix == ".done" or (path.suffix == ".part" and beside["json"] and not beside["done"]):
                continue
            log.info("removing %s, which no upload needs", name)
            path.unlink(missing_ok=True)


def _read(path: Path) -> Upload | None:
    try:
        found = json.loads(path.read_bytes())
        became = found.pop("became")
        return Upload(**found, became=became and Became(**became))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _synced_size(path: Path) -> int:
    """The size of a file whose bytes are on disk: only then may a caller forget them."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
