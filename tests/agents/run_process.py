"""A process that runs an agent and is killed where it is told to: `python -m tests.agents.run_process`.

It takes a case a line on its standard input, does each in a fork of its own, and tells how that ended. A fork names
each point that it passes: before and after each checkpoint, before each request to the model, around each call and each
note in the ledger. With a `kill` it kills itself at that many points; with `once` it kills itself at each point where
no fork of this case was killed before; with neither it goes to the end and tells how many points there were.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import agents.checkpoint_postgres
import agents.checkpoint_sqlite
import agents.graph  # noqa: F401  # forks need not import it again
from agents.checkpoints import open_checkpoints
from agents.declared import AgentSpec
from agents.ports import Begun
from agents.tools.base import Effect, Observation
from core.types import Generation, GenerationRequest, Usage
from tests.agents.runs import (
    INFO,
    LEAVE,
    Rules,
    Script,
    agents_of,
    call,
    request,
    say,
    search,
    state_of,
    tool_of,
)  # fmt: skip

Story = Mapping[str, list[str]]
"""What each task is answered with, step by step."""
SENT: Story = {
    "Send it.": [call("helper", task="Do it."), say((LEAVE, ["1"]))],
    "Do it.": [call("search_documents", text="leave"), call("send", text="Hello."), say((LEAVE, ["1"]))],
}
EVERYTHING: Story = {
    "Do everything.": [
        call("ask_person", question="Whom to?"),
        call("helper", task="Do it."),
        say((LEAVE, ["1"])),
        say((LEAVE, ["1"])),  # after the critic has sent it back
    ],
    "Do it.": [
        call("search_documents", text="leave"),
        call("fetch", text="leave"),
        call("note", text="Approved note."),
        call("send", text="Approved."),
        call("send", text="To be edited."),
        call("send", text="To be rejected."),
        call("send", text="To be told."),
        say((LEAVE, ["2"])),
    ],
}


class Fuse:
    """Counts the points that are passed, and kills this process at one."""

    def __init__(self, kill: int, once: Path | None) -> None:
        self.kill, self.once = kill, once
        self.count = 0
        self.points: list[str] = []

    def tick(self, point: str, *, fine: bool = False) -> None:
        """`fine` points lie so near to others that only what is killed at each of them once stops there."""
        if fine and self.once is None:
            return
        self.count += 1
        self.points.append(point)
        if self.once is not None and point not in (self.once.read_text() if self.once.exists() else "").splitlines():
            with self.once.open("a") as file:
                file.write(f"{point}\n")
            os.kill(os.getpid(), signal.SIGKILL)
        if self.count == self.kill:
            os.kill(os.getpid(), signal.SIGKILL)


class FileLedger:
    """A ledger in a file: a line for each thing begun or done."""

    def __init__(self, file: Path, fuse: Fuse) -> None:
        self._file = file
        self._fuse = fuse

    async def begin(self, call_id: str, *, tool: str, arguments: Mapping[str, Any], again: int = 0) -> Begun:
        self._fuse.tick(f"{call_id} to be begun")
        lines = [json.loads(line) for line in self._file.read_text().splitlines()] if self._file.exists() else []
        if any(line["id"] == call_id and "result" in line for line in lines):
            return "done"
        if sum(line["id"] == call_id and "result" not in line for line in lines) > again:
            return "unknown"
        self._write({"id": call_id})
        self._fuse.tick(f"{call_id} begun")
        return "new"

    async def finish(self, call_id: str, result: Mapping[str, Any]) -> None:
        self._fuse.tick(f"{call_id} to be finished")
        self._write({"id": call_id, "result": dict(result)})
        self._fuse.tick(f"{call_id} finished")

    async def result(self, call_id: str) -> Mapping[str, Any]:
        lines = [json.loads(line) for line in self._file.read_text().splitlines()]
        found: Mapping[str, Any] = next(line["result"] for line in lines if line["id"] == call_id and "result" in line)
        return found

    def _write(self, line: Mapping[str, Any]) -> None:
        with self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")


class Model(Script):
    """Writes by what was asked and how far it came, whichever process asks."""

    def __init__(self, story: Story, fuse: Fuse) -> None:
        super().__init__()
        self._story, self._fuse = story, fuse

    async def complete(self, request: GenerationRequest) -> Generation:
        taken = [step for step in request.steps if step.tool != "critique"]
        self._fuse.tick(f"{request.task} of {request.question} after {len(taken)}")
        if request.task == "critique":
            text = json.dumps({"accept": False, "reasons": ["Say it once more."]})
        else:
            text = self._story[request.question][len(taken)]
        return Generation(text=text, generator=INFO, usage=Usage(prompt_tokens=1, completion_tokens=1))


def counted(saver: Any, fuse: Fuse) -> None:
    """Has a saver tell the fuse of what it keeps."""
    kind = type(saver)
    put, put_writes, read = kind.aput, kind.aput_writes, kind.aget_tuple
    at = -1

    async def aput(self: Any, config: Any, checkpoint: Any, metadata: Any, versions: Any) -> Any:
        nonlocal at
        at = metadata["step"]
        fuse.tick(f"checkpoint {at} to be kept")
        kept = await put(self, config, checkpoint, metadata, versions)
        fuse.tick(f"checkpoint {at} kept", fine=True)
        return kept

    async def aput_writes(self: Any, config: Any, writes: Any, *given: Any) -> None:
        if any(name == "__interrupt__" for name, _ in writes):
            fuse.tick(f"question after {at} to be kept", fine=True)
        await put_writes(self, config, writes, *given)

    async def aget_tuple(self: Any, config: Any) -> Any:
        nonlocal at
        found = await read(self, config)
        at = found.metadata["step"] if found else -1
        return found

    kind.aput, kind.aput_writes, kind.aget_tuple = aput, aput_writes, aget_tuple


def team(case: Mapping[str, Any]) -> list[AgentSpec]:
    """One that leads, looked over by a critic where everything is done, and one that works."""
    critic = "critic" if case["story"] == "everything" else None
    limits = {"steps": 40, "tool_calls": 40}
    helper = AgentSpec(name="helper", description="Helps.", prompt="", tools=("*",), limits=limits)
    lead = AgentSpec(
        name="lead", description="", prompt="", tools=("ask_person",), agents=("helper",), critic=critic, limits=limits
    )
    return [lead, helper, AgentSpec(name="critic", description="", prompt="Be strict.")]


async def run(case: Mapping[str, Any]) -> Mapping[str, Any]:
    """Drives the run to its end, or to the fuse's."""
    folder = Path(case["folder"])
    fuse = Fuse(case["kill"], folder / "killed" if case["once"] else None)

    def doing(name: str, effect: Effect) -> Any:
        def does(arguments: Any, context: Any) -> Observation:
            fuse.tick(f"{name} {context.call_id} to be done")
            with (folder / effect).open("a") as file:
                file.write(f"{context.call_id} {arguments.text}\n")
            return Observation(text="Done.", untrusted=effect == "reads_outside")

        return tool_of(name, does, effect=effect)

    everything = case["story"] == "everything"
    story = EVERYTHING if everything else SENT
    tools = [search(), doing("fetch", "reads_outside"), doing("note", "writes"), doing("send", "sends")]
    async with open_checkpoints(case["url"]) as saver:
        counted(saver, fuse)
        runs = agents_of(
            Model(story, fuse),
            saver,
            *tools,
            agents=team(case),
            ledger=FileLedger(folder / "ledger", fuse),
            rules=Rules(note="ask", send="ask") if everything else Rules(),
        )
        thread = case["thread"]
        asked = request(next(iter(story)), thread_id=thread, run_id=thread, resume=case.get("resume"))
        state = await state_of(runs, asked)
    answer, steps = state["values"]["answer"], state["values"]["steps"]
    return {
        "count": fuse.count,
        "points": fuse.points,
        "asked": [each["value"] for each in state["interrupts"]],
        "said": [each["text"] for each in answer["statements"]] if answer else [],
        "steps": [(each["number"], each["agent"], each["tool"], each["status"], each["failure"]) for each in steps],
        "decisions": {each["number"]: each["decision"] for each in steps if each["decision"]},
        "budget": state["values"]["budget"],
    }


def main() -> None:
    """Does the cases."""
    for line in sys.stdin:
        case = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.write(writing, json.dumps(asyncio.run(run(case))).encode())
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print(json.dumps({"killed": killed, "told": json.loads(told) if told else None}), flush=True)


if __name__ == "__main__":
    main()
