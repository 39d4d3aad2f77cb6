"""An agent whose passages and results have their spaces marked: what it copies of them is plain text again."""

from __future__ import annotations

from agents.checkpoints import open_checkpoints
from agents.rails.settings import RailsSettings
from agents.settings import AgentSettings
from tests.agents.runs import LEAVE, Script, agents_of, call, events_of, request, say, search

MARKED = AgentSettings(rails=RailsSettings(marking="datamark"))


async def test_marks_go_into_prompts_and_not_into_what_is_done_or_said() -> None:
    script = Script(call("search_documents", text="annualˆleave"), say((LEAVE.replace(" ", "ˆ"), ["1"])))
    async with open_checkpoints("memory:") as saver:
        events = await events_of(agents_of(script, saver, search(), settings=MARKED), request())
    prompts = ["".join(each.content for each in asked.messages) for asked in script.requests]
    assert LEAVE.replace(" ", "ˆ") in prompts[1]
    assert LEAVE not in prompts[1]
    steps = [each.data["step"] for each in events if each.name == "step"]
    assert steps[0]["arguments"]["text"] == "annual leave"
    assert [each["text"] for each in events[-1].data["values"]["answer"]["statements"]] == [LEAVE]
