"""Child processes of the server: started, watched, started again when they die, stopped with it.

A child that dies is restarted after a pause that doubles while it keeps dying at once. When the server itself is killed
its children follow: the kernel sends them SIGTERM (PR_SET_PDEATHSIG), so no orphan keeps a lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

log = logging.getLogger("footnote.supervisor")

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
_STEADY_AFTER = 10.0
_GRACE = 10.0
_PR_SET_PDEATHSIG = 1


@dataclass(kw_only=True)
class Child:
    """One supervised process: how to start it, and how it fares."""

    name: str
    command: Sequence[str]
    nice: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    heard: Callable[[str], None] | None = None
    """Is told every line of its standard output, which is passed on."""
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None


class Supervisor:
    """Keeps children running until `stop`."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self._watchers: list[asyncio.Task[None]] = []
        self._listeners: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def start(self, child: Child) -> None:
        """Starts a child and watches it from now on."""
        self.children.append(child)
        await self._spawn(child)
        self._watchers.append(asyncio.create_task(self._watch(child), name=f"watch-{child.name}"))

    async def stop(self) -> None:
        """Asks every child to end, the last started first, and kills those that do not within ten seconds."""
        self._stopping = True
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        for child in reversed(self.children):
            await _end(child)
        for listener in self._listeners:
            listener.cancel()
        await asyncio.gather(*self._listeners, return_exceptions=True)

    async def _watch(self, child: Child) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping:
            assert child.process is not None
            started = time.monotonic()
            code = await child.process.wait()
            if time.monotonic() - started > _STEADY_AFTER:
                pause = _FIRST_PAUSE
            log.warning("%s ended with %s; starting it again in %.1f s", child.name, _describe(code), pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            child.restarts += 1
            await self._spawn(child)

    async def _spawn(self, child: Child) -> None:
        # A pipe of our own: one of asyncio's would keep `wait` waiting while a grandchild has it open.
        reading, writing = os.pipe() if child.heard is not None else (None, None)
        try:
            child.process = await asyncio.create_subprocess_exec(
                *child.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                env={**os.environ, **child.environment},
                preexec_fn=_tied_to_parent(child.nice),
                start_new_session=True,  # Ctrl-C reaches the server, which then stops its children in order
            )
        finally:
            if writing is not None:
                os.close(writing)
        log.info("%s runs as process %d", child.name, child.process.pid)
        if reading is not None and child.heard is not None:
            listener = asyncio.create_task(_listen(reading, child.heard), name=f"listen-{child.name}")
            self._listeners.add(listener)
            listener.add_done_callback(self._listeners.discard)


def _tied_to_parent(nice: int) -> Callable[[], None]:
    parent = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def prepare() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # the parent died before the call took hold
                os._exit(1)
        os.nice(nice)

    return prepare


async def _listen(descriptor: int, heard: Callable[[str], None]) -> None:
    """Passes on what comes, in whole lines so that they mix with no others, and tells each of them."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(descriptor, "rb", 0))
    rest = b""
    try:
        while piece := await reader.read(2**16):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                sys.stdout.buffer.write(line + b"\n")
                heard(line.decode("utf-8", "replace"))
            sys.stdout.buffer.flush()
        if rest:
            heard(rest.decode("utf-8", "replace"))
    finally:
        transport.close()


async def _end(child: Child) -> None:
    process = child.process
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _GRACE)
    except TimeoutError:
        log.warning("%s did not end within %.0f s; killing it", child.name, _GRACE)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _describe(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
