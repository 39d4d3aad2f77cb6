"""Children of the server: what they say is heard, and they are begun again."""

from __future__ import annotations

import asyncio
import sys

import pytest

from app.supervisor import Child, Supervisor

TALK = "print('one'); print('long ' * 20_000); print('unfinished', end='')"
SAID = ["one", "long " * 20_000, "unfinished"]


async def test_what_a_child_says_is_heard_by_the_line_and_passed_on(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    said: list[str] = []
    child = Child(name="talker", command=[sys.executable, "-c", TALK], heard=said.append)
    supervisor = Supervisor()
    await supervisor.start(child)
    async with asyncio.timeout(60):
        while len(said) < 6:  # it ends at once, and is begun again
            await asyncio.sleep(0.05)
    await supervisor.stop()
    assert said[:6] == SAID + SAID
    assert child.restarts
    assert capfdbinary.readouterr().out.startswith(b"one\nlong long")
    assert not child.running
