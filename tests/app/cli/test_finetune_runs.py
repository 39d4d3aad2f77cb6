"""Runs of training on the command line, against a server that is played."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, get_args

import pytest
from typer.testing import CliRunner

import finetune.recipe
from app.api.finetune_shapes_runs import LINT, RUN
from app.cli.finetune_runs import Scheme, spark
from app.cli.main import cli

LINES = [{"step": 1, "time": 1.0, "loss": 2.5}, {"step": 2, "time": 2.0, "loss": 1.25}]


class Played(BaseHTTPRequestHandler):
    """A server with one run. Its first stream breaks off after a line."""

    asked: ClassVar[list[tuple[str, str, str | None]]] = []
    end: ClassVar[dict[str, Any]] = {}

    def do_GET(self) -> None:
        self.asked.append(("GET", self.path, self.headers.get("Last-Event-ID")))
        if not self.path.endswith("/events"):
            body = {"lines": ["it began", "[red]it ended"]} if self.path.endswith("/log") else {"items": [RUN]}
            return self.tell(200, body)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        seen = int(self.headers.get("Last-Event-ID") or 0)
        self.event(seen + 1, "metrics", LINES[seen])
        if seen:
            self.event(seen + 1, "end", self.end)
        return None

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.asked.append(("POST", self.path, sent or None))
        if self.path.endswith("/lint"):
            return self.tell(200, LINT)
        return self.tell(201, {**RUN, "state": "queued"})

    def tell(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def event(self, number: int, name: str, data: Any) -> None:
        self.wfile.write(f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode())

    def log_message(self, *_: Any) -> None:
        """Nothing is said."""


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Played]]:
    Played.asked, Played.end = [], {**RUN, "state": "done", "published": "handbook@4f5c0f7f0a3b9c21"}
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


def test_a_recipe_with_errors_fails_with_what_to_change(played: type[Played], tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("name: handbook\n")
    code, said = call("lint", str(file))
    assert code == 1
    assert "error lora.use_dora: vLLM serves no DoRA. Remove `use_dora`." in said
    assert json.loads(played.asked[0][2] or "") == {"recipe": "name: handbook\n"}
    assert call("lint", str(tmp_path / "none.yaml"))[0] == 2


def test_a_run_is_followed_to_its_end_over_a_broken_connection(played: type[Played], tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("name: handbook\n")
    code, said = call("run", str(file))
    assert code == 0, said
    assert said.index("loss 2.5") < said.index("loss 1.25") < said.index("made handbook@4f5c0f7f0a3b9c21")
    assert [after for method, path, after in played.asked if path.endswith("/events")] == [None, "1"]
    code, said = call("run", str(file), "--detach")
    assert (code, said.strip()) == (0, "handbook-1 is queued")


def test_a_model_is_made_smaller_and_what_that_cost_is_told(played: type[Played]) -> None:
    before = {"size": 16_060_000_000, "eval_loss": 1.25, "speed": 2.5}
    after = {"size": 5_700_000_000, "eval_loss": 1.2625, "speed": 2.0, "agreement": 0.978}
    played.end = {**RUN, "state": "done", "metrics": {"before": before, "after": after}}
    code, said = call("quantize", "handbook@4f5c0f7f0a3b9c21", "--scheme", "gptq-w4a16", "--data", "handbook@0a3b")
    assert code == 0, said
    recipe = {"name": "handbook-gptq-w4a16", "method": "quantize", "model": "handbook@4f5c0f7f0a3b9c21"}
    sent = next(json.loads(body or "") for method, _, body in played.asked if method == "POST")
    assert sent == {"recipe": {**recipe, "scheme": "gptq-w4a16", "data": "handbook@0a3b"}}
    assert [words in said for words in ("16,060.0 MB", "5,700.0 MB", "1.2625", "97.8%")] == [True] * 4
    assert call("quantize", "a", "--scheme", "int3", "--data", "b")[0] == 2


def test_the_terminal_knows_every_scheme() -> None:
    assert {each.value for each in Scheme} == set(get_args(finetune.recipe.Scheme))


def test_a_run_that_failed_fails_the_command(played: type[Played]) -> None:
    played.end = {**RUN, "state": "failed", "error": "The disk is full."}
    code, said = call("watch", "handbook-1")
    assert code == 1
    assert "The disk is full." in said


def test_runs_are_listed_told_to_end_and_their_logs_printed(played: type[Played]) -> None:
    assert "running, step 40 of 160, about 5 min 12 s left" in call("runs")[1]
    assert json.loads(call("runs", "--json")[1]) == {"items": [RUN]}
    assert call("cancel", "a/b")[0] == 0
    assert played.asked[-1][1] == "/v1/finetune/runs/a%2Fb/cancel"
    assert call("resume", "handbook-1") == (0, "handbook-1: queued\n")
    assert call("log", "handbook-1")[1].splitlines() == ["it began", "[red]it ended"]


def test_a_curve_is_drawn_in_bars() -> None:
    assert spark([]) == ""
    assert spark([1.0, 1.0]) == "▁▁"
    assert spark([2.0, 0.0]) == "█▁"
    assert len(spark(range(100))) == 40
