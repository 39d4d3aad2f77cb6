"""Calls a step's tool: one that only reads is simply called; one that writes or sends, exactly once, by the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agents.budget import Exhausted
from agents.state import Frame
from agents.tools.base import Effect, Observation, ToolContext, call
from agents.working import Work
from core.types import Step

EFFECTS: frozenset[Effect] = frozenset({"writes", "sends"})
"""What must not happen twice."""
OUTSIDE: frozenset[Effect] = frozenset({"reads_outside", "writes", "sends"})
"""What carries its arguments out."""
CALL = "call"
"""Under this name a step's timings tell of its call; a step without was never made one."""
GONE = "There is no {} any more: do without it."
_KEPT_CHARS = 200_000
_PERHAPS = "It may have happened all the same: find out before you try again."


class OutcomeUnknown(Exception):
    """The call was begun, by this process or one that is gone, and nobody knows whether it happened."""


def call_id(work: Work, step: Step) -> str:
    """Names a step's call for good."""
    return f"{work.request.run_id}:{step.number}"


async def called(work: Work, frame: Frame, step: Step, seconds: float, *, again: int = 0) -> Observation:
    """What the call of a step brings; for one that happened before, what it brought then. Raises `OutcomeUnknown`
    unless a person said `again`, once for each time."""
    tool = work.tools.get(step.tool)
    if tool is None:
        return Observation(text=GONE.format(step.tool), failure="failed", untrusted=False)
    context = ToolContext(
        principal=work.request.principal,
        run_id=work.request.run_id,
        agent=frame.path,
        seconds=seconds,
        call_id=call_id(work, step),
        collections=work.request.collections,
        filters=work.request.filters,
    )
    if tool.effect not in EFFECTS:
        return await call(tool, step.arguments, context)
    await work.parts.checkpoints.settled()  # what is about to be done must be known to whoever takes the run up
    begun = await work.parts.ledger.begin(context.call_id, tool=tool.name, arguments=step.arguments, again=again)
    if begun == "done":
        return _kept(await work.parts.ledger.result(context.call_id))
    if begun == "unknown":
        raise OutcomeUnknown
    brought = await call(tool, step.arguments, context)
    if brought.failure in ("timeout", "failed"):  # it may have happened all the same; nobody is to do it once more
        return replace(brought, text=f"{brought.text} {_PERHAPS}")
    await work.parts.ledger.finish(context.call_id, _result(brought))
    return brought


def paid(work: Work, frames: Sequence[Frame], tool: str) -> Exhausted | None:
    """Takes what a call costs out of the budget, or says whose limit does not allow it."""
    budget = work.budgets(frames)[-1]
    cost = work.parts.settings.prices.calls.get(tool, 0.0)
    if not cost:
        return None
    grant = budget.grant(cost=cost)
    if isinstance(grant, Exhausted):
        return grant
    grant.settle(cost=cost)
    return None


def _result(brought: Observation) -> dict[str, Any]:
    return {
        "text": brought.text[:_KEPT_CHARS],
        "rest": brought.rest,
        "untrusted": brought.untrusted,
        "failure": brought.failure,
    }


def _kept(result: Mapping[str, Any]) -> Observation:
    return Observation(
        text=str(result.get("text", "")),
        rest=result.get("rest"),
        untrusted=bool(result.get("untrusted", True)),
        failure=result.get("failure"),
    )
