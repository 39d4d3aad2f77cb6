"""Blocking work in a process that can be killed: one request in, one reply out, both JSON, and nothing inherited.

The request goes in by the standard input, so that no secret stands among the arguments that `ps` shows. The child has
an empty environment but for the path, a process group of its own, and limits on memory and processor time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_PIECE = 64 * 1024
_START = "import sys, runpy; sys.path.insert(0, sys.argv[1]); runpy.run_module(sys.argv[2], run_name='__main__')"


class ChildFailed(Exception):
    """The child ended without a reply; the reason says of what."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildLimits:
    """What a child may use: seconds by the clock and of the processor, bytes of memory and of its reply."""

    seconds: float
    memory_bytes: int
    reply_bytes: int


def command(module: str) -> list[str]:
    """The command line of a module of ours in a process that is isolated from its user's Python."""
    return [sys.executable, "-I", "-c", _START, str(_ROOT), module]


async def ask_child(module: str, request: Mapping[str, Any], limits: ChildLimits) -> dict[str, Any]:
    """Runs a module that `serve`s and gives its reply. Being cancelled kills the child.

    Raises `ChildFailed` when it took too long or too much, died or answered nonsense.
    """
    order = {"cpu": int(limits.seconds) + 1, "memory": limits.memory_bytes, "request": request}
    process = await asyncio.create_subprocess_exec(
        *command(module),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.defpath, "LANG": "C.UTF-8"}, start_new_session=True, cwd="/",
    )  # fmt: skip
    try:
        async with asyncio.timeout(limits.seconds):
            text = await _exchange(process, json.dumps(order).encode(), limits.reply_bytes)
            code = await process.wait()
    except TimeoutError:
        raise ChildFailed(f"took longer than {limits.seconds:g} seconds") from None
    finally:
        await _kill(process)
    if code == -signal.SIGXCPU:
        raise ChildFailed("took too much processor time")
    try:
        reply = json.loads(text)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise ChildFailed("ended without a reply")
    if reply.get("out_of_memory"):
        raise ChildFailed("took too much memory")
    return reply


def serve(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The child's side: limits itself, reads the request, does the work and writes the reply."""
    order = json.load(sys.stdin.buffer)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (order["cpu"], order["cpu"]))
    resource.setrlimit(resource.RLIMIT_AS, (order["memory"], order["memory"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        reply = json.dumps(work(order["request"]))
    except MemoryError:
        reply = '{"out_of_memory": true}'
    sys.stdout.write(reply)
    sys.stdout.flush()


async def _exchange(process: asyncio.subprocess.Process, order: bytes, most: int) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(order)
        await process.stdin.drain()
        process.stdin.close()
    read = bytearray()
    while piece := await process.stdout.read(_PIECE):
        read += piece
        if len(read) > most:
            raise ChildFailed(f"answered with more than {most:,} bytes")
    return bytes(read)


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Ends the child and whatever it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await asyncio.shield(_ended(process))


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Waits for the end, which asyncio sees only when the pipe, too, was read to its own."""
    while process.stdout is not None and await process.stdout.read(_PIECE):
        pass
    await process.wait()
