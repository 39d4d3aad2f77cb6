"""Datasets, lineage and advice on the command line, against a server that is played."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from typer.testing import CliRunner

from app.api.datasets_shapes import ADVICE, BUILD, DATASET, FATE, FILE, LINEAGE, PURGED, ROW
from app.cli.main import cli

VERSION = DATASET["version"]
BUILT = {**BUILD, "state": "done", "dataset": VERSION}
PROBLEM = {"title": "Conflict", "status": 409, "code": "conflict", "detail": "The run handbook-1 learns from it."}


class Played(BaseHTTPRequestHandler):
    """A server with one dataset, whose next build is told to be at work once before it ends."""

    asked: ClassVar[list[tuple[str, str, dict[str, Any]]]] = []
    builds: ClassVar[list[dict[str, Any]]] = []

    def answer(self) -> None:
        address = urlsplit(self.path)
        path, given = unquote(address.path).removeprefix("/v1/finetune/"), parse_qs(address.query)
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(sent) if sent and self.command == "POST" else {"sent": sent.decode()} if sent else {}
        self.asked.append((self.command, path, {**{key: value[0] for key, value in given.items()}, **body}))
        status, told = self.told(path, given)
        data = json.dumps(told).encode() if told is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        self.answer()

    do_POST, do_PUT, do_DELETE = do_GET, do_GET, do_GET  # noqa: N815  # as the library calls them

    def told(self, path: str, given: dict[str, list[str]]) -> tuple[int, Any]:
        if self.command == "DELETE":
            refused = path.startswith("datasets/") and given.get("force") != ["true"]
            return (409, PROBLEM) if refused else (204, None)
        if path.startswith("builds/"):
            return 200, self.builds.pop(0)
        if path.endswith("/report"):
            rest = [{**FATE, "row": "feedback:2"}] if given["after"] == ["1"] else [FATE]
            return 200, {"items": rest, "next": None if given["after"] == ["1"] else 1}
        return 200, {
            "datasets": BUILD if self.command == "POST" else {"items": [DATASET], "builds": [BUILD]},
            f"datasets/{VERSION}": DATASET,
            f"datasets/{VERSION}/rows": {"items": [ROW], "next": None},
            "files": {"items": [FILE]},
            "files/outside.jsonl": FILE,
            "lineage": {**LINEAGE, "more": 3},
            "exclusions": {},
            "advice": ADVICE,
            "purge": {"dry_run": True, "items": [PURGED]},
        }[path]

    def log_message(self, *_: Any) -> None:
        """Nothing is said."""


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Played]]:
    Played.asked, Played.builds = [], [BUILT]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Played)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("FOOTNOTE_URL", f"http://127.0.0.1:{server.server_port}")
    yield Played
    server.shutdown()
    server.server_close()
    thread.join()


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["finetune", *words])
    return result.exit_code, result.output


def test_a_build_is_waited_for_and_says_how_it_is_ended(played: type[Played]) -> None:
    code, said = call("dataset", "build", "handbook", "--collection", "hr", "--since", "2026-11-01T00:00:00Z")
    assert code == 0, said
    assert f"dataset cancel {BUILD['id']}" in " ".join(said.split())
    assert said.splitlines()[-1] == VERSION
    sent = {"name": "handbook", "collections": ["hr"], "imports": [], "augment": False, "since": "2026-11-01T00:00:00Z"}
    assert played.asked[0] == ("POST", "datasets", sent)
    assert played.asked[1][1] == f"builds/{BUILD['id']}"


def test_a_build_that_fails_fails_the_command(played: type[Played]) -> None:
    played.builds = [{**BUILD, "state": "failed", "error": "The disk is full."}]
    code, said = call("dataset", "build", "handbook")
    assert code == 1
    assert "failed: The disk is full." in said


def test_what_there_is_and_what_was_refused_is_shown(played: type[Played]) -> None:
    assert "240 sft" in call("dataset", "list")[1]
    assert "blame, 25%" in call("dataset", "list")[1]
    said = call("dataset", "show", VERSION)[1]
    assert "unsupported_correction" in said
    assert "validation" in said
    assert len(json.loads(call("dataset", "report", VERSION, "--json")[1])) == 2, "page by page"
    assert "No source carries what" in " ".join(call("dataset", "report", VERSION)[1].split())
    assert json.loads(call("dataset", "rows", VERSION, "--kind", "sft")[1])["items"] == [ROW]


def test_a_dataset_that_is_learnt_from_is_removed_by_force_alone(played: type[Played]) -> None:
    code, said = call("dataset", "remove", VERSION)
    assert code == 1
    assert "The run handbook-1 learns from it." in said
    assert call("dataset", "remove", VERSION, "--force")[0] == 0
    said = call("dataset", "purge", "--dry-run")[1]
    assert f"{VERSION}, 4 rows: would be removed" in said
    assert "learnt from by handbook-sft" in said


def test_files_are_imported_listed_and_removed(played: type[Played], tmp_path: Path) -> None:
    file = tmp_path / "outside.jsonl"
    file.write_text('{"prompt": "a", "completion": "b"}\n')
    said = call("dataset", "import", str(file), "--licence", "CC BY 4.0")[1]
    assert "120 examples, 1 rows refused" in said
    assert "The row is no JSON object." in said
    assert played.asked[0] == ("PUT", "files/outside.jsonl", {"licence": "CC BY 4.0", "sent": file.read_text()})
    assert "handbook.jsonl" in call("dataset", "files")[1]
    assert call("dataset", "forget", "outside.jsonl") == (0, "removed outside.jsonl\n")
    assert call("dataset", "import", str(tmp_path / "none.jsonl"))[0] == 2


def test_where_things_come_from_what_is_left_out_and_what_to_do_next(played: type[Played]) -> None:
    said = call("lineage", "--person", "ana")[1]
    assert "and 3 more rows" in said
    assert played.asked[-1] == ("GET", "lineage", {"person": "ana"})
    assert call("lineage")[0] == 2
    assert call("exclude", "person", "ana", "--reason", "She asked.") == (0, "person ana is left out\n")
    assert played.asked[-1][2] == {"kind": "person", "id": "ana", "reason": "She asked."}
    assert call("exclude", "person", "ana", "--back") == (0, "person ana may be learnt from again\n")
    assert call("advise")[1].startswith("gather: 12 answers were judged")
