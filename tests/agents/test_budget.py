"""Budgets: what is spent where, who says no, and that no interleaving passes a limit."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pydantic import ValidationError

from agents.budget import Budget, BudgetState, Exhausted, Grant, identity
from agents.settings import BudgetSettings


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def limits(**changed: Any) -> BudgetSettings:
    small = {"steps": 5, "tool_calls": 6, "tokens": 1_000, "final_tokens": 100, "seconds": 60, "final_seconds": 10}
    return BudgetSettings(**{**small, **changed})


def granted(found: Grant | Exhausted) -> Grant:
    assert isinstance(found, Grant)
    return found


def refused(found: Grant | Exhausted | None) -> Exhausted:
    assert isinstance(found, Exhausted)
    return found


def test_steps_end() -> None:
    budget = Budget(limits(steps=2))
    assert budget.step() is None
    assert budget.step() is None
    found = refused(budget.step())
    assert (found.reason, found.agent, found.limit, found.ends_run) == ("steps", "main", 2, True)
    assert budget.state().steps == 2, "a refused step is not taken"


def test_calls_end_in_all_and_for_each_tool() -> None:
    budget = Budget(limits(tool_calls=3, calls_per_tool={"http_request": 1}))
    assert budget.call("http_request", {"url": "a"}) is None
    found = refused(budget.call("http_request", {"url": "b"}))
    assert (found.reason, found.tool, found.ends_run) == ("calls_of_tool", "http_request", False)
    assert "http_request" in str(found)
    assert budget.call("calculate", {"expression": "1"}) is None
    assert budget.call("calculate", {"expression": "2"}) is None
    assert refused(budget.call("calculate", {"expression": "3"})).reason == "tool_calls"
    assert budget.state().calls == {"http_request": 1, "calculate": 2}


def test_the_same_call_is_refused_after_its_turns() -> None:
    budget = Budget(limits(identical_calls=2))
    assert budget.call("search", {"query": "notice period", "limit": 5}) is None
    assert budget.call("search", {"limit": 5.0, "query": " notice  period "}) is None
    found = refused(budget.call("search", {"query": "notice period", "limit": 5, "collection": None}))
    assert (found.reason, found.ends_run) == ("identical_call", False)
    assert budget.call("search", {"query": "notice period", "limit": 6}) is None
    assert budget.call("find", {"query": "notice period", "limit": 5}) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}, True),
        ({"a": "Straße"}, {"a": "STRASSE"}, False),
        ({"a": "é"}, {"a": "e\u0301"}, True),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": "\ud800"}, {"a": "\ud800"}, True),
    ],
)
def test_identity(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    assert (identity("t", one) == identity("t", other)) is same


def test_tokens_are_set_aside_and_the_rest_goes_back() -> None:
    budget = Budget(limits())
    first = granted(budget.grant(at_least=10, at_most=600))
    assert first.tokens == 600
    second = granted(budget.grant(at_least=10, at_most=600))
    assert second.tokens == 300, "1,000 less 600 less what is kept for the final answer"
    assert refused(budget.grant(at_least=1, at_most=10)).reason == "tokens"
    assert refused(budget.step()).reason == "tokens"
    first.settle(tokens=200)
    assert budget.tokens_left() == 400
    with pytest.raises(AssertionError):
        first.settle(tokens=0)


def test_the_final_answer_has_what_was_kept_back() -> None:
    clock = Clock()
    budget = Budget(limits(), clock=clock)
    granted(budget.grant(at_most=5_000))
    with budget.at_work():
        clock.now += 55
        assert budget.seconds_left() == 0
        assert refused(budget.grant(at_most=10)).reason == "seconds"
        assert budget.seconds_left(final=True) == 5
        assert granted(budget.grant(at_least=50, at_most=400, final=True)).tokens == 100
        clock.now += 6
        assert refused(budget.grant(at_most=10, final=True)).reason == "seconds"


def test_a_childs_last_answer_leaves_alone_what_its_parent_kept_back() -> None:
    parent = Budget(limits())
    child = parent.child("researcher", limits(tokens=5_000, final_tokens=4_000))
    assert granted(child.grant(at_most=5_000, final=True)).tokens == 900
    found = refused(child.grant(at_least=1, at_most=1, final=True))
    assert (found.reason, found.agent) == ("tokens", "main")
    assert granted(parent.grant(at_most=500, final=True)).tokens == 100


def test_more_than_granted_is_recorded_as_it_happened() -> None:
    budget = Budget(limits())
    granted(budget.grant(at_most=10)).settle(tokens=2_000)
    assert budget.state().tokens == 2_000
    assert budget.tokens_left(final=True) == 0
    assert refused(budget.step()).reason == "tokens"


def test_cost_is_counted_in_millionths() -> None:
    budget = Budget(limits(cost=0.3))
    for _ in range(3):
        granted(budget.grant(cost=0.1)).settle(cost=0.1)
    assert budget.state().cost == 300_000, "not 0.30000000000000004"
    assert refused(budget.grant(cost=0.000_001)).reason == "cost"
    assert refused(budget.step()).reason == "cost"
    free = Budget(limits())
    assert granted(free.grant(cost=1e6)).cost is None


def test_a_child_spends_from_both() -> None:
    parent = Budget(limits(steps=3))
    child = parent.child("coder", limits(steps=2))
    assert child.step() is None
    assert child.step() is None
    assert refused(child.step()).agent == "coder"
    assert parent.step() is None
    assert refused(parent.step()).agent == "main"
    other = parent.child("critic", limits(steps=50))
    assert refused(other.step()).agent == "main", "however much it was given"


def test_waiting_takes_no_time_and_a_childs_clock_is_its_parents() -> None:
    clock = Clock()
    parent = Budget(limits(), clock=clock)
    child = parent.child("researcher", limits(seconds=20, final_seconds=0))
    with parent.at_work(), child.at_work():
        clock.now += 5
    clock.now += 3 * 86_400
    with child.at_work():
        clock.now += 100
        assert child.seconds_used == 5, "its parent rests"
    with parent.at_work(), child.at_work(), child.at_work():
        clock.now += 15
        assert child.seconds_left() == 0
        found = refused(child.step())
        assert (found.reason, found.agent) == ("seconds", "researcher")
        assert refused(child.call("search", {})).reason == "seconds"
    assert parent.seconds_used == 20
    assert parent.seconds_left() == 30


def test_a_budget_survives_a_restart() -> None:
    clock = Clock()
    budget = Budget(limits(identical_calls=1, cost=2), clock=clock)
    child = budget.child("researcher", limits(steps=2, identical_calls=1))
    with budget.at_work(), child.at_work():
        clock.now += 7
        child.step()
        child.call("search", {"query": "a"})
        granted(child.grant(at_most=50, cost=0.5)).settle(tokens=20, cost=0.25)
        granted(budget.grant(at_most=100))  # its settling never came
        stored = budget.state().model_dump_json()
    later = Clock()
    later.now = 5.0
    again = Budget.restored(BudgetState.model_validate_json(stored), clock=later)
    assert again.state().model_dump_json() == stored
    assert again.state().tokens == 120
    late = again.child("researcher", limits(steps=99))
    assert late.limits.steps == 2, "there is one of that name already"
    assert refused(late.call("search", {"query": "a"})).reason == "identical_call"
    with again.at_work(), late.at_work():
        later.now += 1
        assert (again.seconds_used, late.seconds_used) == (8, 8)
        assert late.step() is None
        assert refused(late.step()).agent == "researcher"


@pytest.mark.parametrize("broken", [{"final_tokens": 1_000}, {"final_seconds": 60}, {"steps": 0}, {"stepz": 1}])
def test_limits_that_cannot_work_are_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        limits(**broken)


def within(state: BudgetState) -> None:
    """Nobody is over a limit, and a parent used at least what its children did."""
    bounds = state.limits
    assert state.steps <= bounds.steps
    assert sum(state.calls.values()) <= bounds.tool_calls
    assert all(count <= bounds.calls_per_tool.get(tool, 10**9) for tool, count in state.calls.items())
    assert all(count <= bounds.identical_calls for count in state.identical.values())
    assert 0 <= state.tokens <= bounds.tokens
    assert 0 <= state.cost <= (bounds.cost if bounds.cost is not None else 10**9) * 1_000_000
    assert state.steps >= sum(child.steps for child in state.children)
    assert state.tokens >= sum(child.tokens for child in state.children)
    assert state.cost >= sum(child.cost for child in state.children)
    assert sum(state.calls.values()) >= sum(sum(child.calls.values()) for child in state.children)
    for child in state.children:
        within(child)


def any_limits(chance: random.Random) -> BudgetSettings:
    tokens = chance.randint(2, 400)
    return BudgetSettings(
        steps=chance.randint(1, 12),
        tool_calls=chance.randint(0, 12),
        calls_per_tool={tool: chance.randint(0, 4) for tool in "ab" if chance.random() < 0.5},
        identical_calls=chance.randint(1, 3),
        tokens=tokens,
        final_tokens=chance.randint(0, tokens - 1),
        cost=chance.choice([None, 0.0, chance.random()]),
    )


def act(chance: random.Random, budget: Budget, open_grants: list[Grant]) -> None:
    """One of the things that can happen next in a run."""
    match chance.randrange(6):
        case 0:
            budget.step()
        case 1:
            budget.call(chance.choice("abc"), {"x": chance.randrange(3)})
        case 2 | 3:
            least = chance.randint(0, 60)
            wanted = {"at_least": least, "at_most": least + chance.randint(0, 200), "cost": chance.random() / 4}
            found = budget.grant(**wanted, final=chance.random() < 0.3)
            if isinstance(found, Grant):
                open_grants.append(found)
        case 4 if open_grants:
            each = open_grants.pop(chance.randrange(len(open_grants)))
            each.settle(tokens=chance.randint(0, each.tokens), cost=(each.cost or 0.0) * chance.random())
        case _:
            budget.child(chance.choice(["x", "y"]), any_limits(chance))


def family(budget: Budget) -> list[Budget]:
    """A budget and all under it."""
    found = [budget]
    for state in budget.state().children:
        found += family(budget.child(state.agent, state.limits))
    return found


@pytest.mark.parametrize("seed", range(25))
def test_no_interleaving_passes_a_limit(seed: int) -> None:
    chance = random.Random(seed)
    root = Budget(any_limits(chance))
    open_grants: list[Grant] = []
    for _ in range(100):
        everyone = family(root)
        act(chance, chance.choice(everyone[:12]), open_grants)
        within(root.state())
        if chance.random() < 0.02:
            root, open_grants = Budget.restored(root.state()), []
    assert root.state() != BudgetState(agent="main", limits=root.limits), "something was spent"
