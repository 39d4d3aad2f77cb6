"""The state as a node reads it, and the moves it may answer with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from agents.asking import Kind
from agents.state import DIFFERENCES, Frame, Json, dumped_source, kept_step, read_frame, upserted
from agents.tools.base import Failure
from agents.working import Work
from core.types import Source, Step

REASON, GUARD, ASK, ACT, OBSERVE, CONCLUDE = "reason", "guard", "ask", "act", "observe", "conclude"


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """Where a node goes and what it changes; `spent` says that the budget changed as well."""

    goto: str
    update: Mapping[str, Any] = field(default_factory=dict)
    spent: bool = False

    def then(self, other: Move) -> Move:
        """This move and the next one as one."""
        update = {**self.update, **other.update}
        for name in DIFFERENCES:
            if name in self.update and name in other.update:
                update[name] = upserted(self.update[name], [other.update[name]])
        return Move(goto=other.goto, update=update, spent=self.spent or other.spent)


class Scene:
    """A run at one node. The agent at work is the last frame; the step in hand the last step."""

    def __init__(self, work: Work, state: Mapping[str, Any]) -> None:
        self.state = state
        self._work = work

    @cached_property
    def frames(self) -> list[Frame]:
        """The agents at work, the whole run's first."""
        return [read_frame(each) for each in self.state["frames"]]

    @property
    def frame(self) -> Frame:
        """The agent whose turn it is."""
        return self.frames[-1]

    @cached_property
    def steps(self) -> list[Step]:
        """All steps of the run."""
        return [self._work.step(each) for each in self.state.get("steps", ())]

    @property
    def last(self) -> Step:
        """The step in hand."""
        return self._work.step(self.state["steps"][-1])

    @cached_property
    def sources(self) -> list[Source]:
        """All that the run made citable."""
        return [self._work.source(each) for each in self.state.get("sources", ())]

    @property
    def own_steps(self) -> list[Step]:
        """The steps of the agent whose turn it is."""
        return [step for step in self.steps if self.frame.owns(step)]

    @property
    def citable(self) -> list[Source]:
        """What that agent was shown, and may cite."""
        ids = {each for step in self.own_steps for each in step.sources}
        return [source for source in self.sources if source.id in ids]

    def after(self, move: Move) -> Scene:
        """The scene that a move leads to."""
        state = {**self.state, **move.update}
        for name in DIFFERENCES:
            if name in move.update:
                state[name] = upserted(self.state.get(name), [move.update[name]])
        return Scene(self._work, state)

    # ---- changes ------------------------------------------------------------------------------------------------

    def changed(self, *steps: Step, sources: Sequence[Source] = ()) -> Json:
        """The update for steps that are new or changed, and for new sources."""
        update: Json = {"steps": [self._work.kept(kept_step(step), replace(step, data={})) for step in steps]}
        if sources:
            update["sources"] = [self._work.kept(dumped_source(source), source) for source in sources]
        return update

    def with_frame(self, step: Step) -> list[Json]:
        """The frames with that of the agent which a step sets to work."""
        frame = Frame(
            agent=step.tool,
            path=f"{self.frame.path}/{step.tool}",
            task=str(step.arguments["task"]),
            budget=f"{step.tool} {step.number}",
            parent=step.number,
        )
        return [*self.state["frames"], asdict(frame)]

    # ---- moves --------------------------------------------------------------------------------------------------

    def brings(self, work: Work, step: Step, text: str, failure: Failure | None) -> Move:
        """The step brings a text of ours or of the person's, without a call."""
        work.tell_step(step)
        pending = {"text": text, "failure": failure}
        return Move(goto=OBSERVE, update={**self.changed(step), "pending": pending}, spent=True)

    def waits(self, work: Work, step: Step, kind: Kind, effect: str, *, again: int = 0) -> Move:
        """The step waits until a person has said something; `again` is how often they let it be done once more."""
        step = replace(step, status="waiting")
        work.tell_step(step)
        pending = {"ask": kind, "effect": effect, "again": again}
        return Move(goto=ASK, update={**self.changed(step), "pending": pending}, spent=True)
