"""Memory of an engine is that of its processes, where they can be looked at; else it is said why not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.gate.memory import NotMeasured, engine_bytes, lent_and_measured
from app.settings import Settings
from finetune.gate.items import Item
from serving.settings import AdapterSettings, EndpointSettings, ServingSettings
from tests.finetune.gate.world import held_out, world

ITEMS = held_out(world())[:6]
MIB = 2**20
_ENGINE = """
import socket, subprocess, sys
holds = b"x" * (int(sys.argv[2]) << 20)
child = subprocess.Popen([sys.executable, "-c", f"x = b'y' * ({sys.argv[3]} << 20); print(1, flush=True); input()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
for line in sys.stdin:
    holds += b"x" * (int(line) << 20)
    print("grown", flush=True)
child.communicate(b"\\n")
"""


class Engine:
    """A process with a child, on a port, that grows when it is told to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._process = process
        self.port = int(process.stdout.readline())

    def grow(self, mib: int) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{mib}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "grown\n"

    def settings(self, **more: Any) -> Settings:
        return settings(f"http://127.0.0.1:{self.port}/v1", **more)


def settings(url: str, flavour: str = "vllm", engines: tuple[str, ...] = ()) -> Settings:
    endpoint = EndpointSettings.model_validate({"base_url": url, "model": "m", "flavour": flavour})
    adapters = AdapterSettings(engines=engines)
    return Settings(serving=ServingSettings(generator="openai_compatible", endpoint=endpoint, adapters=adapters))


@contextmanager
def engine(name: str, own: int = 64, child: int = 64) -> Iterator[Engine]:
    words = [sys.executable, "-c", _ENGINE, name, str(own), str(child)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Engine(process)
        assert process.stdin is not None
        process.stdin.close()


class Rollout:
    """Loads what it is asked for; the engine grows by a version's weights."""

    def __init__(self, grows: Engine | None, loaded: set[str]) -> None:
        self.hands = self
        self.served = loaded
        self._grows = grows

    async def loaded(self) -> frozenset[str]:
        return frozenset(self.served)

    async def lend(self, versions: tuple[str, ...]) -> None:
        for each in versions:
            if each not in self.served and self._grows is not None:
                self._grows.grow(100)
            self.served.add(each)


class Asker:
    """Keeps who was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(self, item: Item, version: str) -> None:
        self.asked.append(version)


async def measured(chosen: Settings, rollout: Rollout, asker: Asker) -> Any:
    services: Any = SimpleNamespace(settings=chosen, rollout=rollout)
    anyone: Any = asker
    return await lent_and_measured(services, anyone, ITEMS, "champion", "candidate")


def test_the_whole_family_counts() -> None:
    with engine("vllm") as made:
        before = engine_bytes(made.settings())
        assert before > 128 * MIB
        made.grow(50)
        assert engine_bytes(made.settings()) - before == pytest.approx(50 * MIB, abs=8 * MIB)


async def test_the_candidate_is_what_comes_on_top() -> None:
    with engine("vllm") as made:
        asker = Asker()
        rollout = Rollout(made, {"champion"})
        found = await measured(made.settings(), rollout, asker)
        assert found.why == ""
        assert found.bytes["candidate"] - found.bytes["champion"] == pytest.approx(100 * MIB, abs=12 * MIB)
        assert rollout.served == {"champion", "candidate"}
        assert asker.asked == ["champion"] * 8 + ["candidate"] * 4


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        (settings("http://192.0.2.7:8100/v1"), "another machine"),
        (settings("http://engine.example:8100/v1"), "another machine"),
        (settings("http://127.0.0.1:9/v1"), "cannot be told"),
        (settings("http://127.0.0.1:9/v1", flavour="generic"), "vLLM alone"),
        (settings("http://127.0.0.1:9/v1", engines=("http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1")), "several"),
        (Settings(), "vLLM alone"),
    ],
)
async def test_what_cannot_be_measured_is_lent_all_the_same_and_said(chosen: Settings, why: str) -> None:
    asker = Asker()
    rollout = Rollout(None, set())
    found = await measured(chosen, rollout, asker)
    assert found.bytes == {}
    assert why in found.why
    assert rollout.served == {"candidate", "champion"}
    assert asker.asked == []


async def test_a_proxy_is_no_engine_and_what_is_served_already_has_no_before(tmp_path: Path) -> None:
    with engine("docker-proxy") as made, pytest.raises(NotMeasured, match="not vLLM itself"):
        engine_bytes(made.settings())
    with engine("vllm") as made:
        found = await measured(made.settings(), Rollout(made, {"champion", "candidate"}), Asker())
        assert "served already" in found.why
