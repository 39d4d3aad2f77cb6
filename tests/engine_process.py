"""A real vLLM for the tests: `footnote engine` with a small model and two adapters, on a free port."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from serving.settings import EndpointSettings

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 240.0
ANSWERING = ROOT / "tests" / "data" / "answering_model"
"""The model that learned to answer from given passages; its README says how it was made."""


@dataclass(kw_only=True)
class Engine:
    """The process that watches over vLLM, where vLLM listens, and the folder with "base", "a" and "b"."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    log: Path
    said: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def endpoint(self, **settings: object) -> EndpointSettings:
        """Settings of a generator that asks it; the model is named "tiny", its adapters "a" and "b"."""
        given = {"base_url": self.url, "model": "tiny", "flavour": "vllm", "first_token_seconds": 120.0, **settings}
        return EndpointSettings.model_validate(given)

    def metrics(self) -> str:
        """What it exports to Prometheus."""
        return httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=30).text

    def running(self) -> float:
        """Requests it has in hand, by its own metric."""
        return self._sum("num_requests_running")

    def written(self) -> float:
        """Tokens it has written since it started, by its own metric."""
        return self._sum("generation_tokens_total")

    def _sum(self, metric: str) -> float:
        found = re.findall(rf"^vllm:{metric}\{{.*\}} (\S+)$", self.metrics(), re.MULTILINE)
        return sum(float(value) for value in found)

    def idle(self, seconds: float = 30.0) -> bool:
        """Whether it comes to have nothing in hand."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.running() == 0:
                return True
            time.sleep(0.05)
        return False

    def family(self) -> list[psutil.Process]:
        """vLLM and all its processes; looking for them takes longer than some answers."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self, family: list[psutil.Process]) -> None:
        """kill -9 of these; who watches over them stays."""
        for process in family:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(family, timeout=10)

    def wait_up(self) -> None:
        """Until it lists its models."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/models", timeout=5).is_success:
                    return
            time.sleep(0.2)
        raise AssertionError(f"not up after {START_SECONDS} s:\n{self.log.read_text()[-3000:]}")

    def wait_ready(self) -> None:
        """Until `footnote engine` has said that it passed its probe."""
        deadline = time.monotonic() + START_SECONDS
        while "ready: adapter b" not in self.said:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.1)


def random_models(folder: Path) -> None:
    """ "base" of random weights, with "a" and "b"."""
    # deep enough that a token costs the engine more than its server: one that lags never sees a client leave
    recipe = [sys.executable, "-m", "bench.tiny_llama", str(folder / "base"), "--layers", "10"]
    recipe += ["--adapter", "a", "--adapter", "b"]
    subprocess.run(recipe, cwd=ROOT, check=True, capture_output=True)


def trained_models(folder: Path) -> None:
    """ "base" is the one that learned to answer, partly in eight bits; "a" and "b" are of random weights."""
    from bench.int8 import quantize
    from bench.tiny_llama import build_adapter

    quantize(ANSWERING, folder / "base")
    for seed, name in enumerate("ab", start=1):
        build_adapter(folder / name, folder / "base", seed)


@contextlib.contextmanager
def started(folder: Path, make: Callable[[Path], None] = random_models, **settings: str) -> Iterator[Engine]:
    """Makes the models in a folder and starts vLLM there with these settings, too; not ready yet."""
    python = ROOT / ".venv-engine" / "bin" / "python"
    assert python.exists(), "vLLM is not installed: `make engine` installs it"
    make(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {
        "PYTHON": str(python),
        "MODEL": str(folder / "base"),
        "SERVED_NAME": "tiny",
        "PORT": str(port),
        "ENFORCE_EAGER": "1",
        "CPU_KV_CACHE_GIB": "1",
        "MAX_MODEL_LEN": "8192",
        "ADAPTERS": json.dumps({name: str(folder / name) for name in ("a", "b")}),
        **settings,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTNOTE_")}
    named = {f"FOOTNOTE_SERVING__ENGINE__{name}": value for name, value in given.items()}
    log = folder / "engine.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "engine"],
            cwd=ROOT,
            env={**kept, **named, "HF_HUB_OFFLINE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    said: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=_read, args=(process.stdout, said), daemon=True)
    reader.start()
    try:
        yield Engine(process=process, port=port, folder=folder, log=log, said=said)
    finally:
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        for left in family:
            with contextlib.suppress(psutil.Error):
                left.kill()
        process.kill()
        process.wait()


def _read(stream: object, said: list[str]) -> None:
    for line in stream:  # type: ignore[attr-defined]
        said.append(line.decode("utf-8", "replace").strip())
