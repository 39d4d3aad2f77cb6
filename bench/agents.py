"""What the agents' loop takes beside the model: many runs at once, whose model is a clock.

    python -m bench.agents [--runs 200] [--steps 8] [--seconds 2.0] [--out bench/results/agents.json]

Every run is the real one (graph, policy, budget, checkpoints in a file, the server's event loop); only the model is
replaced by one that takes `--seconds` for a step, give or take half, and then writes what it was told. What counts is
the time between the end of one generation and the beginning of the next one of the same run, with whatever it waited
for others in between: all runs share one event loop. Runs begin spread over one generation's time, as people's do.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import platform
import random
import resource
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import uvloop

from agents.checkpoints import open_checkpoints
from agents.declared import AgentSpec, Declared
from agents.policy import Policy
from agents.runner import Agents, RunRequest
from agents.settings import AgentSettings, DocumentToolSettings
from agents.tools.calculate import calculate_tool
from agents.tools.search import search_tool
from core.types import (
    Delta,
    Generation,
    GenerationRequest,
    GeneratorInfo,
    Hit,
    Principal,
    SearchRequest,
    SearchResult,
    Usage,
)

INFO = GeneratorInfo(name="clock", fingerprint="clock-1")
PASSAGE = "Every employee has 28 days of paid leave a year; unused days expire at the end of March. " * 8


class Clock:
    """A model that takes its time and then searches and calculates in turns, until it has taken its steps and answers.

    `spans` are the times of each run's generations, by the person it works for.
    """

    info = INFO

    def __init__(self, steps: int, seconds: float) -> None:
        self._steps = steps
        self._seconds = seconds
        self._chance = random.Random(1)
        self.spans: dict[str, list[tuple[float, float]]] = defaultdict(list)

    async def complete(self, request: GenerationRequest) -> Generation:
        began = time.perf_counter()
        await asyncio.sleep(self._seconds * self._chance.uniform(0.5, 1.5))
        taken = len(request.steps)
        action: dict[str, Any]
        if taken + 1 == self._steps:
            said = [{"text": "28 days of paid leave a year.", "sources": [request.sources[0].id]}]
            action = {"tool": "answer", "answer": {"answerable": True, "statements": said}}
        elif taken % 2:
            action = {"tool": "calculate", "arguments": {"expression": f"28 + {taken}"}}
        else:
            action = {"tool": "search_documents", "arguments": {"query": f"paid leave {taken}"}}
        text = json.dumps({"thought": "I look further, since that does not answer it yet.", "action": action})
        self.spans[request.caller].append((began, time.perf_counter()))
        return Generation(text=text, generator=INFO, usage=Usage(prompt_tokens=900, completion_tokens=60))

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        whole = await self.complete(request)
        yield Delta(text=whole.text, final=whole)

    async def check(self) -> None:
        """It is always well."""

    async def close(self) -> None:
        """It holds nothing."""


class Shelf:
    """A searcher that finds five new passages at once, and a library in which everybody may read them."""

    def __init__(self) -> None:
        self._found = 0

    async def search(self, request: SearchRequest) -> SearchResult:
        self._found += 5
        hits = tuple(self._hit(self._found - n) for n in range(5))
        return SearchResult(hits=hits, timings_ms={})

    async def readable(self, document_ids: Any, principal: Principal) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(document_ids, ("everyone",))

    def _hit(self, number: int) -> Hit:
        return Hit(
            chunk_id=f"c{number}",
            document_id=f"d{number}",
            version_id=f"v{number}",
            title="Handbook",
            text=f"{number}. {PASSAGE}",
            score=0.5,
            scores={},
        )


class Supports:
    """A verifier that is always content: likeness is measured elsewhere."""

    async def support(self, statement: str, sources: Any) -> float:
        return 1.0


class NoEffects:
    """A ledger that is never asked: nothing here writes or sends."""


async def one(agents: Agents, number: int, delay: float) -> tuple[float, float, int]:
    """When a run was asked for and when it had ended, and how many steps it took."""
    await asyncio.sleep(delay)
    asked = time.perf_counter()
    request = RunRequest(
        run_id=f"r{number}", thread_id=f"t{number}", principal=Principal(id=f"p{number}"), task="How much paid leave?"
    )
    async for event in agents.run(request):
        last = event
    assert last.data["status"] == "success", last.data
    assert last.data["values"]["answer"]["answerable"]
    return asked, time.perf_counter(), len(last.data["values"]["steps"])


async def measure(runs: int, steps: int, seconds: float) -> dict[str, Any]:
    """All runs at once; the milliseconds between generations, tools apart."""
    clock, shelf = Clock(steps, seconds), Shelf()
    tools = {each.name: each for each in (search_tool(shelf, DocumentToolSettings()), calculate_tool())}
    spec = AgentSpec(name="assistant", description="", prompt="Be quick.", tools=("*",))
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as folder:
        path = Path(folder) / "agents.sqlite"
        async with open_checkpoints(f"sqlite:///{path}") as checkpoints:
            agents = Agents(
                generator=clock,
                embedder=cast(Any, None),
                verifier=Supports(),
                settings=AgentSettings(),
                declared=Declared(agents={spec.name: spec}, default=spec.name),
                tools=lambda: tools,
                policy=Policy(cast(Any, shelf)),
                ledger=cast(Any, NoEffects()),
                checkpoints=checkpoints,
            )
            await one(agents, -1, 0.0)  # imports, and the graph
            began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
            ends = await asyncio.gather(*(one(agents, n, seconds * n / runs) for n in range(runs)))
            wall = time.perf_counter() - began
            after = resource.getrusage(resource.RUSAGE_SELF)
        size = sum(each.stat().st_size for each in Path(folder).glob("agents.sqlite*"))
    gaps, firsts, lasts = [], [], []
    for number, (asked, ended, _) in enumerate(ends):
        spans = clock.spans[f"p{number}"]
        firsts.append((spans[0][0] - asked) * 1000)
        lasts.append((ended - spans[-1][1]) * 1000)
        gaps += [(later[0] - earlier[1]) * 1000 for earlier, later in itertools.pairwise(spans)]
    processor = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    taken = sum(count for *_, count in ends)
    return {
        "runs_at_once": runs,
        "steps": taken,
        "model_seconds_a_step": seconds,
        "ms_a_step": _spread(gaps),
        "ms_to_the_first_step": _spread(firsts),
        "ms_from_the_last_to_the_end": _spread(lasts),
        "processor_ms_a_step": round(processor * 1000 / taken, 2),
        "wall_seconds": round(wall, 1),
        "checkpoint_kib_a_step": round(size / 1024 / taken, 1),
    }


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), 2),
        "p90": round(ordered[int(len(ordered) * 0.9)], 2),
        "p99": round(ordered[int(len(ordered) * 0.99)], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--out", type=Path, default=Path("bench/results/agents.json"))
    given = parser.parse_args()
    load = os.getloadavg()[0]
    found = {
        "at_once": uvloop.run(measure(given.runs, given.steps, given.seconds)),
        "alone": uvloop.run(measure(1, given.steps, 0.2)),
        "machine": {"cpu": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "load_at_begin": round(load, 2),
    }
    given.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
