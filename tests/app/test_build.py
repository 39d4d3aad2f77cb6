"""Steps of a build on their own: what they keep, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.artefacts import Artefacts, Fingerprints
from app.build import Build
from app.settings import Settings
from core.errors import ParserLimit
from core.types import Block, ParsedDocument
from ingestion.settings import IngestionSettings

VERSION: Any = SimpleNamespace(sha256="0" * 64, title="Handbook", filename="a.txt")


def build(tmp_path: Path, embedder: Any, **ingestion: Any) -> tuple[Build, Artefacts]:
    """A build that can cut what was read before."""
    artefacts = Artefacts(tmp_path / "artefacts", Fingerprints(parse="p", chunk="c", embed="e"))
    settings = Settings(data_dir=tmp_path, ingestion=IngestionSettings(**ingestion))
    shop: Any = SimpleNamespace(settings=settings, artefacts=artefacts, embedder=embedder)
    text = "Everyone has 28 days of leave. Ask your lead first. "
    artefacts.keep_parsed(
        VERSION.sha256, ParsedDocument(media_type="text/plain", blocks=(Block(kind="paragraph", text=text * 50),))
    )
    return Build(shop), artefacts


async def test_chunks_are_cut_once_and_kept(tmp_path: Path, word_embedder: Any) -> None:
    made, artefacts = build(tmp_path, word_embedder)
    chunks = await made.chunk(VERSION)
    assert len(chunks) > 1
    assert await made.chunk(VERSION) == chunks == artefacts.chunks(VERSION.sha256, VERSION.title)


async def test_cutting_for_too_long_is_an_error_and_keeps_nothing(tmp_path: Path, word_embedder: Any) -> None:
    made, artefacts = build(tmp_path, word_embedder, chunk_seconds=1e-9)
    with pytest.raises(ParserLimit, match="Split it into smaller files"):
        await made.chunk(VERSION)
    assert artefacts.chunks(VERSION.sha256, VERSION.title) is None
