"""Ingestion of real reports beside the bare embedder on the same chunks, in turns on one machine.

    python -m bench.ingestion [--reports FOLDER] [--rounds 3] [--out bench/results/ingestion.json]

A round is a new server with an empty knowledge base, one small document to load what the worker needs, the reports over
HTTP until every one answers, and the embedder alone on their chunks with the server stopped. The ratio is that of the
medians; what every round took stands beside it, because a machine shared with others is not equally fast every minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
from pathlib import Path
from typing import Any

from app.settings import load_settings
from bench.server import DATA_SETS, ROOT, Server, bare_embedder, texts_of, warm_up


def one_round(files: list[Path]) -> tuple[int, float, float]:
    """The chunks, and the seconds of ingestion and of the embedder alone."""
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as folder:
        data = Path(folder) / "data"
        settings = load_settings(data_dir=data)
        server = Server(data)
        server.start()
        try:
            warm_up(server, folder)
            ingestion = server.ingest(files)
            texts = asyncio.run(texts_of(settings))
        finally:
            server.stop()
        return len(texts), ingestion, asyncio.run(bare_embedder(settings, texts))


def measure(files: list[Path], rounds: int) -> dict[str, Any]:
    taken = []
    for _ in range(rounds):
        taken.append(one_round(files))
        print(taken[-1], flush=True)
    seconds, alone = (statistics.median(row[i] for row in taken) for i in (1, 2))
    return {
        "reports": len(files),
        "chunks": taken[0][0],
        "seconds": round(seconds, 1),
        "embedder_alone_s": round(alone, 1),
        "ratio": round(seconds / alone, 3),
        "rounds": [{"seconds": round(row[1], 1), "embedder_alone_s": round(row[2], 1)} for row in taken],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=Path, default=DATA_SETS / "pdfs" / "reports")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "ingestion.json")
    arguments = parser.parse_args()
    files = sorted(arguments.reports.glob("*.pdf"))
    if not files:
        raise SystemExit(f"{arguments.reports} holds no PDF: name a folder of reports with --reports")
    result = measure(files, arguments.rounds)
    result["machine"] = {"cpu": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
