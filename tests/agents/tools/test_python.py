"""Programs in the sandbox: what comes back, and what they cannot do."""

from __future__ import annotations

import asyncio
import base64
import struct
from pathlib import Path
from typing import Any

import psutil
import pytest

from agents.settings import PythonSettings
from agents.tools import sandbox
from agents.tools.base import call
from agents.tools.python import pictures, python_tool

SETTINGS = PythonSettings()
QUICK = PythonSettings(seconds=60, cpu_seconds=1, memory_bytes=1 << 28, scratch_bytes=4 << 20, max_chars=2_000)
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 10, 20) + b"\x08\x06\0\0\0" + b"\0" * 40

HUGE = PNG.replace(struct.pack(">II", 10, 20), struct.pack(">II", 60_000, 60_000))


async def test_the_machine_that_tests_can_make_a_sandbox() -> None:
    assert await sandbox.fault(SETTINGS) is None


async def test_a_program_computes_prints_and_draws(context_of: Any) -> None:
    code = """
import numpy as np, pandas as pd
import matplotlib.pyplot as plt
frame = pd.DataFrame({"year": [2023, 2024], "euros": [10.5, 12.0]})
plt.plot(frame.year, frame.euros)
print("summe", np.round(frame.euros.sum(), 2), "€")
frame.euros.mean()
"""
    seen = await call(python_tool(SETTINGS), {"code": code}, context_of())
    assert seen.failure is None
    assert "summe 22.5 €" in seen.text
    assert "11.25" in seen.text, "the last line's value is told as well"
    assert not seen.untrusted
    (picture,) = seen.data["pictures"]
    assert base64.b64decode(picture["png"]).startswith(b"\x89PNG")
    assert picture["width"] > 100


async def test_a_mistake_comes_back_as_python_shows_it(context_of: Any) -> None:
    seen = await call(python_tool(SETTINGS), {"code": "def half(n):\n    return n / 0\nhalf(1)"}, context_of())
    assert seen.failure == "failed"
    assert "line 2, in half" in seen.text
    assert "ZeroDivisionError" in seen.text
    assert "sandbox" not in seen.text, "nothing is told of what is around it"


@pytest.mark.parametrize(("code", "failure", "says"), [
    ("raise SystemExit(0)", None, "printed nothing"),
    ("import sys; sys.exit('no')", "failed", "ended by itself"),
    ("def f(:", "failed", "SyntaxError"),
    ("import os; os._exit(3)", "failed", "ended by itself"),
    ("import ctypes; ctypes.string_at(0)", "failed", "ended by itself"),
    ("print('a' * 3000)", None, "Print less"),
    ("while True: pass", "failed", "1 seconds of the processor"),
    ("while True: print('x' * 10_000)", "failed", "printed too much"),
])  # fmt: skip
async def test_how_programs_end(context_of: Any, code: str, failure: str | None, says: str) -> None:
    seen = await call(python_tool(QUICK), {"code": code}, context_of())
    assert seen.failure == failure
    assert says in seen.text
    assert len(seen.text) < 3_000


async def test_a_program_that_only_waits_is_ended(context_of: Any) -> None:
    seen = await call(python_tool(PythonSettings(seconds=2)), {"code": "import time; time.sleep(99)"}, context_of())
    assert seen.failure == "timeout"
    assert "longer than 2 seconds" in seen.text


async def test_being_cancelled_leaves_no_process(context_of: Any) -> None:
    task = asyncio.create_task(call(python_tool(SETTINGS), {"code": "import time; time.sleep(99)"}, context_of()))
    while not _sandboxes():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(1_000):
        if not _sandboxes():
            break
        await asyncio.sleep(0.01)
    assert not _sandboxes()


def _sandboxes() -> list[psutil.Process]:
    found = []
    for each in psutil.Process().children(recursive=True):
        try:
            if each.status() != psutil.STATUS_ZOMBIE and "run.py" in " ".join(each.cmdline()):
                found.append(each)
        except psutil.Error:
            continue
    return found


async def test_no_more_programs_run_at_a_time_than_may(context_of: Any) -> None:
    tool = python_tool(PythonSettings(at_a_time=1))
    calls = [asyncio.create_task(call(tool, {"code": f"print({n})"}, context_of())) for n in range(4)]
    most = 0
    while not all(each.done() for each in calls):
        children = psutil.Process().children()
        most = max(most, sum(1 for each in children if _is_bwrap(each)))
        await asyncio.sleep(0.005)
    assert [(await each).text for each in calls] == ["0", "1", "2", "3"]
    assert most == 1


def _is_bwrap(process: psutil.Process) -> bool:
    try:
        return process.name() == "bwrap" and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _reply(*given: Any) -> dict[str, Any]:
    return {"pictures": list(given)}


@pytest.mark.parametrize("reply", [
    {}, {"pictures": 7}, {"pictures": {"png": "x"}}, _reply(None), _reply({"png": 1}), _reply({"png": "not base64!"}),
    _reply({"png": base64.b64encode(b"GIF89a" + b"\0" * 40).decode()}),
    _reply({"png": base64.b64encode(PNG[:20]).decode()}),
    _reply({"png": base64.b64encode(HUGE).decode()}),
    _reply({"png": base64.b64encode(PNG + b"\0" * 300_000).decode()}),
])  # fmt: skip
def test_what_is_no_picture_or_too_large_a_one_is_left_out(reply: dict[str, Any]) -> None:
    assert pictures(reply, SETTINGS) == []


def test_a_pictures_name_is_only_a_name() -> None:
    (kept,) = pictures(_reply({"name": "../<b>x</b>.png", "png": base64.b64encode(PNG).decode()}), SETTINGS)
    assert kept["name"] == "..bxb.png"


async def test_without_bubblewrap_there_is_a_reason_and_no_sandbox(tmp_path: Path) -> None:
    missing = PythonSettings(bwrap=str(tmp_path / "nowhere"))
    assert "not installed" in str(await sandbox.fault(missing))
    for text, said in (("exit 1", "cannot make"), ("cat >/dev/null; echo 'open: []'; exit 1", "cannot make"),
                       ("cat >/dev/null; echo \"open: ['network']\"; echo '{}' >&2", "does not hold")):  # fmt: skip
        fake = tmp_path / "bwrap"
        fake.write_text(f"#!/bin/sh\n{text}\n")
        fake.chmod(0o755)
        assert said in str(await sandbox.fault(PythonSettings(bwrap=str(fake)))), text


async def test_a_sandbox_without_walls_is_found_out(tmp_path: Path) -> None:
    """Bubblewrap's arguments thrown away: the program would run with everything there is."""
    fake = tmp_path / "bwrap"
    child = Path(sandbox.__file__).with_name("sandbox_child.py")
    fake.write_text(f'#!/bin/bash\nwhile [ "$1" != -- ]; do shift; done\nexec "$2" -I -S -B {child}\n')
    fake.chmod(0o755)
    assert await sandbox.fault(PythonSettings(bwrap=str(fake))) is not None
