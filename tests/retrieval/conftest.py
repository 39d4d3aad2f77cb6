"""What the index's tests share: started index processes, and points to put into them."""

from __future__ import annotations

import math
import os
import signal
import struct
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.types import SparseVector, Vectors
from retrieval import edge_process, index_edge
from retrieval.index_edge import EdgeIndex
from retrieval.ports import Fusion, IndexPoint, IndexQuery, Scope
from retrieval.rpc import socket_path
from retrieval.settings import IndexSettings

SIZE = 16
PATIENT = {"search_timeout": 60.0, "write_timeout": 60.0}
"""Restarts take seconds on a busy machine; tests of the deadlines set their own."""


@dataclass
class Points:
    """Makes points and queries; a point's vector and term follow from its number."""

    size: int = SIZE

    def dense(self, number: int) -> bytes:
        return struct.pack(f"<{self.size}f", *(math.sin(1 + number * (axis + 1)) for axis in range(self.size)))

    def one(self, number: int, version: str = "v") -> IndexPoint:
        return IndexPoint(
            id=str(uuid.UUID(int=number + 1)),
            dense=self.dense(number),
            lexical=SparseVector(indices=(1, 10 + number), values=(1.0, 1.5)),
            collection="default",
            document_id=f"d-{version}",
            version_id=version,
            groups=("everyone",),
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )

    def many(self, start: int, stop: int, version: str = "v") -> list[IndexPoint]:
        return [self.one(number, version) for number in range(start, stop)]

    def query(self, number: int) -> IndexQuery:
        return IndexQuery(
            mode="hybrid",
            dense=Vectors(data=self.dense(number), size=self.size),
            lexical=SparseVector(indices=(10 + number,), values=(1.0,)),
            scope=Scope(groups=frozenset({"everyone"})),
            fusion=Fusion(),
            limit=5,
            prefetch=20,
        )


class Server:
    """Index processes on one folder, one at a time."""

    def __init__(self, folder: Path, settings: IndexSettings) -> None:
        self.folder = folder
        self.settings = settings
        self.socket = socket_path(folder, "index")
        self.process: subprocess.Popen[str] | None = None

    def command(self, size: int = SIZE) -> list[str]:
        return edge_process.command(self.folder / "index", self.socket, size, self.settings)

    def start(self, die_at: str | None = None) -> None:
        """Starts it; with `die_at` it kills itself with SIGKILL when a rebuild reaches that stage."""
        command = self.command()
        if die_at is not None:
            code = (
                "import os, signal, sys; from retrieval import edge_process\n"
                f"die = lambda stage: stage == {die_at!r} and os.kill(os.getpid(), signal.SIGKILL)\n"
                "sys.exit(edge_process.main(sys.argv[1:], die))"
            )
            command = [sys.executable, "-c", code, *command[3:]]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def run(self, size: int = SIZE) -> subprocess.CompletedProcess[str]:
        """Starts a process that is expected to end by itself."""
        return subprocess.run(self.command(size), capture_output=True, text=True, timeout=60, check=False)

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        assert self.process.wait(30) == -signal.SIGKILL

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def client(self) -> EdgeIndex:
        return index_edge.connect(self.socket, self.settings)


@pytest.fixture
def points() -> Points:
    return Points()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts an index process on the test's folder, with settings by keyword; it is killed when the test is over."""
    servers: list[Server] = []

    def start(*, started: bool = True, **settings: float) -> Server:
        server = Server(tmp_path, IndexSettings.model_validate(PATIENT | settings))
        servers.append(server)
        if started:
            server.start()
        return server

    yield start
    for server in servers:
        if server.process is not None and server.process.poll() is None:
            server.kill()


@pytest.fixture
async def server(serve: Callable[..., Server]) -> Server:
    """A started index process with default settings, which answers."""
    server = serve()
    client = server.client()
    await client.ready(60)
    await client.close()
    return server
