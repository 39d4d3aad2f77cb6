"""What `--filter` means."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.api.filters import Filters
from app.cli.filters import parsed
from app.cli.output import Exit
from core.errors import InvalidFilter


@pytest.mark.parametrize(
    ("given", "filters"),
    [
        (["department=hr"], {"metadata": {"department": ["hr"]}}),
        (["year=2026", "year=2025"], {"metadata": {"year": [2026, "2026", 2025, "2025"]}}),
        (["draft=true", "share=0.5"], {"metadata": {"draft": [True, "true"], "share": [0.5, "0.5"]}}),
        (["a=b=c", "n=NaN", 'q="x"'], {"metadata": {"a": ["b=c"], "n": ["NaN"], "q": ['"x"']}}),
        (["document=1", "document=2"], {"document_ids": ["1", "2"]}),
        (["created_after=2026-01-01"], {"created_after": "2026-01-01"}),
        (["metadata.document=x"], {"metadata": {"document": ["x"]}}),
    ],
)
def test_what_is_asked_for(given: list[str], filters: dict[str, Any]) -> None:
    assert parsed(given) == {"filters": filters}
    Filters.model_validate(filters).narrowed()


def test_nothing_is_asked_for_where_nothing_is_given() -> None:
    assert parsed([]) == {}


@pytest.mark.parametrize("text", ["department", "=hr", "department=", "", "metadata.=x"])
def test_what_is_no_filter_is_named(text: str) -> None:
    with pytest.raises(InvalidFilter, match=f"`{text}`.*key=value"):
        parsed([text])


def test_a_date_is_given_once() -> None:
    with pytest.raises(InvalidFilter, match="twice"):
        parsed(["created_after=2026-01-01", "created_after=2026-02-01"])


@pytest.mark.parametrize("command", ["search", "ask"])
def test_the_command_ends_before_it_looks_for_a_server(command: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "app.cli", command, "leave", "--filter", "department", "--json"],
        env={**os.environ, "FOOTNOTE_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (Exit.USAGE, "")
    assert "error: invalid_filter: The filter `department`" in " ".join(ended.stderr.split())
    assert not (tmp_path / "data").exists()
