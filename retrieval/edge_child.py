"""The engine's process as its parent sees it: started, asked one thing at a time, stopped or killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from pathlib import Path

from core.errors import ConfigurationError, IndexUnavailable
from retrieval import rpc
from retrieval.edge_home import EXIT_CONFIGURATION, EXIT_NOTHING_TO_DO
from retrieval.rpc import Frame, Op
from retrieval.settings import IndexSettings

STOP_PATIENCE = 30.0
"""Seconds a stopping engine has to flush; the log keeps what it does not."""


class EngineLost(Exception):
    """The engine's process ended or does not answer; nothing more can be asked of it."""


class Engine:
    """A running engine on one shard."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, path: Path, size: int, settings: IndexSettings, *, create: bool = False) -> Engine:
        """An engine that has loaded its shard. Raises `ConfigurationError` or `IndexUnavailable` with its own words."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *_command(path, size, settings),
                *("--pipe", str(theirs.fileno())),
                *(["--create"] if create else []),
                pass_fds=[theirs.fileno()],
                stderr=asyncio.subprocess.PIPE,
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        engine = cls(process, reader, writer)
        try:
            await rpc.read_frame(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            said = await _last_words(process)
            status = await process.wait()
            writer.close()
            if status == EXIT_CONFIGURATION:
                raise ConfigurationError(said) from None
            raise IndexUnavailable(f"The index engine did not start: {said or f'exit status {status}'}") from None
        except BaseException:
            await engine.kill()
            raise
        engine._stderr = asyncio.create_task(_pass_on(process))
        return engine

    _stderr: asyncio.Task[None] | None = None

    async def call(self, tag: int, body: bytes) -> Frame:
        """One request's reply. Not to be called twice at a time. Raises `EngineLost`."""
        try:
            self._writer.write(rpc.encode(Frame(0, tag, body)))
            await self._writer.drain()
            return await rpc.read_frame(self._reader)
        except (OSError, asyncio.IncompleteReadError, rpc.FrameTooLarge) as error:
            raise EngineLost(f"the engine's process is gone ({error!r})") from error

    @property
    def pid(self) -> int:
        return self._process.pid

    async def stop(self) -> None:
        """Flushes, closes the shard and ends the process; kills it where that takes too long."""
        with contextlib.suppress(OSError):
            self._writer.write(rpc.encode(Frame(0, Op.STOP, b"")))
            await self._writer.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), STOP_PATIENCE)
        await self.kill()

    async def kill(self) -> None:
        """Ends the process at once, if it has not ended."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._writer.close()
        if self._stderr is not None:
            await self._stderr


async def rebuild(path: Path, size: int, settings: IndexSettings) -> bool:
    """Runs the optimizer over a shard nobody has open, niced, in a process of its own. False if nothing was to do.

    Cancelling it kills that process. Raises `IndexUnavailable` with its last words if it fails.
    """
    process = await asyncio.create_subprocess_exec(
        *_command(path, size, settings), "--optimize", stderr=asyncio.subprocess.PIPE
    )
    try:
        said = await _last_words(process)
        status = await process.wait()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if status not in (0, EXIT_NOTHING_TO_DO):
        raise IndexUnavailable(f"The index could not be rebuilt: {said or f'exit status {status}'}")
    return status == 0


def _command(path: Path, size: int, settings: IndexSettings) -> list[str]:
    return [
        *(sys.executable, "-m", "retrieval.edge_engine", str(path)),
        *(
            "--size",
            str(size),
            "--parent",
            str(os.getpid()),
            "--settings",
            settings.model_dump_json(exclude={"kind", "qdrant"}),
        ),
    ]


async def _last_words(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    lines = (await process.stderr.read()).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


async def _pass_on(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        sys.stderr.write(line.decode(errors="replace"))
        sys.stderr.flush()


__all__ = ["Engine", "EngineLost", "rebuild"]
