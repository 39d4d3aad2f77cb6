"""The gate and the watch on the command line, against a server that is played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from app.cli.main import cli

ID = "5d1c4a52-58a1-4a3e-9f7e-1b2c3d4e5f60"
GATE: dict[str, Any] = {
    "id": ID, "candidate": "hr@4f5c0f7f0a3b9c21", "champion": "footnote", "dataset": "hr@0b9c21aa4f5c0f7f",
    "harmful": None, "state": "running", "stage": "asking", "done": 30, "of": 240, "passed": None, "said": "",
    "error": None, "by": "ada", "started_at": "2026-11-20T09:30:00Z", "ended_at": None, "report": None,
}  # fmt: skip
MEASURE: dict[str, Any] = {
    "measure": "support", "slice": None, "candidate": 0.7, "champion": 0.72, "difference": -0.02, "low": -0.05,
    "high": 0.01, "n": 120, "clusters": 60, "confidence": 0.95, "said": "passed", "worst": [],
}  # fmt: skip
REPORT: dict[str, Any] = {
    "measures": [MEASURE], "speed": [], "general": None, "slices": [], "tasks": [], "undecided": ["refusal"],
    "reasons": [{"said": "support is worse by [0.2]."}],
}  # fmt: skip
DONE = {**GATE, "state": "done", "passed": False, "said": "support is worse.", "report": REPORT}


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, list(words), env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_it_is_followed_to_its_verdict(stage: Any, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("min_items: 60\n")
    stage.says = {"POST /v1/gates": (201, GATE), f"GET /v1/gates/{ID}": [GATE, DONE]}
    code, said = call("gate", "run", GATE["candidate"], "--data", GATE["dataset"], "--rules", str(rules))
    assert code == 1, "who is stopped does not pass"
    assert "30 of 240 answers" in said
    assert "STOPPED" in said
    assert "support is worse by [0.2]." in said
    assert "-0.020 (-0.050 to +0.010)" in said
    assert "too few questions to tell: refusal" in said
    sent = {"candidate": GATE["candidate"], "dataset": GATE["dataset"], "rules": "min_items: 60\n"}
    assert stage.asked[0] == ("POST /v1/gates", sent)


def test_who_passes_is_let_through(stage: Any) -> None:
    passed = {**DONE, "passed": True, "report": {**REPORT, "reasons": []}}
    stage.says = {f"POST /v1/gates/{ID}/resume": passed, "GET /v1/gates": {"items": [passed]}}
    code, said = call("gate", "resume", ID[:6])
    assert (code, "passed" in said) == (0, True)
    assert "passed" in call("gate")[1]
    assert call("gate", "show", "ffffff")[0] == 4


def test_rules_that_cannot_be_read_are_said_before_anything_is_asked(stage: Any, tmp_path: Path) -> None:
    code, said = call("gate", "run", "hr@1", "--data", "x", "--rules", str(tmp_path / "none.yaml"))
    assert code == 2
    assert "cannot be read" in said
    assert stage.asked == []


def test_the_page_is_written(stage: Any, tmp_path: Path) -> None:
    stage.says = {f"GET /v1/gates/{ID}/page": "<!doctype html>…"}
    assert call("gate", "page", ID, "--to", str(tmp_path / "gate.html"))[0] == 0
    assert (tmp_path / "gate.html").read_text() == "<!doctype html>…"


def test_a_run_is_deleted(stage: Any) -> None:
    stage.says = {f"DELETE /v1/gates/{ID}": (204, None), "GET /v1/gates": {"items": [DONE]}}
    code, said = call("gate", "delete", ID[:6])
    assert (code, said.strip()) == (0, f"deleted {ID}")
    assert stage.asked[-1][0] == f"DELETE /v1/gates/{ID}"


def test_drift_is_told(stage: Any) -> None:
    cost = {
        "model": "m", "adapter": None, "answers": 70, "tokens_in": 7, "tokens_out": 8, "milliseconds": 1.0,
        "total": 1.0, "per_answer": 0.014, "per_token": 0.1,
    }  # fmt: skip
    finding = {"measure": "abstention", "state": "alarm", "reference": 0.05, "current": 0.2}
    report = {
        "at": "2026-11-20T00:05:00+00:00", "said": "1 alarm in *.",
        "alarms": [{"scope": "*", "said": "More is abstained.", "todo": "Look at [b]what is asked."}],
        "scopes": [{"name": "*", "findings": [finding], "costs": [cost]}],
        "proposal": {"due": True, "method": "kto", "reason": "600 new words."},
    }  # fmt: skip
    stage.says = {
        "GET /v1/drift": {"next_at": None, "report": None},
        "POST /v1/drift/look": {"next_at": None, "report": report},
    }
    assert "nobody has looked yet" in call("drift")[1]
    code, said = call("drift", "--now")
    assert code == 0
    for words in ("More is abstained. Look at [b]what is asked.", "abstention", "0.014 an answer", "next run: kto"):
        assert words in said
