"""What tests of runs are made of: scripted objects with the faces of the real ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from pydantic import Field

from agents.checkpoints import Checkpoints
from agents.declared import AgentSpec, Declared
from agents.policy import Ruling
from agents.ports import Begun, Screened
from agents.runner import Agents, RunEvent, RunRequest
from agents.settings import AgentSettings
from agents.tools.base import Arguments, Effect, Observation, Tool, ToolContext
from core.errors import FootnoteError, NotFound
from core.types import (
    Delta,
    Finding,
    Generation,
    GenerationRequest,
    GeneratorInfo,
    Hit,
    Permission,
    Place,
    Principal,
    Source,
    Usage,
)

INFO = GeneratorInfo(name="scripted", fingerprint="s1")
PERSON = Principal(id="ann")
LEAVE = "Every employee has 28 days of paid leave a year."

Written = str | FootnoteError | Callable[[GenerationRequest], str]


def call(tool: str, thought: str = "I look.", **arguments: Any) -> str:
    """A step that calls a tool."""
    return json.dumps({"thought": thought, "action": {"tool": tool, "arguments": arguments}})


def say(*statements: tuple[str, list[str]]) -> str:
    """A step that answers."""
    return json.dumps({"thought": "I know.", "action": {"tool": "answer", "answer": answer(*statements)}})


def answer(*statements: tuple[str, list[str]]) -> dict[str, Any]:
    """An answer under its schema."""
    said = [{"text": text, "sources": sources} for text, sources in statements]
    return {"answerable": bool(said), "statements": said}


class Script:
    """A generator that writes what it is told, one output a request; functions are asked with the request."""

    info = INFO

    def __init__(self, *outputs: Written, usage: Usage | None = None, seconds: float = 0.0) -> None:
        self.outputs = list(outputs)
        self.requests: list[GenerationRequest] = []
        self.usage = usage or Usage(prompt_tokens=10, completion_tokens=5)
        self.seconds = seconds

    async def complete(self, request: GenerationRequest) -> Generation:
        self.requests.append(request)
        await asyncio.sleep(self.seconds)
        output = self.outputs.pop(0)
        if isinstance(output, FootnoteError):
            raise output
        return Generation(text=output if isinstance(output, str) else output(request), generator=INFO, usage=self.usage)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        whole = await self.complete(request)
        yield Delta(text=whole.text, final=whole)

    async def check(self) -> None: ...

    async def close(self) -> None: ...


class Anything(Arguments):
    """A tool's arguments."""

    text: str = Field(default="", max_length=200)


def tool_of(
    name: str,
    run: Callable[[Anything, ToolContext], Any],
    *,
    effect: Effect = "reads_inside",
    timeout: float = 5.0,
) -> Tool[Any]:
    """A tool that does what a function says; the function may be plain, or return an observation."""

    async def does(arguments: Anything, context: ToolContext) -> Observation:
        found = run(arguments, context)
        if asyncio.iscoroutine(found):
            found = await found
        return found if isinstance(found, Observation) else Observation(text=str(found))

    return Tool[Any](name=name, description=f"{name}.", arguments=Anything, effect=effect, timeout=timeout, run=does)


def hit(number: int = 1, text: str = LEAVE) -> Hit:
    """A passage."""
    return Hit(
        chunk_id=f"c{number}",
        document_id=f"d{number}",
        version_id=f"v{number}",
        title=f"Document {number}",
        text=text,
        score=1.0,
        scores={},
        page=number,
    )


def search(*hits: Hit) -> Tool[Any]:
    """A search that finds the same passages whatever it is asked."""
    found = Observation(text="passages", passages=hits or (hit(),))
    return tool_of("search_documents", lambda arguments, context: found)


class Rules:
    """A policy that says what it is told of a tool by name, and keeps what it was asked."""

    def __init__(self, **permissions: Permission) -> None:
        self.permissions = dict(permissions)
        self.asked: list[Mapping[str, Any]] = []

    def offered(self, tool: Tool[Any], *, principal: Principal, agent: str) -> Permission:
        return "deny" if self.permissions.get(f"{agent}:{tool.name}") == "deny" else "always"

    def may_ask(self, *, principal: Principal, agent: str) -> bool:
        return self.permissions.get("ask_person") != "deny"

    async def rule(self, tool: Tool[Any], arguments: Mapping[str, Any], **known: Any) -> Ruling:
        self.asked.append({"tool": tool.name, "arguments": dict(arguments), **known})
        permission = self.permissions.get(tool.name, "always")
        return Ruling(permission=permission, reasons=() if permission == "always" else ("The owner wants it so.",))


class Book:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.begun: dict[str, int] = {}
        self.done: dict[str, Mapping[str, Any]] = {}

    async def begin(self, call_id: str, *, tool: str, arguments: Mapping[str, Any], again: int = 0) -> Begun:
        if call_id in self.done:
            return "done"
        if self.begun.get(call_id, 0) > again:
            return "unknown"
        self.begun[call_id] = self.begun.get(call_id, 0) + 1
        return "new"

    async def finish(self, call_id: str, result: Mapping[str, Any]) -> None:
        self.done[call_id] = result

    async def result(self, call_id: str) -> Mapping[str, Any]:
        if call_id not in self.done:
            raise NotFound("There is no such call.")
        return self.done[call_id]


class Rails:
    """A screen that masks a word and blocks another, and keeps what it was shown."""

    def __init__(self, *, mask: str = "\0", block: str = "\0") -> None:
        self.mask, self.block = mask, block
        self.seen: list[tuple[Place, str]] = []

    async def look(
        self,
        text: str,
        place: Place,
        principal: Principal,
        *,
        collections: Sequence[str] = (),
        document: str = "",
        scope: str = "",
    ) -> Screened:
        self.seen.append((place, text))
        if self.block in text:
            found = Finding(rail="test", place=place, action="blocked", what="word")
            return Screened(text="", findings=(found,), blocked="A rail does not let this pass.")
        found = Finding(rail="test", place=place, action="masked", what="word", count=text.count(self.mask))
        return Screened(text=text.replace(self.mask, "[MASKED]"), findings=(found,) if found.count else ())

    def shown(self, text: str, principal: Principal, *, scope: str = "") -> str:
        return text.replace("[MASKED]", self.mask)


class Supports:
    """A verifier that is content with everything that cites anything."""

    async def support(self, statement: str, sources: Sequence[Source]) -> float:
        return 1.0 if sources else 0.0


def agents_of(
    generator: Any,
    checkpoints: Checkpoints,
    *tools: Tool[Any],
    agents: Sequence[AgentSpec] = (),
    settings: AgentSettings | None = None,
    rules: Rules | None = None,
    ledger: Any = None,
    screen: Any = None,
    log: Any = None,
) -> Agents:
    """Agents over scripted parts; without any named, `main` has every tool."""
    known = agents or [AgentSpec(name="main", description="Does it.", prompt="Be quick.", tools=("*",))]
    return Agents(
        generator=generator,
        embedder=None,  # type: ignore[arg-type]  # the verifier needs none
        verifier=Supports(),
        settings=settings or AgentSettings(),
        declared=Declared(agents={each.name: each for each in known}, default=known[0].name),
        tools=lambda: {each.name: each for each in tools},
        policy=rules or Rules(),  # type: ignore[arg-type]
        ledger=ledger or Book(),
        checkpoints=checkpoints,
        screen=screen,
        log=log,
    )


def request(task: str | None = "How much leave?", **given: Any) -> RunRequest:
    """A task of Ann's on thread t."""
    return RunRequest(**{"run_id": "r1", "thread_id": "t", "principal": PERSON, "task": task, **given})


async def events_of(agents: Agents, asked: RunRequest) -> list[RunEvent]:
    """All events of a run."""
    return [event async for event in agents.run(asked)]


async def state_of(agents: Agents, asked: RunRequest) -> Mapping[str, Any]:
    """How a run ended."""
    last = (await events_of(agents, asked))[-1]
    assert last.name == "state"
    return last.data
