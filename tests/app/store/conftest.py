"""A store on SQLite with an active generation, for what contracts do not say: files, processes, crashes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.store.records import NewGeneration
from app.store.store import Store

ROOT = Path(__file__).resolve().parents[3]
GENERATION = NewGeneration(fingerprint="f", embedder="e", size=4, pipeline="p")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.sqlite'}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with await Store.open(url) as opened:
        await opened.generations.ensure_active(GENERATION)
        yield opened


@pytest.fixture
def writer() -> Callable[..., object]:
    """Starts `writer.py` of this folder as a process of its own: (mode, url, *arguments) → asyncio's Process."""

    async def start(mode: str, url: str, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).with_name("writer.py")),
            mode,
            url,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    return start
