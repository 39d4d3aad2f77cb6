"""Scripted ports: a searcher with given hits, a generator that writes given pieces."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.errors import FootnoteError
from core.types import (
    Delta,
    Generation,
    GenerationRequest,
    GeneratorInfo,
    Hit,
    SearchRequest,
    SearchResult,
    Source,
    Usage,
)

INFO = GeneratorInfo(name="scripted", fingerprint="s1")
TEXTS = (
    "Employees in Germany receive 28 days of paid vacation per year. Unused days expire in March.",
    "The travel policy pays for trains in second class. Flights need the approval of a manager.",
    "Revenue rose by 12 % to 1,234 million euros in 2023. It did not rise in 2022.",
)


class ScriptedGenerator:
    """Plays one script a call: strings are pieces, exceptions are raised, floats are seconds of silence."""

    info = INFO

    def __init__(self, *scripts: Sequence[str | float | FootnoteError], condensed: str | FootnoteError = "") -> None:
        self.scripts = list(scripts)
        self.condensed = condensed
        self.requests: list[GenerationRequest] = []
        self.closed = 0

    async def complete(self, request: GenerationRequest) -> Generation:
        self.requests.append(request)
        assert request.task == "condense"
        if isinstance(self.condensed, FootnoteError):
            raise self.condensed
        return Generation(text=self.condensed, generator=INFO)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        self.requests.append(request)
        written = ""
        try:
            for step in self.scripts.pop(0):
                if isinstance(step, FootnoteError):
                    raise step
                if isinstance(step, float):
                    await asyncio.sleep(step)
                    continue
                written += step
                yield Delta(text=step)
            yield Delta(
                text="",
                final=Generation(
                    text=written, generator=INFO, usage=Usage(prompt_tokens=7, completion_tokens=len(written))
                ),
            )
        finally:
            self.closed += 1


class ScriptedSearcher:
    """Finds the same hits for every question."""

    def __init__(self, hits: Sequence[Hit], degraded: tuple[str, ...] = ()) -> None:
        self.hits = tuple(hits)
        self.degraded = degraded
        self.requests: list[SearchRequest] = []

    async def search(self, request: SearchRequest) -> SearchResult:
        self.requests.append(request)
        return SearchResult(hits=self.hits[: request.limit], timings_ms={"index": 1.0}, degraded=self.degraded)


@pytest.fixture
def hits() -> list[Hit]:
    """Three passages of three documents."""
    return [
        Hit(
            chunk_id=f"c{n}",
            document_id=f"d{n}",
            version_id=f"v{n}",
            title=f"Document {n}",
            text=text,
            score=1 / n,
            scores={"fused": 1 / n},
            page=n,
        )
        for n, text in enumerate(TEXTS, start=1)
    ]


@pytest.fixture
def sources(hits: list[Hit]) -> list[Source]:
    """The same passages as sources."""
    return [
        Source(
            id=str(n),
            chunk_id=hit.chunk_id,
            document_id=hit.document_id,
            version_id=hit.version_id,
            title=hit.title,
            text=hit.text,
        )
        for n, hit in enumerate(hits, start=1)
    ]


@pytest.fixture
def searcher_of() -> Callable[..., ScriptedSearcher]:
    return ScriptedSearcher


@pytest.fixture
def generator_of() -> Callable[..., ScriptedGenerator]:
    return ScriptedGenerator


@pytest.fixture
def written() -> Callable[..., str]:
    """The JSON of an answer with statements given as (text, sources)."""

    def write(*statements: tuple[str, list[str]], answerable: bool = True) -> str:
        said: list[dict[str, Any]] = [{"text": text, "sources": ids} for text, ids in statements]
        return json.dumps({"answerable": answerable, "statements": said}, ensure_ascii=False)

    return write


@pytest.fixture(scope="session")
def planted(datasets: Path | None, root: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Attacks, and mails with a question about each: of BIPIA, or a few of our own where that is absent."""
    if datasets is None or not (datasets / "injection").is_dir():
        own = json.loads((root / "tests/data/injection.json").read_text())
        return own["attacks"], own["mails"]
    folder = datasets / "injection"
    attacks = [
        attack
        for name in ("bipia_text_attack_train.json", "bipia_code_attack_train.json")
        for kind in json.loads((folder / name).read_text()).values()
        for attack in kind
    ]
    lines = (folder / "bipia_email_train.jsonl").read_text().splitlines()
    mails = [json.loads(line) for line in lines]
    return attacks, [{"context": each["context"], "question": each["question"].removeprefix("Q: ")} for each in mails]
