"""How far passages carry a statement, for rewards: as answers are checked. Named to runs as `module:function`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache

from agents.verify import SimilarityVerifier
from app.settings import load_settings
from app.wiring import embedder
from core.types import Source


def support(statement: str, passages: Sequence[str]) -> float:
    """In [0, 1]. The embedder is that of the settings, loaded at the first call."""
    sources = [
        Source(id=str(number), chunk_id="", document_id="", version_id="", title="", text=text)
        for number, text in enumerate(passages, start=1)
    ]
    runner, verifier = _parts()
    return float(runner.run(verifier.support(statement, sources)))


@lru_cache(maxsize=1)
def _parts() -> tuple[asyncio.Runner, SimilarityVerifier]:
    """One loop and one embedder for the whole run: an embedder may belong to the loop it was first used in."""
    settings = load_settings()
    return asyncio.Runner(), SimilarityVerifier(embedder(settings), settings.agents.verify)


__all__ = ["support"]
