"""The process that owns the embedded index: clients on a Unix socket before it, the engine's process behind it.

    python -m retrieval.edge_process --path DIR --socket PATH --size N [--parent PID] [--settings JSON]

Every engine call holds Python's GIL, so this process makes none: it keeps the line (searches first), remembers writes
during a rebuild and switches shards, while `retrieval.edge_engine` does the work. It listens as soon as the shard is
loaded. SIGTERM and SIGINT flush and close it. It ends when its parent ends, and when its engine does: whoever started
it starts it again, and clients reconnect.

Exit status: 0 stopped as told, 1 failed (start it again), 75 the folder belongs to another process, 78 the stored index
does not fit or cannot be read.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil

from core.errors import ConfigurationError, Conflict, IndexUnavailable
from retrieval import rpc
from retrieval.edge_child import Engine, EngineLost
from retrieval.edge_home import EXIT_CONFIGURATION, EXIT_OWNED, Current, Home
from retrieval.edge_line import Job, Line
from retrieval.edge_rebuild import Rebuilder
from retrieval.rpc import Frame, Op, Tag
from retrieval.settings import IndexSettings

TICK = 0.25
"""Seconds between two looks at the parent, the waiting writes and whether a rebuild is due."""
SIGN_OF_LIFE = 1.0
_NOTHING = rpc.pack(None)


def command(path: Path, socket: Path, size: int, settings: IndexSettings) -> list[str]:
    """What to start the process with, from the process that is to be its parent."""
    return [
        *(sys.executable, "-m", "retrieval.edge_process"),
        *("--path", str(path), "--socket", str(socket), "--size", str(size)),
        *("--parent", str(os.getpid()), "--settings", settings.embedded()),
    ]


def main(argv: list[str] | None = None, at_stage: Callable[[str], None] = lambda stage: None) -> int:
    """Runs until stopped; the exit status. `at_stage` is told each stage of a rebuild as it begins."""
    parser = argparse.ArgumentParser(prog="retrieval.edge_process", description="Owns the embedded index.")
    parser.add_argument("--path", type=Path, required=True, help="the index's folder")
    parser.add_argument("--socket", type=Path, required=True, help="the Unix socket to listen on")
    parser.add_argument("--size", type=int, required=True, help="dimensions of the dense vectors")
    parser.add_argument("--parent", type=int, help="end when this process, the parent, ends")
    parser.add_argument("--settings", default="{}", help="IndexSettings as JSON")
    arguments = parser.parse_args(argv)
    settings = IndexSettings.model_validate_json(arguments.settings)
    try:
        process = EdgeProcess(arguments.path, arguments.socket, arguments.size, settings, arguments.parent, at_stage)
        return asyncio.run(process.run())
    except Conflict as error:
        print(error.message, file=sys.stderr)
        return EXIT_OWNED
    except ConfigurationError as error:
        print(error.message, file=sys.stderr)
        return EXIT_CONFIGURATION
    except IndexUnavailable as error:
        print(error.message, file=sys.stderr)
        return 1


class EdgeProcess:
    """Socket, line, engine and rebuilds of one index folder. Raises `Conflict` if the folder is someone else's."""

    def __init__(
        self,
        path: Path,
        socket_path: Path,
        size: int,
        settings: IndexSettings,
        parent: int | None,
        at_stage: Callable[[str], None],
    ) -> None:
        self._home = Home(path)
        self._socket_path = socket_path
        self._size = size
        self._settings = settings
        self._parent = parent
        self._at_stage = at_stage
        self._line: Line
        self._rebuilder: Rebuilder
        self._clients: set[asyncio.StreamWriter] = set()

    async def run(self) -> int:
        """Serves until told to stop."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        current, engine = await self._open()
        self._line = Line(engine, self._settings.flush_points)
        self._line.tally.pending = current.pending
        self._rebuilder = Rebuilder(self._home, current, self._line, self._size, self._settings, self._at_stage)
        listener = _listen(self._socket_path)
        server = await asyncio.start_unix_server(self._client, sock=listener, limit=2**20)
        tasks = [
            asyncio.create_task(part) for part in (self._line.run(), self._maintain(), self._watch(stop), stop.wait())
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            failed = next((task.exception() for task in done if task.exception()), None)
        finally:
            server.close()
            self._socket_path.unlink(missing_ok=True)
            for client in list(self._clients):
                client.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if failed is not None:
            await self._line.engine.kill()
            if isinstance(failed, EngineLost):
                raise IndexUnavailable(f"The index process ends because {failed}.") from failed
            raise failed
        await self._close()
        return 0

    async def _open(self) -> tuple[Current, Engine]:
        """The current shard's engine; makes the first shard if there is none."""
        current = self._home.current()
        if current is None:
            current = self._home.new_shard()
            engine = await Engine.start(self._home.shard(current), self._size, self._settings, create=True)
            self._home.switch(current)
        else:
            engine = await Engine.start(self._home.shard(current), self._size, self._settings)
            if not current.pending:  # killed before it could be noted: what came since the rebuild, at least
                info = rpc.unpack((await engine.call(Op.INFO, _NOTHING)).body)
                current = replace(current, pending=max(0, info["points"] - current.optimized))
        await asyncio.to_thread(self._home.remove_leftovers, current)
        return current, engine

    async def _close(self) -> None:
        tally, current = self._line.tally, self._rebuilder.current
        await self._line.engine.stop()
        self._home.switch(replace(current, pending=max(0, tally.pending)))
        self._home.release()

    async def _maintain(self) -> None:
        """Flushes and rebuilds in quiet moments."""
        quiet = self._settings.optimize_quiet
        while True:
            await asyncio.sleep(TICK)
            tally = self._line.tally
            if tally.unflushed and time.monotonic() - tally.last_write >= quiet:
                await self._line.ask(Op.FLUSH)
            await self._rebuilder.run_if_due()

    async def _watch(self, stop: asyncio.Event) -> None:
        """Stops when the parent is gone, fails when the engine hangs, and tells waiting writes that all is well."""
        while True:
            await asyncio.sleep(TICK)
            if self._parent is not None and os.getppid() != self._parent:
                stop.set()
            if self._line.stuck:
                raise EngineLost("the engine has been silent for too long")
            self._line.tell_waiting(SIGN_OF_LIFE)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client: says hello, puts its requests in line."""
        self._clients.add(writer)
        try:
            writer.write(rpc.encode(Frame(0, Tag.HELLO, rpc.pack(self._hello()))))
            while True:
                frame = await rpc.read_frame(reader)
                await writer.drain()  # a client that does not read its replies gets no further requests in
                self._accept(frame, writer)
        except (ConnectionError, asyncio.IncompleteReadError, rpc.FrameTooLarge):
            pass  # the client is gone, or is none of ours
        finally:
            self._clients.discard(writer)
            writer.close()

    def _accept(self, frame: Frame, writer: asyncio.StreamWriter) -> None:
        def answer(reply: Frame) -> None:
            if reply.tag == Tag.OK and frame.tag == Op.INFO:
                reply = Frame(0, Tag.OK, rpc.pack(rpc.unpack(reply.body) | self._own_info()))
            if not writer.is_closing():
                writer.write(rpc.encode(Frame(frame.id, reply.tag, reply.body)))

        if frame.tag not in set(Op) or frame.tag == Op.STOP:
            answer(Frame(0, Tag.ERROR, rpc.pack(["invalid_input", f"The index knows no request {frame.tag}."])))
            return
        self._line.put(Job(op=Op(frame.tag), body=frame.body, answer=answer))

    def _hello(self) -> dict[str, int]:
        return {"protocol": rpc.PROTOCOL, "size": self._size, "pid": os.getpid()}

    def _own_info(self) -> dict[str, int | str | None]:
        engine = self._line.engine
        return {
            "pending": self._line.tally.pending,
            "stage": self._rebuilder.stage,
            "rebuilds": self._rebuilder.rebuilds,
            "last_error": self._rebuilder.last_error,
            "disk_bytes": self._home.disk_bytes(),
            "resident_bytes": sum(_resident(pid) for pid in (os.getpid(), engine.pid)),
            "shard": self._rebuilder.current.shard,
        }


def _listen(path: Path) -> socket.socket:
    """A listening socket only this user can reach. What lies at `path` is a predecessor's: the folder is ours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise ConfigurationError(f"Cannot listen on the socket {path}: {error}. Its path may be too long.") from error
    finally:
        os.umask(before)
    listener.setblocking(False)
    return listener


def _resident(pid: int) -> int:
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


if __name__ == "__main__":
    sys.exit(main())
