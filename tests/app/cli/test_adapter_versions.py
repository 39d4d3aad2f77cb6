"""What training made, on the command line, against a server that is played."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from typer.testing import CliRunner

from app.api.registry import _CARD, _RETIRED, _VERSION
from app.cli.main import cli

NAME = _VERSION["name"]
CARD: dict[str, Any] = {
    **_CARD,
    "card": {
        "data": {"train": 48, "validation": 16, "left_out": [3], "licences": ["CC-BY-4.0"]},
        "metrics": {
            "before": {"eval_loss": 2.31},
            "after": {"eval_loss": 1.12},
            "measured": {"right source cited": 0.9},
        },
        "settings": {
            "name": "handbook",
            "lora": {"r": 16},
            "train": {"max_steps": 6, "seed": None},
            "long_rows": "refuse",
        },
        "curves": [{"step": 1, "loss": 9.123456}, {"step": 6, "loss": 0.5}],
        "cost": {"steps": 6, "seconds": 3.5, "memory": None, "machine": None},
        "warnings": ["Rows over 64 tokens are [b]left out[/b]."],
        "versions": {"trl": "1.16.0"},
    },
}
_DECISIONS = [
    {**_RETIRED, "name": "old@0000000000000000"},
    {**_RETIRED, "name": "new@1111111111111111", "goes": False, "why": "it is loaded"},
]


class Played(BaseHTTPRequestHandler):
    """A server with one version."""

    asked: ClassVar[list[str]] = []
    wrong: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.tell(CARD if "/versions/" in self.path else {"items": [_VERSION]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "retire" in self.path:
            return self.tell({"dry_run": "true" in self.path, "items": _DECISIONS})
        verified = {"sound": not self.wrong, "problems": self.wrong}
        self.tell(verified if self.path.endswith("/verify") else {"name": NAME})

    def do_PUT(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        self.send_response(204)
        self.end_headers()

    do_DELETE = do_PUT  # noqa: N815

    def tell(self, body: Any) -> None:
        self.asked.append(f"{self.command} {self.path}")
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Played)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("FOOTNOTE_URL", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setattr(Played, "asked", [])
    monkeypatch.setattr(Played, "wrong", [])
    yield
    server.shutdown()
    server.server_close()


def said(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(cli, ["adapters", *words])
    assert done.exit_code == code, done.output
    return done.output


def test_versions_are_listed_and_shown() -> None:
    assert NAME in said("versions", "--kind", "adapter")
    assert json.loads(said("versions", "--json")) == {"items": [_VERSION]}
    shown = said("show", NAME)
    assert all(each in shown for each in (NAME, "apache-2.0", "2.31", "1.12"))
    assert "rows: 48 to train on, 16 kept back, 1 left out as too long" in shown
    assert "licences of imported rows: CC-BY-4.0" in shown
    assert "trained: 6 steps in 3.5 seconds" in shown
    assert "loss: 9.123 at first, 0.5 at last" in shown
    assert "right source cited: 0.9" in shown
    assert "made with: trl 1.16.0" in shown
    assert "warning: Rows over 64 tokens are [b]left out[/b]." in shown
    rows = [line.split() for line in shown.splitlines()]
    assert rows[rows.index(["setting", "value"]) + 1 : -1] == [
        ["lora.r", "16"],
        ["train.max_steps", "6"],
        ["long_rows", "refuse"],
    ]
    path = "/v1/adapters/handbook/versions/4f5c0f7f0a3b9c21"
    assert Played.asked == ["GET /v1/finetune/registry?kind=adapter", "GET /v1/finetune/registry", f"GET {path}"]


def test_damage_has_an_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is whole" in said("verify", NAME)
    monkeypatch.setattr(Played, "wrong", ["card.json was changed"])
    assert "card.json was changed" in said("verify", NAME, code=1)
    assert json.loads(said("verify", NAME, "--json", code=1))["sound"] is False


def test_a_version_is_loaded_by_its_whole_name() -> None:
    assert f"loaded {NAME}" in said("load-version", NAME)
    assert "TITLE@DIGEST" in said("show", "handbook", code=2)
    assert Played.asked == ["POST /v1/adapters/handbook/versions/4f5c0f7f0a3b9c21/load"]


def test_old_ones_are_retired_and_others_pinned() -> None:
    tried = said("retire", "--dry-run")
    assert "would go" in tried
    assert "20 newer ones of its title" in tried
    assert "it is loaded" in tried
    done = said("retire")
    assert "old@0000000000000000" in done
    assert "new@1111111111111111" not in done
    assert f"{NAME} stays" in said("pin", NAME)
    assert f"{NAME} is left to the rule" in said("unpin", NAME)
    path = "/v1/adapters/handbook/versions/4f5c0f7f0a3b9c21/pin"
    retire = "POST /v1/finetune/registry/retire?dry_run="
    assert Played.asked == [f"{retire}true", f"{retire}false", f"PUT {path}", f"DELETE {path}"]
