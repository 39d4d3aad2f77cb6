"""The loop as a LangGraph graph: reason → guard → act → observe → … → conclude, with nodes of our own.

One flat graph serves all agents: one that sets another to work pushes a frame, whose answer pops it and becomes what
that step brought. Every node leaves the state so that whoever takes the run up again, here or after a crash, can go on
at the next one. Where nothing has to be kept in between, the next node's work is done at once: a call that only reads
is made as soon as it may be, and what a call brought is observed as soon as it is there. Each checkpoint saved so is
one less to write.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any, TypedDict

from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from agents import asking
from agents.calling import CALL, EFFECTS, OutcomeUnknown, called
from agents.declared import ANSWER
from agents.ending import conclude, stopped
from agents.guarding import denied, guarded, ruled_again
from agents.observing import observed
from agents.scene import ACT, ASK, CONCLUDE, GUARD, OBSERVE, REASON, Move, Scene
from agents.state import Json, upserted
from agents.stepping import Spent, next_step
from agents.tools.base import Observation
from agents.working import Work
from core.types import Step

Node = Callable[[Work, Scene], Awaitable[Move]]


class State(TypedDict, total=False):
    """`agents.state.Values` with LangGraph's notes on what is kept as differences."""

    run_id: str
    agent: str
    messages: list[Json]
    steps: Annotated[list[Json], DeltaChannel(upserted)]
    sources: Annotated[list[Json], DeltaChannel(upserted)]
    frames: list[Json]
    pending: Json | None
    budget: Json
    answer: Json | None
    incomplete: Json | None
    tainted: bool


def build_graph(saver: Any) -> Any:
    """The compiled graph over a saver. Its context is the run's `Work`; its custom stream are what `Work` tells."""
    context: Any = Work
    graph: StateGraph[State, Any, Any, Any] = StateGraph(State, context_schema=context)
    nodes: dict[str, Node] = {
        REASON: reason,
        GUARD: guard,
        ASK: ask,
        ACT: act,
        OBSERVE: observe,
        CONCLUDE: conclude,
    }
    for name, node in nodes.items():
        graph.add_node(name, _node(node))
    graph.add_edge(START, REASON)
    return graph.compile(checkpointer=saver)


def _node(does: Node) -> Callable[..., Awaitable[Command[str]]]:
    async def run(state: State, runtime: Runtime[Any]) -> Command[str]:
        work: Work = runtime.context
        work.emit = runtime.stream_writer
        scene = Scene(work, state)
        with work.at_work(scene.frames):
            move = await does(work, scene)
        update = dict(move.update)
        if move.spent:
            update["budget"] = work.kept_budget()
        return Command(goto=move.goto, update=update)

    return run


async def reason(work: Work, scene: Scene) -> Move:
    """Has the agent write its next step, if its budget allows one."""
    frame, budget = scene.frame, work.budgets(scene.frames)[-1]
    if frame.closing:
        return Move(goto=CONCLUDE)
    if none := budget.step():
        return stopped(work, scene, none)
    own = scene.own_steps
    root = len(scene.frames) == 1
    history = await work.turns(scene.state["messages"]) if root else ()
    try:
        step = await next_step(
            work,
            frame,
            budget,
            number=len(scene.steps) + 1,
            steps=own,
            sources=scene.citable,
            history=history,
        )
    except Spent as spent:
        return stopped(work, scene, spent.exhausted)
    if step.tool == ANSWER:  # what it says is told once it was looked over
        work.tell_step(replace(step, arguments={}))
        return Move(goto=CONCLUDE, update=scene.changed(step), spent=True)
    work.tell_step(step)
    return Move(goto=GUARD, update={**scene.changed(step), "pending": None}, spent=True)


async def ask(work: Work, scene: Scene) -> Move:
    """Asks the person, which ends this process' part, and goes on with what was decided, whenever that is."""
    step, pending = scene.last, scene.state["pending"] or {}
    kind: asking.Kind = pending["ask"]
    resume = interrupt(asking.asked(kind, step, effect=pending["effect"], reasons=step.reasons, again=_again(pending)))
    decision = asking.decided(kind, step, resume)
    step = replace(step, status="running", decision=decision.said)
    if decision.said == "reject":
        message = f": {decision.message}" if decision.message else "."
        return scene.brings(work, step, f"The person refused this{message}", "refused")
    if decision.said == "respond":
        return scene.brings(work, step, decision.message or "The person said nothing.", None)
    if kind == "unknown_outcome":
        work.tell_step(step)
        return Move(goto=ACT, update={**scene.changed(step), "pending": {"again": _again(pending) + 1}})
    if decision.arguments is not None:
        step = replace(step, arguments=decision.arguments)
    return await ruled_again(work, scene, step)


async def guard(work: Work, scene: Scene) -> Move:
    """Sees whether the call may be made; one that only reads is made at once."""
    move = await guarded(work, scene)
    tool = work.tools.get(scene.last.tool)
    if move.goto != ACT or tool is None or tool.effect in EFFECTS:
        return move
    return move.then(await act(work, scene.after(move)))


async def act(work: Work, scene: Scene) -> Move:
    """Calls the tool and observes what it brings, or sets the agent to work."""
    step, frames = scene.last, scene.frames
    if step.tool in work.spec(scene.frame).agents:
        return Move(goto=REASON, update={"frames": scene.with_frame(step), "pending": None})
    tool = work.tools.get(step.tool)
    if tool is not None and tool.effect in EFFECTS and (reason := await denied(work, scene, step)):
        return scene.brings(work, step, reason, "refused")
    pending = scene.state.get("pending") or {}
    began = time.perf_counter()
    seconds = work.budgets(frames)[-1].seconds_left()
    try:
        brought = await called(work, scene.frame, step, seconds, again=_again(pending))
    except OutcomeUnknown:
        effect = work.tools[step.tool].effect
        return scene.waits(work, step, "unknown_outcome", effect, again=_again(pending))
    ms = round((time.perf_counter() - began) * 1_000, 3)
    return await _observed(work, scene, replace(step, timings_ms={**step.timings_ms, CALL: ms}), brought)


def _again(pending: Json) -> int:
    """How often a person has said that the call in hand is to be made once more."""
    return int(pending.get("again") or 0)


async def observe(work: Work, scene: Scene) -> Move:
    """Shows the agent what took the place of a call: why it was not made, or what the person said."""
    pending = scene.state["pending"] or {}
    brought = Observation(text=pending["text"], failure=pending["failure"], untrusted=False)
    return await _observed(work, scene, scene.last, brought)


async def _observed(work: Work, scene: Scene, step: Step, brought: Observation) -> Move:
    """Makes of what was brought what the agent is shown."""
    found = await observed(work, step, brought, scene.sources)
    done = work.noted(found.step)
    work.tell_sources(found.sources)
    work.tell_step(done)
    update = {**scene.changed(done, sources=found.sources), "pending": None}
    if brought.untrusted:
        update["tainted"] = True
    return Move(goto=REASON, update=update, spent=True)
