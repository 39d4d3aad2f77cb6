"""The process that holds the shard: it reads a request from its pipe, answers, and knows nothing of clients.

    python -m retrieval.edge_engine DIR --size N --parent PID --pipe FD    serve the shard (--create makes it first)
    python -m retrieval.edge_engine DIR --size N --parent PID --optimize   rebuild it in place, sync it, end

Every call of the engine holds Python's GIL, so this process can do nothing else meanwhile; `retrieval.edge_process`
stands before it, keeps the line of requests and stays awake. It dies with its parent.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from core.errors import ConfigurationError, FootnoteError, IndexUnavailable
from retrieval import edge_wire as wire
from retrieval import rpc
from retrieval.edge_home import EXIT_CONFIGURATION, EXIT_NOTHING_TO_DO
from retrieval.edge_shard import Shard
from retrieval.rpc import Frame, Op, Tag
from retrieval.settings import IndexSettings

LOCK_PATIENCE = 10.0
"""Seconds to wait for a killed owner's lock to be released."""

_PR_SET_PDEATHSIG = 1


def main(argv: list[str] | None = None) -> int:
    """Serves or optimizes, as told; the exit status."""
    parser = argparse.ArgumentParser(prog="retrieval.edge_engine")
    parser.add_argument("path", type=Path)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--settings", default="{}")
    parser.add_argument("--pipe", type=int)
    parser.add_argument("--create", action="store_true")
    parser.add_argument("--optimize", action="store_true")
    arguments = parser.parse_args(argv)
    settings = IndexSettings.model_validate_json(arguments.settings)
    _die_with(arguments.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    try:
        if arguments.optimize:
            os.nice(settings.optimize_nice)
            return optimize(arguments.path, arguments.size, settings)
        if arguments.create:
            Shard.create(arguments.path, arguments.size, settings).close()
            sync_tree(arguments.path)
        shard = _load(arguments.path, arguments.size, settings)
        with socket.socket(fileno=arguments.pipe) as pipe, pipe.makefile("rb") as read, pipe.makefile("wb") as write:
            serve(shard, read, write, arguments.size)
    except ConfigurationError as error:
        print(error.message, file=sys.stderr)
        return EXIT_CONFIGURATION
    except FootnoteError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


def serve(shard: Shard, read: IO[bytes], write: IO[bytes], size: int) -> None:
    """Answers requests until told to stop or the other side is gone."""
    hello = {"protocol": rpc.PROTOCOL, "size": size, "pid": os.getpid()}
    _send(write, Frame(0, Tag.HELLO, rpc.pack(hello)))
    while (frame := _receive(read)) is not None and frame.tag != Op.STOP:
        try:
            answer = Frame(frame.id, Tag.OK, rpc.pack(_OPERATIONS[Op(frame.tag)](shard, rpc.unpack(frame.body))))
        except FootnoteError as error:
            answer = Frame(frame.id, Tag.ERROR, rpc.pack([error.code, error.message]))
        except (KeyError, TypeError, ValueError) as error:  # a body that is not what the protocol says
            answer = Frame(frame.id, Tag.ERROR, rpc.pack(["invalid_input", f"The index cannot read this: {error!r}"]))
        _send(write, answer)
    shard.close()


def optimize(path: Path, size: int, settings: IndexSettings) -> int:
    """Rebuilds a shard that nobody else has open, and syncs all its files; `EXIT_NOTHING_TO_DO` if it was as wanted."""
    shard = _load(path, size, settings)
    changed = shard.optimize()
    shard.close()
    if not changed:
        return EXIT_NOTHING_TO_DO
    sync_tree(path)
    return 0


def sync_tree(path: Path) -> None:
    """Every file and folder below `path` is on the disk when it returns."""
    for folder, _, files in os.walk(path):
        for name in [*files, "."]:
            descriptor = os.open(Path(folder, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _load(path: Path, size: int, settings: IndexSettings) -> Shard:
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            return Shard.load(path, size, settings)
        except IndexUnavailable as error:
            if "WouldBlock" not in error.message or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


_OPERATIONS: dict[Op, Callable[[Shard, Any], Any]] = {
    Op.SEARCH: lambda shard, body: wire.hits_to_wire(shard.search(wire.query_from_wire(body))),
    Op.COUNT: lambda shard, body: shard.count(wire.scope_from_wire(body)),
    Op.VERSIONS: lambda shard, body: shard.versions(),
    Op.INFO: lambda shard, body: _info(shard),
    Op.UPSERT: lambda shard, body: shard.upsert(wire.points_from_wire(body)),
    Op.DELETE_VERSIONS: lambda shard, body: shard.delete_versions(body),
    Op.UPDATE_DOCUMENT: lambda shard, body: shard.update_document(body["document"], body["groups"], body["metadata"]),
    Op.FLUSH: lambda shard, body: shard.flush(),
}


def _info(shard: Shard) -> dict[str, int]:
    info = shard.info()
    return {"points": info.points, "segments": info.segments, "indexed": info.indexed}


def _receive(stream: IO[bytes]) -> Frame | None:
    head = stream.read(4)
    if len(head) < 4:
        return None
    data = stream.read(int.from_bytes(head, "big"))
    return Frame(int.from_bytes(data[:8], "big"), data[8], data[9:])


def _send(stream: IO[bytes], frame: Frame) -> None:
    stream.write(rpc.encode(frame))
    stream.flush()


def _die_with(parent: int) -> None:
    """Asks the kernel for a SIGKILL when the parent ends. Elsewhere than on Linux the closed pipe has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the kernel was asked
            os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
