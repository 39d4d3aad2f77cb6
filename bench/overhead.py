"""What the server adds to the engine behind it: the same answers asked of both, in turns, by 32 clients.

    python -m bench.overhead [--clients 32] [--rounds 3] [--hidden 128] [--layers 8] [--out FILE]

An engine with a model of random weights runs on the first core; the server and the clients have the others, as a server
beside an accelerator has. The server answers questions over the example handbook once; what it sent to the engine for
each is then sent by the clients themselves. Both ways the model writes the same words, so tokens a second compare, and
so does the time until a client has the first word of the first statement. The time of retrieval, which the engine alone
has not, is taken from both, by the server's own account of it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.server import ROOT, Server

MAX_TOKENS = 768
SINGLE = 10
"""Questions of a single client, whose first words do not depend on what else the engine has in hand."""
FEW = 40
"""Answers of fewer characters than this are left out: a client that waits for words would wait for none."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a client asks: of the server its text, of the engine the whole body that the server sent for it."""

    text: str
    body: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Heard:
    """Milliseconds until the first word, without retrieval, and of retrieval; tokens in all."""

    first_ms: float
    tokens: int
    retrieval_ms: float = 0.0


# ---- the two parties -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def engine(folder: Path, hidden: int, layers: int) -> Iterator[str]:
    """vLLM on the first core, from its first readiness to its end; where it listens."""
    recipe = [sys.executable, "-m", "bench.tiny_llama", str(folder / "base")]
    subprocess.run([*recipe, "--hidden", str(hidden), "--layers", str(layers)], cwd=ROOT, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {"MODEL": str(folder / "base"), "SERVED_NAME": "tiny", "PORT": str(port), "ENFORCE_EAGER": "1"}
    given |= {"CPU_KV_CACHE_GIB": "4", "MAX_MODEL_LEN": "8192"}
    process = subprocess.Popen(
        ["taskset", "--cpu-list", "0", sys.executable, "-m", "app.cli", "engine"],
        cwd=ROOT,
        env={**os.environ, **{f"FOOTNOTE_SERVING__ENGINE__{name}": value for name, value in given.items()}},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready"):
                break
        else:
            raise SystemExit("the engine did not become ready")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@contextlib.contextmanager
def server(data: Path, url: str, workers: int) -> Iterator[Server]:
    """Footnote before that engine."""
    given = {"SERVING__GENERATOR": "openai_compatible", "SERVING__ENDPOINT__BASE_URL": url}
    given |= {"SERVING__ENDPOINT__MODEL": "tiny", "SERVING__ENDPOINT__FLAVOUR": "vllm"}
    given |= {"SERVING__ENDPOINT__CONCURRENCY": "64", "SERVING__ENDPOINT__QUEUE": "256"}
    given |= {"AGENTS__GENERATE_SECONDS": "300", "AGENTS__MAX_TOKENS": str(MAX_TOKENS), "AGENTS__SOURCES": "3"}
    given |= {"AGENTS__OUTPUT__MAX_STATEMENTS": "4", "AGENTS__OUTPUT__MAX_STATEMENT_CHARS": "240"}
    given |= {"JOBS__WORKERS": str(workers), "CACHE__ENABLED": "false", "HTTP__ANSWERS_PER_CALLER": "64"}
    os.environ.update({f"FOOTNOTE_{name}": value for name, value in given.items()})
    started = Server(data)
    started.start()
    try:
        yield started
    finally:
        started.stop()


# ---- the same questions of both --------------------------------------------------------------------------------------


async def questions(base: str, count: int, clients: int) -> list[Question]:
    """Asks the server, and keeps what it sent to the engine wherever words came of it."""
    lines = (ROOT / "examples" / "questions.jsonl").read_text().splitlines()
    texts = [json.loads(line)["question"] for line in lines]
    waiting = [f"{texts[number % len(texts)]} ({number})" for number in reversed(range(8 * count))]
    kept: list[Question] = []
    async with httpx.AsyncClient(base_url=base, timeout=600.0) as client:

        async def ask() -> None:
            while waiting and len(kept) < count:
                if (found := await question(client, waiting.pop())) is not None:
                    kept.append(found)

        await asyncio.gather(*(ask() for _ in range(clients)))
    if len(kept) < count:
        raise SystemExit(f"only {len(kept)} of {8 * count} questions were answered in words")
    return kept[:count]


async def question(client: httpx.AsyncClient, text: str) -> Question | None:
    """A question and what was sent for it, or None where the answer has hardly a word."""
    answer = (await client.post("/v1/answers", json={"question": text})).raise_for_status().json()
    if sum(len(each["text"]) for each in answer["statements"]) < FEW:
        return None
    trace = (await client.get(f"/v1/answers/{answer['id']}/trace")).raise_for_status().json()
    body = {
        "model": "tiny",
        "messages": trace["sent"]["messages"],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": trace["sent"]["output_schema"]},
        },
        "max_tokens": MAX_TOKENS,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return Question(text=text, body=body)


async def lines(client: httpx.AsyncClient, url: str, body: dict[str, Any]) -> AsyncIterator[str]:
    async with client.stream("POST", url, json=body) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            yield line


async def of_engine(client: httpx.AsyncClient, url: str, question: Question) -> Heard:
    """What a client of the engine alone does: it reads the stream and looks for the first word of a statement."""
    begun, first, tokens, text = time.perf_counter(), 0.0, 0, ""
    async for line in lines(client, f"{url}/chat/completions", question.body):
        if not line.startswith("data: {"):
            continue
        chunk = json.loads(line.removeprefix("data: "))
        if chunk.get("usage"):
            tokens = chunk["usage"]["completion_tokens"]
        for choice in chunk["choices"]:
            text += choice["delta"].get("content") or ""
        if not first and '"text":"' in text and not text.endswith('"text":"'):
            first = time.perf_counter() - begun
    return Heard(first_ms=1000 * first, tokens=tokens)


async def of_server(client: httpx.AsyncClient, url: str, question: Question) -> Heard:
    """What a client of the server does."""
    begun, first, done, name = time.perf_counter(), 0.0, {}, ""
    async for line in lines(client, f"{url}/v1/answers", {"question": question.text, "stream": True}):
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: ") and name == "delta" and not first:
            first = time.perf_counter() - begun
        elif line.startswith("data: ") and name in {"done", "error"}:
            done = json.loads(line.removeprefix("data: "))
    found = done["timings_ms"]["retrieve"]
    return Heard(first_ms=1000 * first - found, tokens=done["usage"]["completion_tokens"], retrieval_ms=found)


async def load(ask: Callable[[Question], Awaitable[Heard]], asked: list[Question], clients: int) -> dict[str, float]:
    """So many clients, each with one question at a time, until all are answered."""
    waiting = list(reversed(asked))
    heard: list[Heard] = []

    async def client() -> None:
        while waiting:
            heard.append(await ask(waiting.pop()))

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    retrieval = sum(each.retrieval_ms for each in heard) / clients / 1000  # each client waits for its own
    seconds = time.perf_counter() - begun - retrieval
    return {
        "tokens": sum(each.tokens for each in heard),
        "tokens_per_second": round(sum(each.tokens for each in heard) / seconds, 1),
        "first_word_p50_ms": round(statistics.median(each.first_ms for each in heard), 1),
    }


async def in_turns(url: str, base: str, asked: list[Question], clients: int, rounds: int) -> list[dict[str, Any]]:
    limits = httpx.Limits(max_connections=clients)
    taken = []
    async with httpx.AsyncClient(timeout=600.0, limits=limits) as client:
        for number in range(rounds + 1):
            found = {}
            for name, count, some in (("", clients, asked), ("_single", 1, asked[:SINGLE])):
                found[f"engine{name}"] = await load(lambda q: of_engine(client, url, q), some, count)
                found[f"server{name}"] = await load(lambda q: of_server(client, base, q), some, count)
            if number:  # the first warms the engine's cache of prompts
                taken.append(found)
                print(taken[-1], flush=True)
    return taken


def summary(taken: list[dict[str, Any]]) -> dict[str, float]:
    ratios = [each["server"]["tokens_per_second"] / each["engine"]["tokens_per_second"] for each in taken]
    later = {
        name: [
            each[f"server{name}"]["first_word_p50_ms"] - each[f"engine{name}"]["first_word_p50_ms"] for each in taken
        ]
        for name in ("", "_single")
    }
    return {
        "throughput_ratio": round(statistics.median(ratios), 3),
        "first_word_later_ms": round(statistics.median(later[""]), 1),
        "first_word_later_single_client_ms": round(statistics.median(later["_single"]), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--questions", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "overhead.json")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as folder, contextlib.ExitStack() as stack:
        url = stack.enter_context(engine(Path(folder), arguments.hidden, arguments.layers))
        os.sched_setaffinity(0, cores[1:])  # for this process and the servers it starts
        data = Path(folder) / "data"
        with server(data, url, workers=1) as filling:
            filling.ingest(sorted((ROOT / "examples" / "handbook").glob("*.md")))
        running = stack.enter_context(server(data, url, workers=0))
        asked = asyncio.run(questions(running.url, arguments.questions, arguments.clients))
        taken = asyncio.run(in_turns(url, running.url, asked, arguments.clients, arguments.rounds))
    result = {
        **summary(taken),
        "clients": arguments.clients,
        "questions": len(asked),
        "model": {"hidden": arguments.hidden, "layers": arguments.layers},
        "rounds": taken,
        "machine": {"cpu": platform.machine(), "cores": len(cores), "python": platform.python_version()},
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
