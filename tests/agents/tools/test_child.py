"""A child does its work, and cannot do more than it may."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from agents.tools.child import ChildFailed, ChildLimits, ask_child

MODULE = "tests.agents.tools.working_child"
LIMITS = ChildLimits(seconds=60, memory_bytes=1 << 29, reply_bytes=100_000)


async def ask(limits: ChildLimits = LIMITS, **request: Any) -> dict[str, Any]:
    return await ask_child(MODULE, request, limits)


async def test_a_child_replies_and_inherits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_SECRET", "s3cret")
    reply = await ask(do="echo", text="grüß dich")
    assert reply["said"] == "grüß dich"
    assert "s3cret" not in str(reply["environment"])
    assert "dich" not in reply["arguments"], "the request is not among the arguments"


@pytest.mark.parametrize(
    ("what", "reason"),
    [("eat", "memory"), ("talk", "100,000 bytes"), ("die", "without a reply")],
)
async def test_a_child_that_goes_too_far_is_ended(what: str, reason: str) -> None:
    with pytest.raises(ChildFailed, match=reason):
        await ask(do=what)


async def test_a_module_that_is_not_there_gives_no_reply() -> None:
    with pytest.raises(ChildFailed, match="without a reply"):
        await ask_child("no_such_module", {}, LIMITS)


@pytest.mark.parametrize("what", ["sleep", "spin", "fork"])
async def test_a_child_that_takes_too_long_is_killed_with_all_it_started(what: str) -> None:
    with pytest.raises(ChildFailed, match="took"):
        await ask(ChildLimits(seconds=1, memory_bytes=1 << 29, reply_bytes=100), do=what)
    assert await gone()


async def test_being_cancelled_kills_the_child() -> None:
    task = asyncio.create_task(ask(do="sleep"))
    while not ours():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone()


async def test_a_child_writes_no_file(tmp_path: Path) -> None:
    reply = await ask(do="write", path=str(tmp_path / "file"))
    assert reply == {"refused": os.strerror(27)}


def ours() -> list[psutil.Process]:
    """Children of this process, and processes that they left behind, which run the module."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if MODULE in (process.info["cmdline"] or ()) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


async def gone() -> bool:
    """Waits until no such process is left."""
    for _ in range(1_000):
        if not ours():
            return True
        await asyncio.sleep(0.02)
    return False
