"""A person in the loop: approvals, questions, and effects of which nobody knows whether they happened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from agents.checkpoints import Checkpoints, open_checkpoints
from agents.declared import AgentSpec
from agents.runner import Agents
from agents.tools.base import Observation
from tests.agents.runs import Book, Rules, Script, agents_of, call, events_of, request, say, state_of, tool_of


@pytest.fixture
async def memory() -> AsyncIterator[Checkpoints]:
    async with open_checkpoints("memory:") as saver:
        yield saver


class Post:
    """Sends letters, and keeps them."""

    def __init__(self, checkpoints: Checkpoints, *outputs: str) -> None:
        self.sent: list[str] = []
        self.rules, self.book = Rules(send="ask"), Book()
        self.script = Script(call("send", text="Hello."), *(outputs or (say(("Sent.", ["1"])),)))
        tool = tool_of("send", lambda arguments, context: self.sent.append(arguments.text) or "Sent.", effect="sends")
        self.agents = agents_of(self.script, checkpoints, tool, rules=self.rules, ledger=self.book)

    async def decide(self, decision: Mapping[str, Any], **given: Any) -> Mapping[str, Any]:
        resume = {"decisions": [decision], "decided_by": "boss", "step": 1, **given}
        return await state_of(self.agents, request(None, resume=resume))


def observation(state: Mapping[str, Any]) -> tuple[str, str | None, str | None]:
    step = state["values"]["steps"][0]
    return step["observation"], step["failure"], step["decision"]


async def test_a_call_that_needs_a_person_waits_for_one(memory: Checkpoints) -> None:
    post = Post(memory)
    events = await events_of(post.agents, request())
    assert [each.name for each in events[-2:]] == ["interrupt", "state"]
    state = events[-1].data
    assert (state["status"], post.sent, post.book.begun) == ("interrupted", [], {})
    [asked] = state["interrupts"]
    assert asked["value"] == {
        "kind": "approval",
        "action_requests": [{"name": "send", "args": {"text": "Hello."}, "description": "The owner wants it so."}],
        "review_configs": [{"action_name": "send", "allowed_decisions": ["approve", "edit", "reject", "respond"]}],
        "step": 1,
        "agent": "main",
        "effect": "sends",
        "reasons": ["The owner wants it so."],
        "thought": "I look.",
    }
    assert state["values"]["steps"][0]["status"] == "waiting"
    again = (await events_of(post.agents, request(None)))[-1].data
    assert (again["status"], again["interrupts"][0]["id"]) == ("interrupted", asked["id"])


async def test_approved_it_happens_once(memory: Checkpoints) -> None:
    post = Post(memory)
    await state_of(post.agents, request())
    state = await post.decide({"type": "approve"})
    assert (state["status"], post.sent) == ("success", ["Hello."])
    assert observation(state) == ("Sent.", None, "approve")
    assert state["values"]["budget"]["calls"] == {"send": 1}
    assert (await post.decide({"type": "approve"}))["status"] == "success"
    assert post.sent == ["Hello."]


async def test_edited_it_happens_as_edited(memory: Checkpoints) -> None:
    post = Post(memory)
    await state_of(post.agents, request())
    state = await post.decide({"type": "edit", "edited_action": {"name": "send", "args": {"text": "Dear all."}}})
    assert post.sent == ["Dear all."]
    assert state["values"]["steps"][0]["arguments"] == {"text": "Dear all."}


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ({"type": "reject", "message": "Not now."}, "The person refused this: Not now."),
        ({"type": "edit", "edited_action": {"name": "burn", "args": {}}}, "Only the arguments"),
        ({"type": "edit", "edited_action": {"name": "send", "args": {"wrong": 1}}}, "do not fit"),
        ({"type": "edit"}, "Only the arguments"),
        ({"type": "obey"}, "could not be read"),
        ({}, "could not be read"),
    ],
)
async def test_what_is_not_allowed_does_not_happen(memory: Checkpoints, decision: Mapping[str, Any], said: str) -> None:
    post = Post(memory, say())
    await state_of(post.agents, request())
    state = await post.decide(decision)
    text, failure, _ = observation(state)
    assert said in text
    assert (failure in ("refused", "invalid_arguments"), post.sent, state["values"]["sources"]) == (True, [], [])


async def test_a_response_takes_the_place_of_the_call(memory: Checkpoints) -> None:
    post = Post(memory, say(("I sent it.", ["1"])))
    await state_of(post.agents, request())
    state = await post.decide({"type": "respond", "message": "I have sent it myself."})
    assert (post.sent, observation(state)) == ([], ("I have sent it myself.", None, "respond"))
    assert (state["values"]["sources"][0]["step"], state["values"]["tainted"]) == (1, False)


async def test_what_is_denied_meanwhile_stays_denied(memory: Checkpoints) -> None:
    post = Post(memory, say())
    await state_of(post.agents, request())
    post.rules.permissions["send"] = "deny"
    state = await post.decide({"type": "approve"})
    assert "not allowed" in observation(state)[0]
    assert post.sent == []


async def test_a_decision_is_only_taken_for_the_call_it_was_made_on(memory: Checkpoints) -> None:
    post = Post(memory, call("send", text="Second."), say(("Sent.", ["1"])))
    await state_of(post.agents, request())
    state = await post.decide({"type": "approve"})
    assert (state["status"], state["interrupts"][0]["value"]["step"]) == ("interrupted", 2)
    state = await post.decide({"type": "approve"})  # the same decision, sent once more after a crash
    assert (state["status"], post.sent) == ("interrupted", ["Hello."])
    state = await post.decide({"type": "approve"}, step=2)
    assert (state["status"], post.sent) == ("success", ["Hello.", "Second."])


async def test_the_short_form_of_a_decision_is_read(memory: Checkpoints) -> None:
    post = Post(memory, say())
    await state_of(post.agents, request())
    await state_of(post.agents, request(None, resume={"type": "approve"}))
    assert post.sent == ["Hello."]


async def test_a_new_task_leaves_what_waited(memory: Checkpoints) -> None:
    post = Post(memory, say())
    await state_of(post.agents, request())
    state = await state_of(post.agents, request("Never mind.", run_id="r2"))
    assert (state["status"], state["interrupts"], post.sent) == ("success", [], [])
    assert len(state["values"]["steps"]) == 1


async def test_a_denied_call_is_refused_at_once(memory: Checkpoints) -> None:
    post = Post(memory, say())
    post.rules.permissions["send"] = "deny"
    state = await state_of(post.agents, request())
    assert (state["status"], observation(state)[1], post.sent) == ("success", "refused", [])
    assert state["values"]["steps"][0]["permission"] == "deny"


# ---- questions -----------------------------------------------------------------------------------------------------


def asking(checkpoints: Checkpoints, *outputs: str) -> tuple[Agents, Script]:
    script = Script(*outputs)
    spec = AgentSpec(name="main", description="Does it.", prompt="", tools=("ask_person",))
    return agents_of(script, checkpoints, agents=[spec]), script


async def test_a_person_is_asked_and_the_answer_can_be_cited(memory: Checkpoints) -> None:
    agents, script = asking(memory, call("ask_person", question="Which year?"), say(("It is 2024.", ["1"])))
    state = await state_of(agents, request())
    value = state["interrupts"][0]["value"]
    assert (value["kind"], value["action_requests"][0]["description"]) == ("question", "Which year?")
    assert value["review_configs"][0]["allowed_decisions"] == ["respond", "reject"]
    state = await state_of(agents, request(None, resume={"decisions": [{"type": "respond", "message": "2024"}]}))
    assert state["values"]["answer"]["statements"][0]["sources"] == ["1"]
    assert "2024" in script.requests[1].messages[1].content


async def test_a_question_must_be_one(memory: Checkpoints) -> None:
    agents, _ = asking(memory, call("ask_person", question=" "), call("ask_person"), say())
    state = await state_of(agents, request())
    assert [each["failure"] for each in state["values"]["steps"]] == ["invalid_arguments", "invalid_arguments", None]


async def test_an_answer_never_given_is_said(memory: Checkpoints) -> None:
    agents, _ = asking(memory, call("ask_person", question="Which year?"), say())
    await state_of(agents, request())
    late = {"decisions": [{"type": "reject", "message": "nobody decided in time"}], "step": 1}
    state = await state_of(agents, request(None, resume=late))
    assert "nobody decided in time" in state["values"]["steps"][0]["observation"]


# ---- effects -------------------------------------------------------------------------------------------------------


async def test_an_effect_of_which_nobody_knows_is_asked_about(memory: Checkpoints) -> None:
    post = Post(memory, say())
    post.rules.permissions["send"] = "always"
    post.book.begun["r1:1"] = 1  # by a process that is gone
    state = await state_of(post.agents, request())
    value = state["interrupts"][0]["value"]
    assert (value["kind"], value["review_configs"][0]["allowed_decisions"], post.sent) == (
        "unknown_outcome",
        ["approve", "reject", "respond"],
        [],
    )
    state = await post.decide({"type": "approve"})
    assert (state["status"], post.sent, post.book.begun) == ("success", ["Hello."], {"r1:1": 2})


async def test_a_person_may_say_that_it_happened(memory: Checkpoints) -> None:
    post = Post(memory, say(("It was sent.", ["1"])))
    post.rules.permissions["send"] = "always"
    post.book.begun["r1:1"] = 1
    await state_of(post.agents, request())
    state = await post.decide({"type": "respond", "message": "It arrived."})
    assert (post.sent, state["values"]["answer"]["answerable"]) == ([], True)


async def test_an_effect_that_is_done_is_not_done_again(memory: Checkpoints) -> None:
    post = Post(memory, say())
    post.rules.permissions["send"] = "always"
    post.book.done["r1:1"] = {"text": "Sent before.", "untrusted": False}
    state = await state_of(post.agents, request())
    assert (post.sent, observation(state)[0]) == ([], "Sent before.")


async def test_an_effect_that_may_have_happened_says_so(memory: Checkpoints) -> None:
    book, script = Book(), Script(call("send"), say())
    lost = tool_of("send", lambda a, c: Observation(text="It took too long.", failure="timeout"), effect="sends")
    state = await state_of(agents_of(script, memory, lost, ledger=book), request())
    assert "may have happened" in state["values"]["steps"][0]["observation"]
    assert (list(book.begun), list(book.done)) == (["r1:1"], [])


class Gone(Exception):
    """Stands for a process that ends in the middle of a call."""


class Breaking(Book):
    """A ledger during whose first note the process ends."""

    broken = False

    async def begin(self, call_id: str, **given: Any) -> Any:
        begun = await super().begin(call_id, **given)
        if not self.broken:
            self.broken = True
            raise Gone
        return begun


async def test_what_is_denied_meanwhile_is_done_no_more(memory: Checkpoints) -> None:
    post = Post(memory, say())
    post.agents._parts.__dict__["ledger"] = Breaking()
    await state_of(post.agents, request())
    with pytest.raises(Gone):
        await post.decide({"type": "approve"}, kind="approval")
    state = await state_of(post.agents, request(None))
    assert state["interrupts"][0]["value"]["kind"] == "unknown_outcome"
    post.rules.permissions["send"] = "deny"
    state = await post.decide({"type": "approve"}, kind="unknown_outcome")
    assert (state["status"], post.sent) == ("success", [])
    assert observation(state)[1] == "refused"


async def test_a_tool_that_is_gone_at_the_ruling_is_not_called_when_it_is_back(memory: Checkpoints) -> None:
    post = Post(memory, say())
    await state_of(post.agents, request())
    tools = dict(post.agents._parts.tools())
    post.agents._parts.__dict__["tools"] = dict
    state = await post.decide({"type": "approve"}, kind="approval")
    post.agents._parts.__dict__["tools"] = lambda: tools
    assert observation(state) == ("There is no send any more: do without it.", "failed", "approve")
    assert post.sent == []
