"""What clients send becomes a task or a decision, or is refused with what to send instead."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.run_requests import decision_of, task_of
from app.store.run_records import ApprovalRecord
from core.errors import Conflict, InvalidInput


@pytest.mark.parametrize(
    ("given", "task", "before"),
    [
        ({"task": " leave? "}, "leave?", []),
        ({"messages": "leave?"}, "leave?", []),
        ({"messages": {"role": "user", "content": "leave?"}}, "leave?", []),
        ({"messages": [{"type": "human", "content": [{"type": "text", "text": "leave?"}]}]}, "leave?", []),
        (
            {"messages": [{"role": "user", "content": "hi"}, {"type": "ai", "content": "ho"}, "leave?"]},
            "leave?",
            [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}],
        ),
    ],
)
def test_a_task_comes_as_words_or_messages(given: dict[str, Any], task: str, before: list[Any]) -> None:
    assert task_of(given) == (task, before)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"task": ""},
        {"task": 1},
        {"messages": []},
        {"messages": [1]},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": 1}]},
        {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]},
        {"messages": "x", "task": "y"},
        {"question": "x"},
    ],
)
def test_what_is_no_task_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        task_of(given)


def waiting(id: str = "i1", allowed: list[str] | None = None, step: int = 2) -> ApprovalRecord:
    request = {
        "kind": "approval",
        "action_requests": [{"name": "send", "args": {"to": "ana"}}],
        "review_configs": [{"allowed_decisions": allowed}] if allowed else [],
    }
    now = datetime.now(UTC)
    return ApprovalRecord(
        id=id, run_id="r", thread_id="t", principal_id="ana", step=step, status="waiting", request=request,
        created_at=now, expires_at=now,
    )  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [{"decisions": [{"type": "approve"}]}, {"type": "approve"}, [{"type": "approve"}], {"i1": {"type": "approve"}}],
)
def test_a_decision_comes_in_many_shapes(given: Any) -> None:
    decision = decision_of([waiting()], given, "ana")
    assert (decision.approval_id, decision.verdict, decision.by) == ("i1", "approve", "ana")
    assert decision.resume == {
        "decisions": [{"type": "approve"}],
        "decided_by": "ana",
        "interrupt": "i1",
        "step": 2,
        "kind": "approval",
    }
    assert decision.arguments == {"to": "ana"}


def test_a_decision_is_for_the_question_that_it_names_and_by_who_sends_it() -> None:
    decision = decision_of([waiting(), waiting("i2", step=5)], {"i2": {"type": "respond", "message": "no"}}, "ana")
    assert (decision.approval_id, decision.resume["step"], decision.detail) == ("i2", 5, "no")
    with pytest.raises(InvalidInput):
        decision_of([waiting()], {"decisions": [{"type": "approve"}], "decided_by": "root"}, "ana")
    with pytest.raises(Conflict, match="settled meanwhile"):
        decision_of([waiting("i2", step=5)], {"i1": {"decisions": [{"type": "approve"}]}}, "ana")


@pytest.mark.parametrize(
    ("allowed", "given"),
    [
        (["approve"], {"type": "edit", "edited_action": {"name": "send", "args": {}}}),
        (None, {"type": "sure"}),
        (None, {"decisions": [{"type": "approve"}, {"type": "approve"}]}),
        (None, {"type": "reject", "message": "x" * 20_001}),
        (None, {"type": "edit", "edited_action": {"name": "delete", "args": {}}}),
        (None, {"type": "respond", "message": " "}),
        (None, None),
    ],
)
def test_what_cannot_be_decided_is_refused(allowed: list[str] | None, given: Any) -> None:
    with pytest.raises(InvalidInput):
        decision_of([waiting(allowed=allowed)], given, "ana")


def test_where_nothing_is_asked_nothing_is_decided() -> None:
    with pytest.raises(Conflict):
        decision_of([], {"type": "approve"}, "ana")
