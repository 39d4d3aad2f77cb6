"""Writing files that must be there after a crash, and what a file system's refusals mean."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from core.errors import DiskFull, StoreUnavailable

P = ParamSpec("P")
R = TypeVar("R")


def create(path: Path) -> int:
    """A descriptor of a new file to write. What people upload is nobody else's on this machine."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def write_all(descriptor: int, data: bytes) -> None:
    """All of `data`; where the disk is full what fitted stays written."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def write_whole(path: Path, data: bytes) -> None:
    """Puts a file in place with this content, on disk when it returns; a crash leaves the one before or this one."""
    beside = path.with_name(f"{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """A new name in a folder is on disk only after this."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def guarded(function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Runs in a thread what touches files. Raises `StoreUnavailable`, `DiskFull` among it, for an `OSError`."""
    try:
        return await asyncio.to_thread(function, *arguments, **named)
    except OSError as error:
        raise translated(error) from error


async def unbroken(work: Coroutine[Any, Any, R], undo: Callable[[R], object] | None = None) -> R:
    """Waits for the end of what a thread does also where the caller is cancelled, which must not leave it at work.

    `undo` is given what came of it then.
    """
    running = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        if undo is not None and not running.cancelled() and running.exception() is None:
            undo(running.result())
        raise


def translated(error: OSError) -> StoreUnavailable:
    """A file system's refusal as a sentence for whoever runs the server."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("The disk is full; free some space where the data folder lies, then try again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreUnavailable("The blobs' folder cannot be written; give this user the right to write there.")
    return StoreUnavailable(f"The file could not be stored: {error.strerror or error}.")
