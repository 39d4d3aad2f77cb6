"""Agents that do what their task says, with the face of the real ones: for what is around a run, not in it.

A task is words: `search` takes a step, `hold` a step that waits for the gate, `ask` one that a person is asked about,
`fail` and `burst` raise, anything else is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from agents.declared import AgentSpec
from agents.runner import Agents, RunEvent, RunRequest, ThreadState
from app.agent_parts import AgentParts
from core.errors import GenerationInvalid
from core.types import Permission, Principal

SPECS = {
    name: AgentSpec(name=name, description=f"The {name}.", prompt="", tools=tools)
    for name, tools in {"worker": ("search", "send"), "closed": ("secret",), "critic": ()}.items()
}
SPECS["tuned"] = AgentSpec(name="tuned", description="The tuned.", prompt="", tools=("search",), adapter="style@0")
SPECS["lead"] = AgentSpec(
    name="lead", description="The lead.", prompt="", tools=("search",), agents=("tuned",), critic="lead"
)


class ScriptedAgents(Agents):
    """Keeps its threads in memory, as checkpoints are kept: a run that was broken off goes on at its next step."""

    def __init__(self) -> None:
        self.gate = asyncio.Semaphore(0)
        self.requests: list[RunRequest] = []
        self.threads: dict[str, dict[str, Any]] = {}
        self.sent: list[Mapping[str, Any]] = []
        self.holding = asyncio.Event()
        self.document_id: str | None = None
        self.error: Exception | None = None

    def begin_anew(self) -> None:
        """Forgets what it was asked and what it holds."""
        self.__init__()  # type: ignore[misc]

    def agents(self) -> Mapping[str, AgentSpec]:
        return SPECS

    async def run(self, request: RunRequest) -> AsyncGenerator[RunEvent]:
        self.requests.append(request)
        values = self._values(request)
        for number in range(len(self._done(values)) + 1, len(values["words"]) + 1):
            word = values["words"][number - 1]
            if word == "fail":
                raise GenerationInvalid("It wrote nonsense.")
            if word == "burst":
                raise RuntimeError("a secret")
            step = {"number": number, "agent": request.agent, "tool": word, "arguments": {"n": number}, "sources": []}
            yield self._step(values, {**step, "status": "running"})
            if word == "ask" and not self._decided(request, number):
                yield self._step(values, {**step, "status": "waiting"})
                interrupts = [self._interrupt(request, number)]
                yield RunEvent(name="interrupt", data={"interrupts": interrupts})
                yield self._state(request, "interrupted", interrupts)
                return
            if word == "hold":
                self.holding.set()
                await self.gate.acquire()
            if word == "search" and self.document_id:
                source = {"id": str(number), "document_id": self.document_id, "title": "Handbook", "text": "28 days"}
                values["sources"].append(source)
                step["sources"] = [source["id"]]
                yield RunEvent(name="sources", data={"sources": [source]})
            yield self._step(values, {**step, "status": "done", "observation": f"{word} was done"})
        values["answer"] = {"statements": [{"text": "Done.", "sources": []}], "answerable": True}
        values["messages"].append({"type": "ai", "content": "Done.", "id": f"{request.run_id}-ai"})
        yield RunEvent(name="budget", data={"budget": {"agent": request.agent, "steps": len(values["steps"])}})
        yield RunEvent(name="answer", data={"answer": values["answer"], "incomplete": None})
        yield self._state(request, "success", [])

    def _values(self, request: RunRequest) -> dict[str, Any]:
        known = self.threads.get(request.thread_id)
        if known is not None and known["run_id"] == request.run_id:
            return known
        assert request.task is not None
        before = [
            {"type": "human" if m.role == "user" else "ai", "content": m.content, "id": f"history:{n}"}
            for n, m in enumerate(request.history)
        ]
        made = {
            "run_id": request.run_id,
            "words": request.task.split(),
            "messages": [*(known or {"messages": before})["messages"], {"type": "human", "content": request.task}],
            "steps": [],
            "sources": [],
            "answer": None,
        }
        self.threads[request.thread_id] = made
        return made

    def _decided(self, request: RunRequest, number: int) -> bool:
        resume = request.resume
        if resume is None or resume["step"] != number:
            return False
        self.sent.append(resume)
        return True

    def _interrupt(self, request: RunRequest, number: int) -> dict[str, Any]:
        value = {
            "kind": "approval",
            "action_requests": [{"name": "send", "args": {"to": "ana"}, "description": "Send it."}],
            "review_configs": [{"action_name": "send", "allowed_decisions": ["approve", "edit", "reject", "respond"]}],
            "step": number,
            "agent": request.agent,
        }
        return {"id": f"{request.run_id}-{number}", "value": value}

    def _done(self, values: Mapping[str, Any]) -> list[Any]:
        return [step for step in values["steps"] if step["status"] == "done"]

    def _step(self, values: dict[str, Any], step: dict[str, Any]) -> RunEvent:
        values["steps"] = [*(each for each in values["steps"] if each["number"] != step["number"]), step]
        return RunEvent(name="step", data={"step": step})

    def _state(self, request: RunRequest, status: str, interrupts: list[Any]) -> RunEvent:
        values = dict(self.threads[request.thread_id])
        return RunEvent(name="state", data={"status": status, "values": values, "interrupts": interrupts})

    async def state(self, thread_id: str, checkpoint_id: str | None = None) -> ThreadState | None:
        known = self.threads.get(thread_id) if checkpoint_id in (None, "c1") else None
        return None if known is None else ThreadState(values=dict(known), checkpoint_id="c1")

    async def history(
        self,
        thread_id: str,
        limit: int = 10,
        *,
        before: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Sequence[ThreadState]:
        known = await self.state(thread_id)
        return [known] if known and before is None else []

    async def forget(self, thread_id: str) -> None:
        self.threads.pop(thread_id, None)


def permitted(spec: AgentSpec, principal: Principal) -> Mapping[str, Permission]:
    """Everyone may use every tool but the secret one, which is for administrators."""
    return {tool: "deny" if tool == "secret" and not principal.admin else "always" for tool in spec.tools}


def opening(agents: ScriptedAgents) -> Any:
    """What services open agents with."""

    @asynccontextmanager
    async def open_agents(_: Any) -> AsyncIterator[AgentParts]:
        if agents.error is not None:
            raise agents.error
        yield AgentParts(agents=agents, default="worker", permitted=permitted)

    return open_agents
