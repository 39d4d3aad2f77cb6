"""What every test may use: the optional data folder, said aloud when it is absent."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.terms import terms
from core.types import Vectors

ROOT = Path(__file__).resolve().parent.parent
DATASETS = Path(os.environ.get("FOOTNOTE_DATA_SETS", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def datasets() -> Path | None:
    """The folder of the larger data sets, or None; tests then use the small sets in `tests/data`."""
    return DATASETS if DATASETS.is_dir() else None


class WordTokens:
    """Counts words; stands in for a model's tokenizer."""

    max_tokens = 256

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) + 2 for text in texts]


class WordEmbedder:
    """Unit vectors of hashed terms: texts are alike as far as they share words. `calls` keeps what was embedded."""

    fingerprint = "words-1"
    size = 128
    tokens = WordTokens()

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []

    async def passages(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(tuple(texts))
        return Vectors(data=b"".join(self._row(text) for text in texts), size=self.size)

    async def query(self, text: str) -> Vectors:
        return Vectors(data=self._row(text), size=self.size)

    def _row(self, text: str) -> bytes:
        row = np.full(self.size, 1e-3, dtype=np.float32)
        for term in terms(text):
            row[zlib.crc32(term.encode()) % self.size] += 1
        return bytes((row / np.linalg.norm(row)).astype("<f4").tobytes())


@pytest.fixture
def word_embedder() -> WordEmbedder:
    """An embedder without a model."""
    return WordEmbedder()


def pytest_report_header() -> str:
    if DATASETS.is_dir():
        return f"data sets: {DATASETS}"
    return (
        f"data sets: {DATASETS} is absent; SciFact, XQuAD, COVID-QA, the seven reports and the hostile PDFs are left "
        "out, the small sets in tests/data stand in (set FOOTNOTE_DATA_SETS to a folder that has them)"
    )
