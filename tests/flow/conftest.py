"""A real server: the `footnote serve` command on a free port and a folder of its own, its children included."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

READY_SECONDS = 90.0
JOB_SECONDS = 240.0


@dataclass
class Server:
    """One server process and a client of it."""

    data: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    url: str = ""
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60.0))

    @property
    def log(self) -> Path:
        return self.data.with_name(self.data.name + ".log")

    def start(self) -> Server:
        """Starts it and waits until it is ready."""
        self.launch()
        self.wait_ready()
        return self

    def launch(self) -> None:
        """Starts it without waiting."""
        (self.data / "server.json").unlink(missing_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTNOTE_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--quiet"],
                env={**kept, **self.environment, "FOOTNOTE_DATA_DIR": str(self.data)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            with contextlib.suppress(OSError, ValueError, KeyError, httpx.HTTPError):
                self.url = json.loads((self.data / "server.json").read_text())["url"]
                if self.client.get(f"{self.url}/readyz").is_success:
                    return
            time.sleep(0.05)
        pytest.fail(f"not ready after {READY_SECONDS} s:\n{self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        """Asks it to stop and waits; kills what is left."""
        if self.process is None:
            return
        family = self.family()
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        _kill(family)
        self.process.wait()

    def kill(self) -> None:
        """kill -9 of the server itself; its children notice by themselves."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def family(self) -> list[psutil.Process]:
        """The server and everything below it."""
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            server = psutil.Process(self.process.pid)
            return [server, *server.children(recursive=True)]
        return []

    def child(self, word: str) -> psutil.Process | None:
        """The child whose command line contains a word: "worker", "edge_process"."""
        for process in self.family()[1:]:
            with contextlib.suppress(psutil.Error):
                if any(word in part for part in process.cmdline()):
                    return process
        return None

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return self.client.request(method, f"{self.url}{path}", **arguments)

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        response = self.request(method, path, **arguments)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def upload(self, name: str, content: bytes, **form: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.call("POST", "/v1/documents", files={"file": (name, content)}, data=form)
        return answer

    def job(self, job_id: str) -> dict[str, Any]:
        """The job once it is finished."""
        deadline = time.monotonic() + JOB_SECONDS
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.call("GET", f"/v1/jobs/{job_id}")
            if job["status"] in {"succeeded", "failed", "cancelled"}:
                return job
            time.sleep(0.05)
        pytest.fail(f"job {job_id} did not finish: {job}\n{self.log.read_text()[-3000:]}")

    def ingest(self, name: str, content: bytes, **form: str) -> dict[str, Any]:
        """Uploads a file and waits until it answers; returns the upload's response."""
        begun = self.upload(name, content, **form)
        job = self.job(begun["job_id"])
        assert job["status"] == "succeeded", job
        return begun

    def search(self, query: str, **body: Any) -> list[dict[str, Any]]:
        hits: list[dict[str, Any]] = self.call("POST", "/v1/search", json={"query": query, **body})["hits"]
        return hits

    def ask(self, question: str, **body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.call("POST", "/v1/answers", json={"question": question, **body})
        return answer


class Workers:
    """`footnote worker` processes on a server's data folder and database."""

    def __init__(self, server: Server) -> None:
        self._environment = {**os.environ, **server.environment, "FOOTNOTE_DATA_DIR": str(server.data)}
        self._log = server.data.with_name("workers.log")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "app.cli", "worker", "--name", name]
            self._processes[name] = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    def send(self, name: str, number: int) -> None:
        self._processes[name].send_signal(number)

    def wait_ready(self, count: int) -> None:
        """Waits until so many have said that they are."""
        deadline = time.monotonic() + 150
        while self.log.count(" is ready") < count:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()

    @property
    def log(self) -> str:
        return self._log.read_text()


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes servers that are stopped at the end of the test."""
    made: list[Server] = []

    def make(name: str = "data", **environment: str) -> Server:
        server = Server(data=tmp_path / name, environment=environment)
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def new_workers() -> Iterator[Callable[[Server], Workers]]:
    """Makes groups of workers that are stopped at the end of the test."""
    made: list[Workers] = []

    def make(server: Server) -> Workers:
        made.append(Workers(server))
        return made[-1]

    yield make
    for workers in made:
        workers.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of a module."""
    server = Server(data=tmp_path_factory.mktemp("flow") / "data")
    try:
        yield server.start()
    finally:
        server.stop()
