"""The server's figures on real reports: start, search and answers at 50,000 chunks, memory.

    python -m bench.server [--reports FOLDER] [--chunks 50000] [--out bench/results/server.json]

The reports are ingested over HTTP. To reach 50,000 chunks their passages are put in again under other document ids,
each vector moved a little and a quarter of the words exchanged at random, so that the copies form clusters as related
documents do without being near-duplicates; nothing is embedded for it.
Queries are spans of eight words out of the passages, each asked once, so that no cache answers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from app import wiring
from app.build import Workshop
from app.settings import Settings, load_settings
from app.store.codec import chunk_id
from app.store.records import NewUpload
from core.types import Chunk, Principal
from ingestion import pipeline
from retrieval.index_edge import EdgeIndex
from retrieval.ports import IndexPoint

ROOT = Path(__file__).resolve().parents[1]
DATA_SETS = Path(os.environ.get("FOOTNOTE_DATA_SETS", ROOT.parent / "shared" / "data"))
BENCH = Principal(id="bench", admin=True)
NOISE = 0.02


class Server:
    """A server process on a folder of its own, with these settings beside the usual ones."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.environment = environment

    def start(self) -> tuple[float, float]:
        """Seconds from the process' start to the first answer of /healthz and of /readyz."""
        (self.data / "server.json").unlink(missing_ok=True)
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--quiet"],
            # What is measured is how answers are written.
            env={
                **os.environ,
                "FOOTNOTE_CACHE__ENABLED": "false",
                **self.environment,
                "FOOTNOTE_DATA_DIR": str(self.data),
            },
        )
        healthy = 0.0
        while True:
            with contextlib.suppress(OSError, ValueError, httpx.HTTPError):
                self.url = json.loads((self.data / "server.json").read_text())["url"]
                if not healthy and httpx.get(f"{self.url}/healthz").is_success:
                    healthy = time.perf_counter() - started
                if healthy and httpx.get(f"{self.url}/readyz").is_success:
                    break
            time.sleep(0.01)
        ready = time.perf_counter() - started
        self.client = httpx.Client(base_url=self.url, timeout=120.0)
        return healthy, ready

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def memory(self) -> dict[str, int]:
        """Resident MiB by process."""
        found = {}
        for process in [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]:
            words = " ".join(process.cmdline())
            name = next((w for w in ("worker", "edge_engine", "edge_process", "serve") if w in words), "other")
            found[name] = found.get(name, 0) + process.memory_info().rss // 2**20
        return found

    def ingest(self, files: list[Path], *, again: bool = False) -> float:
        """Seconds until every file answers; `again` makes other documents, with other bytes, of the same files."""
        started = time.perf_counter()
        jobs = []
        for path in files:
            response = self.client.post(
                "/v1/documents",
                files={"file": (path.name, path.read_bytes() + (b"\n%again\n" if again else b""))},
                data={"external_id": f"{path.name} again" if again else path.name},
            )
            response.raise_for_status()
            jobs.append(response.json()["job_id"])
        while jobs:
            state = self.client.get(f"/v1/jobs/{jobs[0]}").json()
            if state["status"] in {"failed", "cancelled"}:
                raise SystemExit(f"ingestion failed: {state}")
            if state["status"] == "succeeded":
                jobs.pop(0)
            else:
                time.sleep(0.1)
        return time.perf_counter() - started


def percentiles(milliseconds: list[float]) -> dict[str, float]:
    ordered = sorted(milliseconds)
    return {
        "n": len(ordered),
        "p50_ms": round(statistics.median(ordered), 2),
        "p99_ms": round(ordered[int(0.99 * (len(ordered) - 1))], 2),
        "max_ms": round(ordered[-1], 2),
    }


def timed(client: httpx.Client, path: str, bodies: list[dict[str, Any]]) -> list[float]:
    took = []
    for body in bodies:
        started = time.perf_counter()
        client.post(path, json=body).raise_for_status()
        took.append((time.perf_counter() - started) * 1000)
    return took


def queries(texts: list[str], count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    found = []
    while len(found) < count:
        words = rng.choice(texts).split()
        if len(words) > 12:
            start = rng.randrange(len(words) - 8)
            found.append(" ".join(words[start : start + 8]))
    return found


async def kept(shop: Workshop) -> list[tuple[str, str, list[Chunk], np.ndarray]]:
    """Title, bytes' hash, chunks and vectors of every document that answers."""
    found = []
    for version in (await shop.store.documents.live_versions(limit=100)).items:
        title = version.title or ""
        chunks = shop.artefacts.chunks(version.sha256, title)
        vectors = shop.artefacts.vectors(version.sha256, title, shop.embedder.size)
        assert chunks is not None
        assert vectors is not None
        found.append((title, version.sha256, chunks, np.frombuffer(vectors.data, np.float32).reshape(-1, vectors.size)))
    return found


async def bare_embedder(settings: Settings, texts: list[str]) -> float:
    """Seconds to embed the same texts with nothing else going on."""
    embed = wiring.embedder(settings)
    await embed.passages(texts[:16])
    started = time.perf_counter()
    for start in range(0, len(texts), 256):
        await embed.passages(texts[start : start + 256])
    return time.perf_counter() - started


async def texts_of(settings: Settings) -> list[str]:
    async with wiring.open_workshop(settings) as shop:
        return [pipeline.embedded_text(title, chunk) for title, _, chunks, _ in await kept(shop) for chunk in chunks]


async def fill(settings: Settings, target: int) -> int:
    """Copies of the documents until there are `target` chunks; waits until the index has been rebuilt."""
    rng, words = np.random.default_rng(7), random.Random(7)
    async with wiring.open_workshop(settings) as shop:
        documents = await kept(shop)
        vocabulary = " ".join(chunk.text for _, _, chunks, _ in documents for chunk in chunks).split()
        total, round_ = sum(len(chunks) for _, _, chunks, _ in documents), 0
        while total < target:
            round_ += 1
            for title, sha256, chunks, vectors in documents:
                if total >= target:
                    break
                part = [reworded(chunk, vocabulary, words) for chunk in chunks[: target - total]]
                moved = vectors[: len(part)] + rng.normal(0, NOISE, (len(part), vectors.shape[1])).astype(np.float32)
                await put(shop, f"{title} {round_}", sha256, part, moved / np.linalg.norm(moved, axis=1, keepdims=True))
                total += len(part)
        assert isinstance(shop.index, EdgeIndex)
        for _ in range(600):
            info = await shop.index.info()
            if info.stage == "idle" and info.pending < settings.retrieval.index.optimize_points:
                break
            await asyncio.sleep(1)
        return total


def reworded(chunk: Chunk, vocabulary: list[str], rng: random.Random) -> Chunk:
    """The chunk with a quarter of its words exchanged for others of the corpus, in sentences of twenty words."""
    words = [rng.choice(vocabulary) if rng.random() < 0.25 else word for word in chunk.text.split()]
    parts = [" ".join(words[start : start + 20]) for start in range(0, len(words), 20)]
    ends = list(itertools.accumulate(len(part) + 1 for part in parts))
    spans = tuple((end - len(part) - 1, end - 1) for part, end in zip(parts, ends, strict=True))
    return replace(chunk, text=" ".join(parts), sentences=spans)


async def put(shop: Workshop, title: str, sha256: str, chunks: list[Chunk], vectors: np.ndarray) -> None:
    begun = await shop.store.documents.begin_upload(
        NewUpload(
            collection="default",
            external_id=title,
            filename=f"{title}.pdf",
            size=1,
            sha256=sha256,
            pipeline=shop.artefacts.fingerprints.pipeline,
            principal=BENCH,
            title=title,
        )
    )
    await shop.store.jobs.start(begun.job_id)
    version = await shop.store.documents.version(begun.version_id)
    points = [
        IndexPoint(
            id=chunk_id(shop.generation, version.id, chunk.ordinal),
            dense=row.astype("<f4").tobytes(),
            lexical=shop.lexical.document(chunk.text, chunk.language),
            collection="default",
            document_id=version.document_id,
            version_id=version.id,
            groups=version.groups,
            created_at=version.document_created_at,
        )
        for chunk, row in zip(chunks, vectors, strict=True)
    ]
    await shop.index.upsert(points)
    await shop.store.chunks.put(version.id, shop.generation, chunks)
    await shop.store.documents.publish(version.id, shop.generation)
    await shop.store.jobs.succeed(begun.job_id)


def while_ingesting(server: Server, report: Path, bodies: list[dict[str, Any]]) -> dict[str, float]:
    """Searches for as long as a report that the server has not seen is being ingested."""
    done = threading.Event()

    def work() -> None:
        try:
            server.ingest([report], again=True)
        finally:
            done.set()

    with httpx.Client(base_url=server.url, timeout=120.0) as client:
        worker = threading.Thread(target=work)
        worker.start()
        took: list[float] = []
        for body in bodies:
            if done.is_set():
                break
            took += timed(client, "/v1/search", [body])
        worker.join()
    return percentiles(took)


def measure(reports: Path, target: int) -> dict[str, Any]:
    files = sorted(reports.glob("*.pdf"))
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as folder:
        data = Path(folder) / "data"
        settings = load_settings(data_dir=data)
        server = Server(data)
        result: dict[str, Any] = {"first_start": dict(zip(("healthz_s", "readyz_s"), server.start(), strict=True))}
        try:
            warm_up(server, folder)
            server.ingest(files)
            texts = asyncio.run(texts_of(settings))
            result["chunks"] = asyncio.run(fill(settings, target))
            asked = [{"query": query, "limit": 10} for query in queries(texts, 4000, 1)]
            timed(server.client, "/v1/search", asked[:50])
            result["search"] = percentiles(timed(server.client, "/v1/search", asked[50:1050]))
            result["search_while_ingesting"] = while_ingesting(server, files[-2], asked[1050:])
            questions = [{"question": f"What is said about {q}?"} for q in queries(texts, 210, 2)]
            result["answers"] = percentiles(timed(server.client, "/v1/answers", questions)[10:])
            result["memory_mib"] = server.memory()
            server.stop()
            starts = []
            for _ in range(3):
                starts.append(server.start())
                server.stop()
            result["filled_start"] = {
                "healthz_s": round(statistics.median(s[0] for s in starts), 2),
                "readyz_s": round(statistics.median(s[1] for s in starts), 2),
            }
        finally:
            if server.process.poll() is None:
                server.stop()
    return result


def warm_up(server: Server, folder: str) -> None:
    """One small document, so that the worker has loaded what it needs before anything is measured."""
    note = Path(folder) / "note.md"
    note.write_text("# Note\n\nA note that warms the worker up.\n")
    server.ingest([note])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=Path, default=DATA_SETS / "pdfs" / "reports")
    parser.add_argument("--chunks", type=int, default=50_000)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "server.json")
    arguments = parser.parse_args()
    if not arguments.reports.is_dir():
        raise SystemExit(f"{arguments.reports} is absent: name a folder of PDFs with --reports")
    result = measure(arguments.reports, arguments.chunks)
    result["machine"] = {"cpu": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    result["load_at_end"] = os.getloadavg()[0]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
