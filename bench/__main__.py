"""`make bench`: every measured figure, one after another, each into a file of `bench/results/`."""

from __future__ import annotations

import subprocess
import sys

RUNS: list[list[str]] = [
    [sys.executable, "-m", "bench.embed"],
    [sys.executable, "-m", "bench.ingestion"],
    [sys.executable, "-m", "bench.server"],
    [sys.executable, "-m", "bench.page"],
    [sys.executable, "-m", "bench.overhead"],
    [sys.executable, "-m", "bench.agents"],
    [
        sys.executable,
        "-m",
        "app.cli",
        "eval",
        "retrieval",
        "--dataset",
        "scifact",
        "--save",
        "bench/results/scifact.json",
    ],
]


def main() -> int:
    """Runs them in order; the number that failed."""
    failed = 0
    for command in RUNS:
        print(f"\n$ {' '.join(command[1:])}", flush=True)
        failed += subprocess.run(command).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
