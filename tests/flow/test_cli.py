"""The `footnote` command against a running server, as programs read it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Server

Footnote = Callable[..., "tuple[int, Any, str]"]


@pytest.fixture
def footnote(server: Server) -> Footnote:
    """Runs a command with `--json`; its exit code, what it printed (decoded), and what it said on standard error."""

    def run(*words: str) -> tuple[int, Any, str]:
        ended = subprocess.run(
            [sys.executable, "-m", "app.cli", *words, "--json"],
            env={**os.environ, "FOOTNOTE_URL": server.url},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return ended.returncode, json.loads(ended.stdout) if ended.stdout else None, " ".join(ended.stderr.split())

    return run


def test_a_collection_is_created_on_the_way_once(footnote: Footnote, tmp_path: Path) -> None:
    (tmp_path / "rule.md").write_text("# Rule\n\nThe limit of the zorblax is 100 units.\n")
    ingest = ("ingest", str(tmp_path / "rule.md"), "--collection", "legal")
    code, said, words = footnote(*ingest)
    assert (code, said) == (4, None)
    assert "--create-collection" in words
    code, said, _ = footnote(*ingest, "--create-collection")
    assert (code, said["collection_created"], said["added"]) == (0, True, ["rule.md"])
    code, said, _ = footnote(*ingest, "--create-collection")
    assert (code, said["collection_created"], said["unchanged"]) == (0, False, ["rule.md"])
    found = {each["name"]: each["documents"] for each in footnote("collections")[1]}
    assert found == {"default": 0, "legal": 1}


@pytest.mark.parametrize(("name", "code"), [("Bad Name", 1), ("../documents", 1), ("", 2)])
def test_what_cannot_be_a_collection_is_said(footnote: Footnote, tmp_path: Path, name: str, code: int) -> None:
    (tmp_path / "a.txt").write_text("text")
    ended, said, words = footnote("ingest", str(tmp_path / "a.txt"), "--collection", name, "--create-collection")
    assert (ended, said) == (code, None)
    assert "name" in words


def test_collections_are_created_and_deleted(footnote: Footnote) -> None:
    code, made, _ = footnote("collections", "create", "sales", "--description", "What we sell.")
    assert (code, made["name"], made["description"], made["documents"]) == (0, "sales", "What we sell.", 0)
    code, said, words = footnote("collections", "create", "sales")
    assert (code, said) == (1, None)
    assert "exists" in words
    assert footnote("collections", "delete", "sales", "--yes")[:2] == (0, {"job_ids": []})
    assert footnote("collections", "delete", "sales", "--yes")[0] == 4


def test_a_collection_that_holds_documents_is_deleted_by_force(footnote: Footnote, tmp_path: Path) -> None:
    (tmp_path / "fee.md").write_text("# Fee\n\nThe fee of the quorbin is 7 euros.\n")
    assert footnote("ingest", str(tmp_path / "fee.md"), "--collection", "fees", "--create-collection")[0] == 0
    code, _, words = footnote("collections", "delete", "fees", "--yes")
    assert code == 1
    assert "force" in words
    code, said, _ = footnote("collections", "delete", "fees", "--yes", "--force")
    assert (code, len(said["job_ids"])) == (0, 1)
    assert all("quorbin" not in hit["text"] for hit in footnote("search", "fee of the quorbin")[1]["hits"])


def test_searches_are_narrowed_by_metadata(footnote: Footnote, tmp_path: Path) -> None:
    for year in ("2025", "2026"):
        (tmp_path / f"{year}.md").write_text(f"# Prices\n\nThe price of the glimwort in {year} is {year[-2:]} euros.\n")
        assert footnote("ingest", str(tmp_path / f"{year}.md"), "--metadata", f"year={year}")[0] == 0
    code, found, _ = footnote("search", "price of the glimwort", "--filter", "year=2026")
    assert code == 0
    assert [hit["text"] for hit in found["hits"]] == ["The price of the glimwort in 2026 is 26 euros."]
    both = footnote("search", "price of the glimwort", "--filter", "year=2026", "--filter", "year=2025")[1]
    assert len(both["hits"]) == 2
    answer = footnote("ask", "What is the price of the glimwort?", "--filter", "year=2025")[1]
    assert [source["text"] for source in answer["sources"]] == ["The price of the glimwort in 2025 is 25 euros."]
    again = ("ask", "What is the price of the glimwort?", "--filter", "year=2025")
    assert [footnote(*again, *more)[1]["cached"] for more in ([], ["--fresh"])] == [True, False]
    code, said, words = footnote("search", "price", "--filter", "created_after=soon")
    assert (code, said) == (2, None)
    assert "invalid_filter: The filter `filters.created_after`" in words


def test_a_document_is_deleted_and_restored(footnote: Footnote, tmp_path: Path) -> None:
    (tmp_path / "rota.md").write_text("# Rota\n\nThe rota of the vexbrook changes on Mondays.\n")
    assert footnote("ingest", str(tmp_path / "rota.md"))[0] == 0
    listed = footnote("documents")[1]
    (id,) = [document["id"] for document in listed if document["external_id"] == "rota.md"]
    code, deleted, _ = footnote("documents", "delete", id, "--yes")
    assert code == 0
    assert deleted["restorable_until"]
    assert footnote("documents", "show", id)[0] == 4
    assert footnote("documents", "restore", id)[1]["title"] == "Rota"
    assert footnote("documents")[1] == listed
    (version,) = footnote("documents", "versions", id)[1]
    assert (version["seq"], version["status"]) == (1, "live")
    assert footnote("documents", "delete", id, "--yes", "--for-good")[1]["restorable_until"] is None
    assert footnote("documents", "restore", id)[0] in (1, 4)
