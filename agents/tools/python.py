"""`run_python`: a program that the model writes, in a sandbox; what it prints and draws comes back."""

from __future__ import annotations

import asyncio
import base64
import binascii
import struct
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from agents.settings import PythonSettings
from agents.tools import sandbox
from agents.tools.base import Arguments, Observation, Tool, ToolContext

_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_PIXELS = 16_000_000
"""Of a picture: a browser takes four bytes for each."""


class Program(Arguments):
    """A program."""

    code: str = Field(
        min_length=1,
        max_length=8_000,
        description="Python with numpy, pandas and matplotlib. Print what you want to know. No network, no files.",
    )


def python_tool(settings: PythonSettings) -> Tool[Any]:
    """The tool. Whoever offers it has asked `sandbox.fault` first."""
    turns = asyncio.Semaphore(settings.at_a_time)

    async def run(arguments: Program, context: ToolContext) -> Observation:
        async with turns:
            ran = await sandbox.run(arguments.code, settings, min(settings.seconds, context.seconds))
        return _observed(ran, settings)

    return Tool[Any](
        name="run_python",
        description="Runs a Python program and shows what it prints; figures that it draws are shown to the person.",
        arguments=Program,
        effect="reads_inside",
        timeout=settings.seconds + 60.0,  # waiting for a turn included; the program itself has its own time
        run=run,
    )


def _observed(ran: sandbox.Ran, settings: PythonSettings) -> Observation:
    text = ran.printed
    rest = None
    if ran.cut:
        rest = "Print less: only what you want to know."
        text += f"\n[… more was printed. {rest}]"
    if ran.over is not None:
        text = f"{text}\nThe program was ended: it {ran.over}.".strip()
        return Observation(text=text, rest=rest, failure="timeout" if "longer" in ran.over else "failed",
                           untrusted=False)  # fmt: skip
    shown = pictures(ran.reply or {}, settings)
    if ran.failed:
        text = text.strip() or "The program ended by itself before it was done."
    elif shown:
        text = f"{text}\nThe person is shown {len(shown)} picture{'s' if len(shown) > 1 else ''}.".strip()
    return Observation(
        text=text.strip() or "The program printed nothing. Print what you want to know.",
        data={"pictures": shown},
        rest=rest,
        failure="failed" if ran.failed else None,
        untrusted=False,
    )


def pictures(reply: Mapping[str, Any], settings: PythonSettings) -> list[dict[str, Any]]:
    """The pictures of a reply that are what they say, and that a browser can show; the program may have made it up."""
    given = reply.get("pictures")
    found: list[dict[str, Any]] = []
    for each in given if isinstance(given, list) else ():
        if len(found) >= settings.max_pictures or not isinstance(each, dict):
            break
        size = _size(each.get("png"), settings.picture_bytes)
        if size is not None:
            name = "".join(letter for letter in str(each.get("name"))[:100] if letter.isalnum() or letter in "._- ")
            found.append({"name": name, "png": each["png"], "width": size[0], "height": size[1]})
    return found


def _size(text: Any, most: int) -> tuple[int, int] | None:
    """Width and height of a PNG in base64; None for anything else and for what is too large."""
    if not isinstance(text, str) or len(text) > 2 * most:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) > most or len(data) < 33 or not data.startswith(_PNG) or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", data[16:24])
    return (width, height) if 0 < width * height <= _MOST_PIXELS else None
