"""`footnote drift`: drifts that last, those that are over, and questions that may be anything, told to a terminal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli.main import cli

SINCE = "2026-11-18T00:05:00+00:00"
QUESTION = "\x1b]0;owned\x07\x1b[2J [red]How[/red] \u202emuch\x9b?"
REPORT = {
    "at": "2026-11-20T00:05:00+00:00", "said": "1 alarm in *.",
    "alarms": [{"scope": "*", "measure": "topics", "said": "Topics moved.", "todo": "Look at them."}],
    "lasting": [
        {"scope": "*", "measure": "topics", "since": SINCE, "said": "Topics moved.", "todo": "Look at them."},
        {"scope": "a@1", "measure": "probe", "since": SINCE, "said": "a@1 is worse.", "todo": "See the engine."},
    ],
    "over": [{"scope": "collection:hr", "measure": "length", "said": "Answers got longer."}],
    "scopes": [], "proposal": None,
}  # fmt: skip


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, list(words), env={"COLUMNS": "200"})
    return result.exit_code, result.stdout


@pytest.fixture
def told(stage: Any) -> Any:
    stage.says = {
        "GET /v1/drift": {"next_at": None, "report": REPORT},
        "GET /v1/drift/examples": {"items": [{"id": "x", "question": QUESTION, "at": SINCE}], "hidden": 2},
    }
    return stage


def test_what_lasts_is_told_with_its_beginning(told: Any) -> None:
    code, said = call("drift")
    assert code == 0
    assert "- *, since 2026-11-18: Topics moved. Look at them." in said
    assert "- since 2026-11-18: a@1 is worse. See the engine." in said
    assert "- collection:hr, over: Answers got longer." in said
    assert "for example" not in said


def test_a_question_does_nothing_to_a_terminal(told: Any) -> None:
    said = call("drift", "--examples")[1]
    assert "for example: " in said
    assert "[red]How[/red]" in said, "no markup of the console's"
    assert not any(each in said for each in "\x1b\x07\x9b\u202e")
    assert "2 more are not shown" in said
    shown = call("drift", "--examples", "--json")[1]
    assert json.loads(shown)["examples"][0]["question"] == QUESTION
    assert not any(each in shown for each in "\x1b\x07\x9b\u202e")
