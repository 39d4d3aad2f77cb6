"""The loop: steps, observations, answers, and how it ends when something is used up or goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest

from agents.checkpoints import Checkpoints, open_checkpoints
from agents.declared import AgentSpec
from agents.settings import AgentSettings, BudgetSettings, StepSettings
from agents.tools.base import Observation
from core.errors import GenerationInvalid, GeneratorUnavailable, InvalidInput, NotFound
from core.types import Answer, AnswerTrace, Generation, GenerationRequest, Message, Principal, Usage
from tests.agents.runs import (
    LEAVE,
    PERSON,
    Rails,
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


def budget(**limits: Any) -> AgentSettings:
    return AgentSettings(budget=BudgetSettings(**limits))


def steps_of(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(state["values"]["steps"])


class Log:
    """Keeps how steps were written."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int], tuple[Answer, AnswerTrace]] = {}

    async def write(self, run_id: str, number: int, answer: Answer, trace: AnswerTrace) -> None:
        self.kept[run_id, number] = (answer, trace)


async def test_each_step_is_logged_with_what_was_sent_and_written_and_could_be_cited(memory: Checkpoints) -> None:
    script, log = Script(call("search_documents", text="leave"), say((LEAVE, ["1"]))), Log()
    await events_of(agents_of(script, memory, search(), log=log), request())
    assert list(log.kept) == [("r1", 1), ("r1", 2)]
    sent = [each for each in script.requests if each.task == "step"]
    for asked, (answer_, trace) in zip(sent, log.kept.values(), strict=True):
        assert (trace.messages, trace.schema) == (tuple(asked.messages), asked.schema)
        assert answer_.sources == tuple(asked.sources)
    assert [json.loads(trace.attempts[0].output)["action"]["tool"] for _, trace in log.kept.values()] == [
        "search_documents",
        "answer",
    ]
    assert [answer_.id for answer_, _ in log.kept.values()] == ["r1.1", "r1.2"]


# ---- what goes well ------------------------------------------------------------------------------------------------


async def test_a_task_becomes_steps_and_a_cited_answer(memory: Checkpoints) -> None:
    script = Script(call("search_documents", text="leave"), say((LEAVE, ["1"])))
    events = await events_of(agents_of(script, memory, search()), request())
    told = [(each.data["step"]["number"], each.data["step"]["status"]) for each in events if each.name == "step"]
    assert told == [(1, "running"), (1, "running"), (1, "done"), (2, "running"), (2, "done")]
    assert [each.name for each in events if each.name not in ("step", "budget")] == ["sources", "answer", "state"]
    values = events[-1].data["values"]
    assert events[-1].data["status"] == "success"
    assert values["answer"]["statements"] == [{"text": LEAVE, "sources": ["1"], "support": 1.0, "supported": True}]
    assert [each["document_id"] for each in values["answer"]["sources"]] == ["d1"]
    assert values["answer"]["usage"] == asdict(Usage(prompt_tokens=20, completion_tokens=10))
    assert [each["type"] for each in values["messages"]] == ["human", "ai"]
    assert (values["budget"]["steps"], values["budget"]["tokens"], values["tainted"]) == (2, 30, True)
    assert values["incomplete"] is None
    json.dumps([each.data for each in events])


async def test_a_result_that_is_no_passage_is_citable_by_its_step(memory: Checkpoints) -> None:
    script = Script(call("count", text="x"), call("count", text="y"), say(("It is 4.", ["1"])))
    agents = agents_of(script, memory, tool_of("count", lambda arguments, context: "4"))
    state = await state_of(agents, request())
    assert [(each["id"], each["step"], each["title"]) for each in state["values"]["sources"]] == [
        ("1", 1, "count(text='x')"),
        ("2", 2, "count(text='y')"),
    ]
    sent = script.requests[-1]
    assert [source.step for source in sent.sources] == [1, 2]
    assert [step.number for step in sent.steps] == [1, 2]


async def test_a_passage_found_twice_keeps_its_id(memory: Checkpoints) -> None:
    script = Script(call("search_documents", text="a"), call("search_documents", text="b"), say((LEAVE, ["1"])))
    state = await state_of(agents_of(script, memory, search(hit(1), hit(2, "Other."))), request())
    assert [each["id"] for each in state["values"]["sources"]] == ["1", "2"]
    assert [each["sources"] for each in steps_of(state)[:2]] == [["1", "2"], ["1", "2"]]


async def test_without_a_source_only_no_answer_is_admitted(memory: Checkpoints) -> None:
    script = Script(say())
    state = await state_of(agents_of(script, memory), request())
    assert (state["status"], state["values"]["answer"]["answerable"]) == ("success", False)
    admitted = script.requests[0].schema["properties"]["action"]["anyOf"][-1]["properties"]["answer"]
    assert admitted["properties"]["answerable"]["enum"] == [False]


async def test_a_thread_goes_on_with_its_conversation(memory: Checkpoints) -> None:
    script = Script(
        call("search_documents", text="a"), say((LEAVE, ["1"])), call("search_documents", text="b"), say((LEAVE, ["1"]))
    )
    agents = agents_of(script, memory, search())
    first = await state_of(agents, request())
    second = await state_of(agents, request("And in March?", run_id="r2"))
    assert len(first["values"]["steps"]) == len(second["values"]["steps"]) == 2
    assert second["values"]["budget"]["steps"] == 2
    assert [each["content"] for each in second["values"]["messages"]][::2] == ["How much leave?", "And in March?"]
    assert [each.role for each in script.requests[2].history] == ["user", "assistant"]
    assert LEAVE in script.requests[2].messages[1].content


async def test_a_history_seeds_a_new_thread(memory: Checkpoints) -> None:
    script, rules = Script(call("count", text="x"), say()), Rules()
    agents = agents_of(script, memory, tool_of("count", lambda arguments, context: "4", effect="sends"), rules=rules)
    history = (Message(role="user", content="Hi."), Message(role="assistant", content="Do send it."))
    await state_of(agents, request(history=history))
    assert script.requests[0].history == history
    assert (rules.asked[0]["tainted"], rules.asked[0]["earlier"]) == (True, ["Do send it."])
    assert rules.asked[0]["task"] == "Hi.\nHow much leave?"


async def test_only_what_policy_and_agent_allow_is_offered(memory: Checkpoints) -> None:
    tools = [tool_of(name, lambda arguments, context: "4") for name in ("one", "two", "three")]
    spec = AgentSpec(name="main", description="Does it.", prompt="", tools=("one", "t*"))
    script = Script(say())
    await state_of(agents_of(script, memory, *tools, agents=[spec], rules=Rules(**{"main:two": "deny"})), request())
    actions = script.requests[0].schema["properties"]["action"]["anyOf"]
    assert [each["properties"]["tool"]["enum"][0] for each in actions] == ["one", "three", "answer"]


async def test_pictures_are_told_and_not_kept(memory: Checkpoints) -> None:
    drawn = Observation(text="Drawn.", data={"image": "x" * 1_000})
    script = Script(call("draw"), say(("Drawn.", ["1"])))
    events = await events_of(agents_of(script, memory, tool_of("draw", lambda a, c: drawn)), request())
    done = [each.data["step"] for each in events if each.name == "step" and each.data["step"]["observation"]]
    assert done[0]["data"] == {"image": "x" * 1_000}
    assert steps_of(events[-1].data)[0]["data"] == {}


async def test_long_results_are_cut_and_say_so(memory: Checkpoints) -> None:
    settings = AgentSettings(steps=StepSettings(observation_chars=200))
    script = Script(call("tell"), say())
    agents = agents_of(script, memory, tool_of("tell", lambda a, c: "y" * 500), settings=settings)
    observation = steps_of(await state_of(agents, request()))[0]["observation"]
    assert observation.startswith("y" * 200 + "\n[… 300 more")


async def test_the_requests_words_for_the_conversation_count(memory: Checkpoints) -> None:
    script = Script(call("search_documents"), say((LEAVE, ["1"])), say())
    agents = agents_of(script, memory, search())
    await state_of(agents, request())
    told = (Message(role="user", content="How much leave?"), Message(role="assistant", content="(withheld)"))
    await state_of(agents, request("And now?", run_id="r2", history=told))
    assert script.requests[-1].history == told
    assert LEAVE not in script.requests[-1].messages[1].content


async def test_what_a_call_brought_that_cannot_be_cited_is_told_to_the_policy(memory: Checkpoints) -> None:
    said = Observation(text="Invalid number: Gottlieb.", failure="failed")
    script, rules = Script(call("ask"), call("nothing", wrong=1), call("send", text="Gottlieb."), say()), Rules()
    tools = [
        tool_of("ask", lambda a, c: said),
        tool_of("nothing", lambda a, c: "x"),
        tool_of("send", lambda a, c: "Sent.", effect="sends"),
    ]
    await state_of(agents_of(script, memory, *tools, rules=rules), request())
    assert [(each.title, each.text) for each in rules.asked[-1]["sources"]] == [("ask(", "Invalid number: Gottlieb.")]


# ---- what is used up -----------------------------------------------------------------------------------------------


async def test_when_steps_are_used_up_it_answers_from_what_is_known(memory: Checkpoints) -> None:
    script = Script(call("search_documents", text="leave"), json.dumps(answer((LEAVE, ["1"]))))
    state = await state_of(agents_of(script, memory, search(), settings=budget(steps=1)), request())
    assert state["status"] == "success"
    assert state["values"]["incomplete"] == {
        "reason": "steps",
        "message": "The limit of 1 steps is reached.",
        "agent": "main",
    }
    assert state["values"]["answer"]["statements"][0]["text"] == LEAVE
    assert (script.requests[-1].task, state["values"]["budget"]["steps"]) == ("answer", 1)


async def test_without_anything_known_it_says_so(memory: Checkpoints) -> None:
    script = Script(call("wait"))
    agents = agents_of(
        script,
        memory,
        tool_of("wait", lambda a, c: Observation(text="No.", failure="failed")),
        settings=budget(steps=1),
    )
    values = (await state_of(agents, request()))["values"]
    assert (values["answer"]["answerable"], values["incomplete"]["reason"]) == (False, "steps")


async def test_calls_in_all_end_the_run_and_calls_of_one_tool_do_not(memory: Checkpoints) -> None:
    final = json.dumps(answer((LEAVE, ["1"])))
    script = Script(call("search_documents", text="a"), call("search_documents", text="b"), final)
    state = await state_of(agents_of(script, memory, search(), settings=budget(tool_calls=1)), request())
    assert state["values"]["incomplete"]["reason"] == "tool_calls"
    assert [each["failure"] for each in steps_of(state)] == [None, "refused"]
    script = Script(call("search_documents", text="a"), call("search_documents", text="b"), say((LEAVE, ["1"])))
    settings = budget(calls_per_tool={"search_documents": 1})
    state = await state_of(agents_of(script, memory, search(), settings=settings), request(run_id="r2"))
    assert state["values"]["incomplete"] is None
    assert "use another tool" in steps_of(state)[1]["observation"]


async def test_the_same_call_again_is_told_to_the_model(memory: Checkpoints) -> None:
    same = call("search_documents", text="leave")
    script = Script(same, same, same, say((LEAVE, ["1"])))
    state = await state_of(agents_of(script, memory, search()), request())
    assert "change them or answer" in steps_of(state)[2]["observation"]
    assert "change them or answer" in script.requests[3].messages[1].content


async def test_tokens_are_never_passed(memory: Checkpoints) -> None:
    def greedy(asked: GenerationRequest) -> str:
        return call("search_documents", text=str(len(script.requests)))

    script = Script(*[greedy] * 50)

    async def honest(asked: GenerationRequest) -> Any:  # says it used all it was allowed
        script.requests.append(asked)
        prompt = sum(len(each.content.encode()) for each in asked.messages)
        text = greedy(asked) if asked.task == "step" else json.dumps(answer((LEAVE, ["1"])))
        usage = Usage(prompt_tokens=prompt // 3, completion_tokens=asked.max_tokens)
        return Generation(text=text, generator=script.info, usage=usage)

    script.complete = honest  # type: ignore[method-assign]
    settings = AgentSettings(
        budget=BudgetSettings(tokens=12_000, final_tokens=4_000, identical_calls=100), max_tokens=256
    )
    state = await state_of(agents_of(script, memory, search(), settings=settings), request())
    assert state["values"]["incomplete"]["reason"] == "tokens"
    assert state["values"]["budget"]["tokens"] <= 12_000
    assert script.requests[-1].task == "answer"
    assert state["values"]["answer"]["answerable"]


async def test_a_slow_model_runs_out_of_time_and_the_run_still_ends(memory: Checkpoints) -> None:
    class Tiring(Script):
        """Writes one step and then nothing any more."""

        async def complete(self, request: GenerationRequest) -> Generation:
            if self.requests:
                await asyncio.sleep(600)
            return await super().complete(request)

    script = Tiring(call("search_documents"))
    settings = budget(seconds=2.0, final_seconds=0.5)
    state = await state_of(agents_of(script, memory, search(), settings=settings), request())
    assert state["values"]["incomplete"]["reason"] == "seconds"
    assert state["values"]["answer"]["answerable"] is False
    assert state["values"]["answer"]["degraded"] == ["final_answer"]


async def test_a_tool_that_hangs_is_stopped_by_the_budget(memory: Checkpoints) -> None:
    async def hang(arguments: Any, context: Any) -> str:
        await asyncio.sleep(60)
        return "never"

    script = Script(call("hang"), json.dumps(answer()))
    settings = budget(seconds=2.0, final_seconds=0.5)
    state = await state_of(agents_of(script, memory, tool_of("hang", hang, timeout=60), settings=settings), request())
    assert (steps_of(state)[0]["failure"], state["values"]["incomplete"]["reason"]) == ("timeout", "seconds")


async def test_cost_counts_models_and_tools(memory: Checkpoints) -> None:
    settings = AgentSettings(
        budget=BudgetSettings(cost=1.0), prices={"prompt": 0.0, "completion": 0.0, "calls": {"search_documents": 0.6}}
    )
    script = Script(
        call("search_documents", text="a"), call("search_documents", text="b"), json.dumps(answer((LEAVE, ["1"])))
    )
    state = await state_of(agents_of(script, memory, search(), settings=settings), request())
    assert (state["values"]["incomplete"]["reason"], state["values"]["budget"]["cost"]) == ("cost", 600_000)
    assert [each["cost"] for each in steps_of(state)] == [0.6, 0.0]


# ---- what goes wrong -----------------------------------------------------------------------------------------------


async def test_an_output_off_its_schema_is_asked_for_once_more(memory: Checkpoints) -> None:
    script = Script("{", call("search_documents"), say((LEAVE, ["1"])))
    state = await state_of(agents_of(script, memory, search()), request())
    assert state["values"]["answer"]["answerable"]
    assert [each.temperature for each in script.requests] == [0.0, 0.4, 0.0]
    assert state["values"]["budget"]["tokens"] == 45


async def test_a_second_one_ends_the_run_with_an_error_and_the_thread_lives(memory: Checkpoints) -> None:
    script = Script("{", "{", say())
    agents = agents_of(script, memory, search())
    with pytest.raises(GenerationInvalid):
        await events_of(agents, request())
    assert (await state_of(agents, request(run_id="r2")))["status"] == "success"


async def test_a_model_that_does_not_answer_ends_the_run_and_it_can_be_taken_up(memory: Checkpoints) -> None:
    script = Script(call("search_documents"), GeneratorUnavailable("It is away."), say((LEAVE, ["1"])))
    agents = agents_of(script, memory, search())
    with pytest.raises(GeneratorUnavailable):
        await events_of(agents, request())
    state = await state_of(agents, request())
    assert state["values"]["answer"]["statements"][0]["sources"] == ["1"]
    assert len(steps_of(state)) == 2


async def test_wrong_arguments_are_an_observation(memory: Checkpoints) -> None:
    script = Script(call("count", wrong=1), say())
    state = await state_of(agents_of(script, memory, tool_of("count", lambda a, c: "4")), request())
    assert steps_of(state)[0]["failure"] == "invalid_arguments"
    assert state["values"]["sources"] == []


async def test_a_tool_that_breaks_is_an_observation(memory: Checkpoints) -> None:
    def broken(arguments: Any, context: Any) -> str:
        raise RuntimeError("secret")

    script = Script(call("count"), say())
    state = await state_of(agents_of(script, memory, tool_of("count", broken)), request())
    assert steps_of(state)[0]["failure"] == "failed"
    assert "secret" not in json.dumps(state)


@pytest.mark.parametrize("task", ["", "  ", "x" * 20_001])
async def test_a_task_must_be_one(memory: Checkpoints, task: str) -> None:
    with pytest.raises(InvalidInput):
        await events_of(agents_of(Script(), memory), request(task))


async def test_unknown_agents_and_empty_threads_are_told(memory: Checkpoints) -> None:
    agents = agents_of(Script(), memory)
    with pytest.raises(NotFound, match="no agent"):
        await events_of(agents, request(agent="nobody"))
    with pytest.raises(NotFound, match="no run"):
        await events_of(agents, request(None))
    assert await agents.state("t") is None
    await agents.forget("t")


async def test_closing_the_iterator_stops_the_tool_and_the_run_can_be_taken_up(memory: Checkpoints) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def hang(arguments: Any, context: Any) -> str:
        if began.is_set():
            return "4"
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return "never"

    script = Script(call("hang"), say(("It is 4.", ["1"])))
    agents = agents_of(script, memory, tool_of("hang", hang, timeout=60))

    async def drive() -> None:
        async for _ in agents.run(request()):
            pass

    driving = asyncio.create_task(drive())
    await began.wait()
    driving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await driving
    assert ended.is_set()
    state = await state_of(agents, request())
    assert state["values"]["answer"]["statements"][0]["text"] == "It is 4."
    assert state["values"]["budget"]["calls"] == {"hang": 1}


async def test_a_run_that_is_over_is_only_told_again(memory: Checkpoints) -> None:
    agents = agents_of(Script(say()), memory)
    await events_of(agents, request())
    assert [each.name for each in await events_of(agents, request())] == ["state"]


async def test_histories_and_forgetting(memory: Checkpoints) -> None:
    agents = agents_of(Script(say(), say()), memory)
    await events_of(agents, request())
    await events_of(agents, request(run_id="r2"))
    history = await agents.history("t", limit=3)
    assert len(history) == 3
    assert history[0].values["run_id"] == "r2"
    assert history[0].parent_checkpoint_id == history[1].checkpoint_id
    await agents.forget("t")
    assert await agents.state("t") is None


# ---- rails ---------------------------------------------------------------------------------------------------------


async def test_every_text_passes_the_rails(memory: Checkpoints) -> None:
    rails = Rails(mask="Ann")
    script = Script(
        call("search_documents", text="x"), call("send", text="Tell Ann."), say(("Ann has 28 days.", ["1"]))
    )
    sent: list[str] = []
    tools = [
        search(replace(hit(1, "Ann has 28 days."), title="Ann's leave", heading_path=("Of Ann",))),
        tool_of("send", lambda a, c: sent.append(a.text) or "Ann knows.", effect="sends"),
    ]
    state = await state_of(agents_of(script, memory, *tools, screen=rails), request("Ask Ann."))
    assert [place for place, _ in rails.seen] == [
        "question",
        "passage",
        "passage",
        "passage",
        "arguments",
        "tool_result",
        "arguments",  # the title of the result repeats them
        "tool_result",
        "answer",
    ]
    assert sent == ["Tell [MASKED]."]
    assert "Ann" not in json.dumps(state["values"]["messages"]) + json.dumps(state["values"]["sources"])
    assert state["values"]["answer"]["statements"][0]["text"] == "[MASKED] has 28 days."
    assert "Ann" not in json.dumps(steps_of(state)[-1])
    found = [[(each["place"], each["action"], each["count"]) for each in step["findings"]] for step in steps_of(state)]
    assert found[0] == [("passage", "masked", 3), ("question", "masked", 1)], "text, title and heading"
    assert found[1] == [("arguments", "masked", 1), ("tool_result", "masked", 1)]
    assert found[2] == [("tool_result", "masked", 1)], "the answer, as agents and logs are shown it"
    answer = state["values"]["answer"]
    assert (answer["question"], answer["sources"][0]["text"]) == ("Ask Ann.", "Ann has 28 days.")
    assert (answer["sources"][0]["title"], answer["sources"][0]["heading_path"]) == ("Ann's leave", ["Of Ann"])


async def test_what_is_blocked_goes_nowhere(memory: Checkpoints) -> None:
    rails = Rails(block="BAD")
    agents = agents_of(Script(), memory, screen=rails)
    values = (await state_of(agents, request("BAD task")))["values"]
    assert (values["incomplete"]["reason"], values["answer"]["answerable"]) == ("blocked", False)
    script = Script(
        call("search_documents", text="x"),
        call("tell"),
        call("send", text="BAD"),
        say((LEAVE, ["1"]), ("BAD", ["1"])),
    )
    sent: list[str] = []
    tools = [
        search(hit(1), hit(2, "BAD")),
        tool_of("tell", lambda a, c: "BAD"),
        tool_of("send", lambda a, c: sent.append(a.text), effect="sends"),
    ]
    state = await state_of(agents_of(script, memory, *tools, screen=rails), request(run_id="r2"))
    assert (sent, [each["id"] for each in state["values"]["sources"]]) == ([], ["1"])
    assert [each["failure"] for each in steps_of(state)] == [None, "refused", "refused", None]
    assert len(state["values"]["answer"]["statements"]) == 1
    assert state["values"]["answer"]["degraded"] == ["statement_withheld"]
    assert "BAD" not in json.dumps(
        {**state["values"], "steps": [each for each in steps_of(state) if each["number"] != 3]}
    )


async def test_the_principal_is_in_no_checkpoint_and_a_revoked_right_holds(memory: Checkpoints) -> None:
    seen: list[Principal] = []
    script = Script(call("count"), GeneratorUnavailable("Away."), call("count", text="2"), say())
    agents = agents_of(script, memory, tool_of("count", lambda a, context: seen.append(context.principal) or "4"))
    with pytest.raises(GeneratorUnavailable):
        await events_of(agents, request())
    other = Principal(id="ann", groups=frozenset({"everyone"}), admin=True)
    await events_of(agents, request(principal=other))
    assert seen == [PERSON, other]
    kept = await agents.state("t")
    assert kept is not None
    assert "groups" not in json.dumps(kept.values)
