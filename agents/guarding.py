"""Before a call is made: budget, arguments, rails and policy, in this order, each of which may refuse it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agents.calling import CALL, GONE, OUTSIDE, paid
from agents.ending import stopped
from agents.policy import Call, Ruling
from agents.scene import ACT, Move, Scene
from agents.steps import TASK_CHARS
from agents.tool_names import ASK_PERSON
from agents.tools.base import Tool, misfit
from agents.working import QUESTION_CHARS, Work
from core.types import Source, Step


class Refused(Exception):
    """A rail does not let the arguments out."""


async def guarded(work: Work, scene: Scene) -> Move:
    """Lets a call through, has a person asked, or says why it is not made."""
    step, frames = scene.last, scene.frames
    none = work.budgets(frames)[-1].call(step.tool, step.arguments) or paid(work, frames, step.tool)
    if none is None and (price := work.parts.settings.prices.calls.get(step.tool)):
        step = replace(step, cost=step.cost + price)
    if none is not None and none.ends_run:
        refused = replace(step, status="done", observation=str(none), failure="refused")
        work.tell_step(refused)
        return stopped(work, scene, none, refused)
    if none is not None:
        return scene.brings(work, step, str(none), "refused")
    if step.tool == ASK_PERSON:
        if not _only(step, "question", QUESTION_CHARS):
            return scene.brings(work, step, "Ask one question, in words.", "invalid_arguments")
        return scene.waits(work, step, "question", "reads_inside")
    if step.tool in work.spec(scene.frame).agents and not _only(step, "task", TASK_CHARS):
        return scene.brings(work, step, "Hand over one task, in words.", "invalid_arguments")
    if step.tool in work.spec(scene.frame).agents:
        return Move(goto=ACT, update=scene.changed(step), spent=True)
    return await _ruled(work, scene, step, decided=False)


async def ruled_again(work: Work, scene: Scene, step: Step) -> Move:
    """The same for a call that a person let through, perhaps with other arguments: what is denied stays denied."""
    return await _ruled(work, scene, step, decided=True)


async def denied(work: Work, scene: Scene, step: Step) -> str | None:
    """Why a call that was let through earlier, perhaps days ago or in another process, may not be made now."""
    tool = work.tools.get(step.tool)
    if tool is None:
        return None
    ruling = await _ruling(work, scene, step, tool)
    return _not_allowed(ruling) if ruling.permission == "deny" else None


async def _ruled(work: Work, scene: Scene, step: Step, *, decided: bool) -> Move:
    tool = work.tools.get(step.tool)
    if tool is None:  # it may be back in a moment: nobody has looked at this call, so it is not made then either
        return scene.brings(work, step, GONE.format(step.tool), "failed")
    if wrong := misfit(tool, step.arguments):
        return scene.brings(work, step, wrong.text, wrong.failure)
    if tool.effect in OUTSIDE:
        try:
            step = replace(step, arguments=await _screened(work, step.arguments))
        except Refused as refused:
            return scene.brings(work, step, str(refused), "refused")
    ruling = await _ruling(work, scene, step, tool)
    step = work.noted(replace(step, permission=ruling.permission, reasons=ruling.reasons))
    if ruling.permission == "deny":
        return scene.brings(work, step, _not_allowed(ruling), "refused")
    if ruling.permission == "ask" and not decided:
        return scene.waits(work, step, "approval", tool.effect)
    work.tell_step(step)
    return Move(goto=ACT, update={**scene.changed(step), "pending": None}, spent=True)


def _not_allowed(ruling: Ruling) -> str:
    return " ".join(("This is not allowed.", *ruling.reasons))


async def _ruling(work: Work, scene: Scene, step: Step, tool: Tool[Any]) -> Ruling:
    messages = scene.state["messages"]
    words = [each["content"] for each in messages if each["type"] == "human"]
    words += [each.observation or "" for each in scene.steps if each.decision == "respond"]
    return await work.parts.policy.rule(
        tool,
        step.arguments,
        principal=work.request.principal,
        agent=step.agent,
        tainted=bool(scene.state.get("tainted")),
        task="\n".join(words),
        sources=[*scene.sources, *_uncited(scene)],
        earlier=[each["content"] for each in messages if each["type"] == "ai"],
        left=_left(work, scene, step),
    )


def _left(work: Work, scene: Scene, now: Step) -> list[Call]:
    """The calls that went outside without a person's word, before this one."""
    inside = {name for name, tool in work.tools.items() if tool.effect not in OUTSIDE}
    made = (each for each in scene.steps if CALL in each.timings_ms and each.tool not in inside)
    return [(each.tool, each.arguments) for each in made if not each.decision and each.number < now.number]


def _uncited(scene: Scene) -> list[Source]:
    """What calls brought that nobody can cite, for example what a database says is wrong with a value: it was read all
    the same, and must not leave unseen."""
    cited = {source.step for source in scene.sources}
    return [
        Source(
            id="",
            chunk_id="",
            document_id="",
            version_id="",
            title=f"{step.tool}(",
            text=step.observation,
            step=step.number,
        )
        for step in scene.steps
        if step.observation and CALL in step.timings_ms and step.number not in cited
    ]


def _only(step: Step, name: str, most: int) -> bool:
    """Whether this text is what a step gives, and nothing else."""
    given = step.arguments.get(name)
    return isinstance(given, str) and len(given.strip()) > 0 and len(given) <= most and len(step.arguments) == 1


async def _screened(work: Work, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments after the rails. Raises `Refused`."""

    async def look(value: Any) -> Any:
        if isinstance(value, str):
            screened = await work.look(value, "arguments")
            if screened.blocked:
                raise Refused(f"These arguments may not leave: {screened.blocked}")
            return screened.text
        if isinstance(value, Mapping):
            return {name: await look(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [await look(each) for each in value]
        return value

    return {name: await look(each) for name, each in given.items()}
