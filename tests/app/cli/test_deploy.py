"""Deployments on the command line, against a server that is played."""

from __future__ import annotations

from typing import Any

from typer.testing import CliRunner

from app.api.deployments_shapes import CHANGE, DETAIL
from app.cli.main import cli

ID = "0d7f4a52-58a1-4a3e-9f7e-1b2c3d4e5f60"
ONE: dict[str, Any] = {**DETAIL, "id": ID}
VERSION = ONE["version"]
LIST = {"default": None, "keeper": True, "items": [ONE]}


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["deploy", *words], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_it_is_waited_for_and_what_is_in_the_way_is_said(stage: Any) -> None:
    wanted = {**ONE, "stage": "candidate", "wanted": "canary"}
    stage.says = {
        "POST /v1/deployments": (201, wanted),
        f"GET /v1/deployments/{ID}": [{**wanted, "problem": "An engine does not answer."}, ONE],
    }
    code, said = call("start", VERSION, "--stage", "canary", "--share", "0.2", "--ungated", "as tried")
    assert code == 0, said
    assert "An engine does not answer." in said
    assert "canary 10%" in said
    sent = stage.asked[0][1]
    assert sent == {"version": VERSION, "stage": "canary", "scope": "*", "why": "", "share": 0.2, "ungated": "as tried"}


def test_what_cannot_be_loaded_is_a_failure(stage: Any) -> None:
    stage.says = {"POST /v1/deployments": (201, {**ONE, "stage": "candidate", "problem": "Its rank is 64."})}
    code, said = call("start", VERSION)
    assert code == 1
    assert "Its rank is 64." in said


def test_a_version_or_the_beginning_of_an_id_will_do(stage: Any) -> None:
    stage.says = {"GET /v1/deployments": LIST, f"POST /v1/deployments/{ID}/promote": {**ONE, "stage": "champion"}}
    for which in (VERSION, ID[:8], ID):
        code, said = call("promote", which, "--why", "it is better")
        assert code == 0, said
        assert "champion" in said
        assert stage.asked[-1] == (f"POST /v1/deployments/{ID}/promote", {"why": "it is better"})
    assert call("promote", "hr@0000000000000000")[0] == 4


def test_the_same_version_twice_is_asked_back(stage: Any) -> None:
    other = {**ONE, "id": f"1{ID[1:]}", "scope": "group:hr"}
    stage.says = {"GET /v1/deployments": {**LIST, "items": [ONE, other]}}
    code, said = call("canary", VERSION)
    assert code == 2
    assert "by its id" in said


def test_the_way_back_is_one_command(stage: Any) -> None:
    stage.says = {"POST /v1/deployments/rollback": {**ONE, "stage": "rolled_back"}}
    code, said = call("rollback")
    assert code == 0
    assert "rolled_back" in said
    assert stage.asked == [("POST /v1/deployments/rollback", {"scope": "*", "why": ""})]
    assert call("rollback", "--to", "hr@0000000000000000", "--scope", "group:hr")[0] == 0
    assert stage.asked[-1][1] == {"scope": "group:hr", "why": "", "to": "hr@0000000000000000"}


def test_guards_and_history_are_shown(stage: Any) -> None:
    stage.says = {
        "GET /v1/deployments": LIST,
        f"GET /v1/deployments/{ID}": ONE,
        "GET /v1/deployments/history": {"items": [CHANGE]},
    }
    code, said = call("show", ID)
    assert code == 0
    assert "support" in said
    assert "0.4 of 140" in said
    assert "excluded in all that was compared" in said
    assert "shadow → canary" in call("history")[1]
    assert "canary 10%" in call()[1]
    stage.says["GET /v1/deployments"] = {**LIST, "items": []}
    assert "nothing is rolled out; the base answers" in call()[1]
