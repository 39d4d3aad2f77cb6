"""What every test may use: the optional data folder, said aloud when it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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


def pytest_report_header() -> str:
    if DATASETS.is_dir():
        return f"data sets: {DATASETS}"
    return (
        f"data sets: {DATASETS} is absent; SciFact, XQuAD, COVID-QA, the seven reports and the hostile PDFs are left "
        "out, the small sets in tests/data stand in (set FOOTNOTE_DATA_SETS to a folder that has them)"
    )
