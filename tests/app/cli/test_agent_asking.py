"""What a person decides in the terminal, from what they type."""

from __future__ import annotations

import io
from typing import Any

import pytest

from app.cli.agent_asking import Undecided, decided

ALL = ["approve", "edit", "reject", "respond"]


def asked(kind: str = "approval", allowed: list[str] = ALL, **arguments: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "agent": "assistant",
        "action_requests": [{"name": "send", "args": arguments or {"to": "ana"}, "description": ""}],
        "review_configs": [{"action_name": "send", "allowed_decisions": allowed}],
        "reasons": ["It sends data outside."],
    }


@pytest.mark.parametrize(
    ("typed", "decision"),
    [
        ("a\n", {"type": "approve"}),
        ("perhaps\n APPROVE \n", {"type": "approve"}),
        ("r\nnot now\n", {"type": "reject", "message": "not now"}),
        ("r\n\n", {"type": "reject"}),
        ("s\nsay no\n", {"type": "respond", "message": "say no"}),
        (
            'e\n{"to"\n[1]\n{"to": "ben"}\n',
            {"type": "edit", "edited_action": {"name": "send", "args": {"to": "ben"}}},
        ),
    ],
)
def test_what_is_typed_becomes_a_decision(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, decision: dict[str, Any]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert decided(asked()) == {"decisions": [decision]}
    shown = capsys.readouterr()
    assert '"to": "ana"' in shown.err, "with the exact arguments"
    assert "It sends data outside." in shown.err
    assert not shown.out.strip(), "programs read what is on standard output"


def test_a_question_is_answered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("the second\n"))
    value = asked("question", ["respond"], question="Which \x1b[31mcontract?")
    assert decided(value) == {"decisions": [{"type": "respond", "message": "the second"}]}
    assert "\x1b[31m" not in capsys.readouterr().err


def test_what_may_not_be_decided_is_asked_again_and_nothing_is_no_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("edit\na\n"))
    assert decided(asked(allowed=["approve", "reject"])) == {"decisions": [{"type": "approve"}]}
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(Undecided):
        decided(asked())
