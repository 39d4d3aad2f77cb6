"""What the nodes of a run work with: the parts behind their ports, and what holds for this very run."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from agents.asker import Asker
from agents.budget import Budget
from agents.declared import AgentSpec, Declared
from agents.judging import Judge
from agents.policy import Policy
from agents.ports import Ledger, Screen, Screened, StepLog
from agents.settings import AgentSettings
from agents.state import Frame, Json, dumped_source, dumped_step, read_source, read_step
from agents.step_prompts import Offer
from agents.steps import TASK_SCHEMA
from agents.tool_names import ASK_PERSON
from agents.tools.base import Tool
from agents.verify import Verifier
from core.ports import Generator, PromptWindow
from core.types import Finding, Message, Place, Source, Step, Usage

if TYPE_CHECKING:
    from agents.checkpoints import Checkpoints
    from agents.runner import RunRequest

QUESTION_CHARS = 1_000
"""The longest question that an agent may ask a person."""
_MILLION = 1_000_000
_QUESTION_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "question": {
            "type": "string",
            "minLength": 1,
            "maxLength": QUESTION_CHARS,
            "description": "What the person is asked.",
        }
    },
    "required": ["question"],
    "additionalProperties": False,
}
_ASK = Offer(
    name=ASK_PERSON,
    description="Asks the person whose task it is, and waits for the answer. Only for what nobody else can know.",
    schema=_QUESTION_SCHEMA,
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What all runs share. `tools` are those there are at this moment, by their names."""

    generator: Generator
    verifier: Verifier
    settings: AgentSettings
    declared: Declared
    tools: Callable[[], Mapping[str, Tool[Any]]]
    policy: Policy
    ledger: Ledger
    checkpoints: Checkpoints
    screen: Screen | None = None
    window: PromptWindow | None = None
    judge: Judge | None = None
    log: StepLog | None = None
    offers: dict[str, tuple[Tool[Any], Offer]] = field(default_factory=dict)

    def offer(self, tool: Tool[Any]) -> Offer:
        """A tool as a prompt tells of it; its schema is made once."""
        known = self.offers.get(tool.name)
        if known is None or known[0] is not tool:
            known = (tool, Offer(name=tool.name, description=tool.description, schema=tool.schema))
            self.offers[tool.name] = known
        return known[1]


class Work:
    """One run in this process: who asks, and what is left."""

    def __init__(self, parts: Parts, request: RunRequest, budget: Budget) -> None:
        self.parts = parts
        self.request = request
        self.budget = budget
        self.tools = parts.tools()
        self.secret = hashlib.sha256(f"fence {request.run_id}".encode()).hexdigest()
        self.blocks: dict[tuple[str, int | None], str] = {}
        self._findings: Counter[tuple[str, Place, Literal["marked", "masked", "blocked"], str]] = Counter()
        self._turns: tuple[Message, ...] | None = None
        self._read: dict[tuple[str, Any], tuple[Json, Any]] = {}
        self.emit: Callable[[Any], None] = lambda event: None

    # ---- the state ----------------------------------------------------------------------------------------------

    def step(self, value: Json) -> Step:
        """A step out of the state, read once."""
        found: Step = self._known(("step", value["number"]), value, read_step)
        return found

    def source(self, value: Json) -> Source:
        """A source out of the state, read once."""
        found: Source = self._known(("source", value["id"]), value, read_source)
        return found

    def kept(self, value: Json, thing: Step | Source) -> Json:
        """A value of the state, whose thing is at hand."""
        key: tuple[str, Any] = ("step", thing.number) if isinstance(thing, Step) else ("source", thing.id)
        self._read[key] = (value, thing)
        return value

    def _known(self, key: tuple[str, Any], value: Json, read: Callable[[Json], Any]) -> Any:
        known = self._read.get(key)
        if known is None or known[0] is not value:
            known = self._read[key] = (value, read(value))
        return known[1]

    # ---- agents and their budgets -------------------------------------------------------------------------------

    def spec(self, frame: Frame) -> AgentSpec:
        """The agent of a frame. Its owner may have taken it out of the file while the run waited."""
        known = self.parts.declared.agents.get(frame.agent)
        return known or AgentSpec(name=frame.agent, description="An agent that is gone.", prompt="")

    def asker(self, spec: AgentSpec) -> Asker:
        """On whose behalf this agent asks a generator."""
        return Asker.of(self.request.principal, self.request.adapter or spec.adapter)

    def budgets(self, frames: Sequence[Frame]) -> list[Budget]:
        """The budgets of the agents at work, the whole run's first."""
        found = [self.budget]
        for frame in frames[1:]:
            found.append(found[-1].child(frame.budget, self.spec(frame).budget(self.parts.settings.budget)))
        return found

    @contextmanager
    def at_work(self, frames: Sequence[Frame]) -> Iterator[None]:
        """Lets the time of all agents at work pass."""
        with ExitStack() as stack:
            for budget in self.budgets(frames):
                stack.enter_context(budget.at_work())
            yield

    def kept_budget(self) -> Json:
        """The budget as it is kept; it is told as well."""
        kept = self.budget.state().model_dump(mode="json")
        self._tell("budget", {"budget": kept})
        return kept

    def offered(self, frame: Frame) -> dict[str, Offer]:
        """The tools and agents that this agent may use: those it was given and no rule denies to the person."""
        spec, principal = self.spec(frame), self.request.principal
        found = {
            name: self.parts.offer(tool)
            for name, tool in self.tools.items()
            if spec.has(name) and self.parts.policy.offered(tool, principal=principal, agent=frame.path) != "deny"
        }
        if spec.has(ASK_PERSON) and self.parts.policy.may_ask(principal=principal, agent=frame.path):
            found[ASK_PERSON] = _ASK
        for name in spec.agents:
            helper = self.parts.declared.agents[name]
            found[name] = Offer(name=name, description=helper.description, schema=TASK_SCHEMA)
        return found

    # ---- prices and rails ---------------------------------------------------------------------------------------

    def price(self, usage: Usage) -> float:
        """What a generation cost."""
        prices = self.parts.settings.prices
        return (usage.prompt_tokens * prices.prompt + usage.completion_tokens * prices.completion) / _MILLION

    async def look(self, text: str, place: Place, document: str = "") -> Screened:
        """The text after the rails, where there are any. `document` is where a passage is from."""
        screen, request = self.parts.screen, self.request
        if screen is None or not text:
            return Screened(text=text)
        screened = await screen.look(
            text,
            place,
            request.principal,
            collections=request.collections,
            document=document,
            scope=request.run_id,
        )
        for each in screened.findings:
            self._findings[each.rail, each.place, each.action, each.what] += each.count
        return screened

    def shown(self, text: str) -> str:
        """A masked text as the person may see it."""
        screen, request = self.parts.screen, self.request
        return text if screen is None else screen.shown(text, request.principal, scope=request.run_id)

    def noted(self, step: Step) -> Step:
        """The step with what rails did since the last one was noted."""
        if not self._findings:
            return step
        for each in step.findings:
            self._findings[each.rail, each.place, each.action, each.what] += each.count
        found = tuple(
            Finding(rail=rail, place=place, action=action, what=what, count=count)
            for (rail, place, action, what), count in sorted(self._findings.items())
        )
        self._findings.clear()
        return replace(step, findings=found)

    async def turns(self, messages: Sequence[Json]) -> tuple[Message, ...]:
        """The conversation before the last message, as many of its questions as are taken into account. What was
        shown to the person is not what a model may be shown: it passes the rails, once. The request's own words for
        it count before the kept ones: what may no longer be read is left out of them."""
        if self._turns is None:
            earlier, limit = self._as_told(messages[:-1]), self.parts.settings.history_turns
            asked = [at for at, each in enumerate(earlier) if each["type"] == "human"][-limit:] if limit else []
            said = earlier[asked[0] :] if asked else ()
            self._turns = tuple([await self._turn(each) for each in said])
        return self._turns

    def _as_told(self, messages: Sequence[Json]) -> list[Json]:
        """The messages with the contents that the request has at the same place, where it has any."""
        kinds = {"user": "human", "assistant": "ai"}
        told = dict(enumerate(self.request.history))
        return [
            {**each, "content": told[at].content} if at in told and kinds.get(told[at].role) == each["type"] else each
            for at, each in enumerate(messages)
        ]

    async def _turn(self, message: Json) -> Message:
        by_person = message["type"] == "human"
        screened = await self.look(message["content"], "question" if by_person else "tool_result")
        return Message(role="user" if by_person else "assistant", content=screened.blocked or screened.text)

    # ---- what is told -------------------------------------------------------------------------------------------

    def tell_step(self, step: Step) -> None:
        """A step as it is now."""
        self._tell("step", {"step": dumped_step(step)})

    def tell_sources(self, sources: Sequence[Source]) -> None:
        """Sources that are new."""
        if sources:
            self._tell("sources", {"sources": [dumped_source(each) for each in sources]})

    def tell_answer(self, answer: Json, incomplete: Json | None) -> None:
        """The answer of the run."""
        self._tell("answer", {"answer": answer, "incomplete": incomplete})

    def _tell(self, name: str, data: Json) -> None:
        self.emit((name, data))
