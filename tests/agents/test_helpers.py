"""Agents that set others to work, and the critic that looks an answer over."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agents.checkpoints import Checkpoints, open_checkpoints
from agents.declared import AgentSpec
from core.errors import GeneratorUnavailable
from tests.agents.runs import (
    LEAVE,
    Rules,
    Script,
    agents_of,
    answer,
    call,
    events_of,
    hit,
    request,
    say,
    search,
    state_of,
    tool_of,
)


@pytest.fixture
async def memory() -> AsyncIterator[Checkpoints]:
    async with open_checkpoints("memory:") as saver:
        yield saver


def team(**given: Any) -> list[AgentSpec]:
    lead = {"name": "lead", "description": "Leads.", "prompt": "", "agents": ("researcher",), "tools": ("ask_person",)}
    found = {"name": "researcher", "description": "Finds.", "prompt": "You find.", "tools": ("*",)}
    critic = AgentSpec(name="critic", description="Looks it over.", prompt="Be strict.")
    return [
        AgentSpec(**{**lead, **given.get("lead", {})}),
        AgentSpec(**{**found, **given.get("researcher", {})}),
        critic,
    ]


def verdict(accept: bool, *reasons: str) -> str:
    return json.dumps({"accept": accept, "reasons": list(reasons)})


async def test_an_agent_sets_another_to_work_and_cites_what_it_brings(memory: Checkpoints) -> None:
    script = Script(
        call("researcher", task="Find the leave."),
        call("search_documents", text="leave"),
        say((LEAVE, ["1"])),
        say(("You have 28 days.", ["1"])),
    )
    agents = agents_of(script, memory, search(hit(1), hit(2, "Other.")), agents=team())
    values = (await state_of(agents, request()))["values"]
    told = [(each["agent"], each["parent"], each["tool"], each["status"]) for each in values["steps"]]
    assert told == [
        ("lead", None, "researcher", "done"),
        ("lead/researcher", 1, "search_documents", "done"),
        ("lead/researcher", 1, "answer", "done"),
        ("lead", None, "answer", "done"),
    ]
    assert (values["steps"][0]["observation"], values["steps"][0]["sources"]) == (f"{LEAVE} [1]", ["1"])
    assert values["answer"]["sources"][0]["document_id"] == "d1"
    assert [each["agent"] for each in values["frames"]] == ["lead"]
    own, others = script.requests[1], script.requests[3]
    assert (own.question, own.history, [each.number for each in own.steps]) == ("Find the leave.", (), [])
    assert "How much leave?" not in own.messages[1].content
    assert [each.id for each in others.sources] == ["1"]  # what was not cited is not the lead's to cite
    assert values["budget"]["steps"] == 4
    assert [(each["agent"], each["steps"]) for each in values["budget"]["children"]] == [("researcher 1", 2)]


async def test_each_task_begins_with_a_budget_and_steps_of_its_own(memory: Checkpoints) -> None:
    script = Script(
        call("researcher", task="One."),
        call("search_documents", text="a"),
        say((LEAVE, ["1"])),
        call("researcher", task="Two."),
        say(),
        say((LEAVE, ["1"])),
    )
    values = (await state_of(agents_of(script, memory, search(), agents=team()), request()))["values"]
    assert [each["agent"] for each in values["budget"]["children"]] == ["researcher 1", "researcher 4"]
    assert script.requests[4].steps == ()
    assert values["steps"][3]["observation"] == "researcher found no answer."


async def test_a_task_handed_over_must_be_one(memory: Checkpoints) -> None:
    script = Script(call("researcher"), call("researcher", task=" "), call("researcher", task="x" * 2_001), say())
    values = (await state_of(agents_of(script, memory, search(), agents=team()), request()))["values"]
    assert [each["failure"] for each in values["steps"]] == ["invalid_arguments"] * 3 + [None]


async def test_what_was_read_below_and_did_not_answer_is_said_as_that(memory: Checkpoints) -> None:
    script = Script(call("researcher", task="Find it."), call("search_documents"), say(), say())
    answered = (await state_of(agents_of(script, memory, search(), agents=team()), request()))["values"]["answer"]
    assert (answered["retrieval"]["used"], answered["retrieval"]["n"]) == (True, 1)
    assert "does not answer" in answered["retrieval"]["reason"]


async def test_one_that_uses_up_its_limits_answers_from_what_it_knows(memory: Checkpoints) -> None:
    script = Script(
        call("researcher", task="Find it."),
        call("search_documents", text="a"),
        json.dumps(answer((LEAVE, ["1"]))),
        say((LEAVE, ["1"])),
    )
    specs = team(researcher={"limits": {"steps": 1}})
    values = (await state_of(agents_of(script, memory, search(), agents=specs), request()))["values"]
    assert values["incomplete"] is None
    assert values["steps"][0]["observation"] == f"{LEAVE} [1]\nresearcher had to stop: The limit of 1 steps is reached."


async def test_when_the_whole_run_is_used_up_those_below_stop_at_once(memory: Checkpoints) -> None:
    script = Script(
        call("researcher", task="Find it."), call("search_documents", text="a"), json.dumps(answer((LEAVE, ["1"])))
    )
    specs = team(lead={"limits": {"steps": 2}})
    values = (await state_of(agents_of(script, memory, search(), agents=specs), request()))["values"]
    assert (values["incomplete"]["agent"], values["incomplete"]["reason"]) == ("lead", "steps")
    assert "was stopped" in values["steps"][0]["observation"]
    assert values["answer"]["statements"][0]["sources"] == ["1"]
    assert all(each["status"] == "done" for each in values["steps"])


async def test_calls_used_up_below_end_the_run_as_well(memory: Checkpoints) -> None:
    script = Script(call("researcher", task="Find it."), call("search_documents"), json.dumps(answer()))
    specs = team(lead={"limits": {"tool_calls": 1}})
    values = (await state_of(agents_of(script, memory, search(), agents=specs), request()))["values"]
    assert values["incomplete"]["reason"] == "tool_calls"
    assert all(each["status"] == "done" for each in values["steps"])


async def test_a_person_is_asked_from_below_too(memory: Checkpoints) -> None:
    script = Script(
        call("researcher", task="Send it."), call("send", text="x"), say(("Sent.", ["1"])), say(("Sent.", ["1"]))
    )
    sent: list[str] = []
    tool = tool_of("send", lambda a, c: sent.append(c.agent) or "Sent.", effect="sends")
    agents = agents_of(script, memory, tool, agents=team(), rules=Rules(send="ask"))
    state = await state_of(agents, request())
    assert (state["interrupts"][0]["value"]["agent"], sent) == ("lead/researcher", [])
    state = await state_of(agents, request(None, resume={"decisions": [{"type": "approve"}], "step": 2}))
    assert (state["status"], sent) == ("success", ["lead/researcher"])


async def test_a_critic_sends_an_answer_back_once(memory: Checkpoints) -> None:
    script = Script(
        call("researcher", task="Find it."),
        call("search_documents", text="a"),
        say((LEAVE, ["1"])),
        say(("You have 30 days.", ["1"])),
        verdict(False, "The source says 28 days."),
        say(("You have 28 days.", ["1"])),
    )
    agents = agents_of(script, memory, search(), agents=team(lead={"critic": "critic"}))
    events = await events_of(agents, request())
    values = events[-1].data["values"]
    sent_back, judged, last = values["steps"][3:]
    assert (sent_back["failure"], "28 days" in sent_back["observation"]) == ("sent_back", True)
    assert (judged["agent"], judged["tool"], judged["parent"]) == ("lead/critic", "critique", 4)
    assert judged["arguments"] == {"accept": False, "reasons": ["The source says 28 days."]}
    assert (last["number"], values["answer"]["statements"][0]["text"]) == (6, "You have 28 days.")
    assert script.requests[4].task == "critique"
    assert "You have 30 days." in script.requests[4].messages[1].content
    assert "The source says 28 days." in script.requests[5].messages[1].content
    assert len([each for each in script.requests if each.task == "critique"]) == 1


async def test_a_critic_accepts(memory: Checkpoints) -> None:
    spec = AgentSpec(name="main", description="Does it.", prompt="", tools=("*",), critic="critic")
    script = Script(call("search_documents"), say((LEAVE, ["1"])), verdict(True))
    agents = agents_of(script, memory, search(), agents=[spec, team()[2]])
    values = (await state_of(agents, request()))["values"]
    assert [each["tool"] for each in values["steps"]] == ["search_documents", "answer", "critique"]
    assert (values["answer"]["answerable"], values["answer"]["degraded"]) == (True, [])


@pytest.mark.parametrize("output", ["{", GeneratorUnavailable("Away.")])
async def test_without_a_critic_the_answer_stands_and_it_is_said(memory: Checkpoints, output: Any) -> None:
    spec = AgentSpec(name="main", description="Does it.", prompt="", tools=("*",), critic="critic")
    script = Script(call("search_documents"), say((LEAVE, ["1"])), output, output)
    agents = agents_of(script, memory, search(), agents=[spec, team()[2]])
    values = (await state_of(agents, request()))["values"]
    assert (values["answer"]["answerable"], values["answer"]["degraded"]) == (True, ["critic"])
