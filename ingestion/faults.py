"""What is said of a fault that nobody foresaw: its class and where it arose, never its words.

Libraries quote what they fall over, and what a reader falls over is a document: its words do not belong in a log.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from traceback import walk_tb

_ROOT = Path(__file__).resolve().parent.parent
_INNERMOST = 8
_SAID = re.compile(rf"[\w.]{{1,200}}(?: at [\w./+-]{{1,200}}:\d{{1,7}}){{0,{_INNERMOST}}}")
_ODD = re.compile(r"[^\w./+-]")
_UNREADABLE = "a fault of which nothing can be told"


def described(error: BaseException) -> str:
    """`ValueError at lxml/html/parser.py:12 at ingestion/readers/html.py:80`: the innermost places first."""
    places = [f" at {_short(frame.f_code.co_filename)}:{line}" for frame, line in walk_tb(error.__traceback__)]
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return name + "".join(places[: -_INNERMOST - 1 : -1])


def believed(said: str) -> str:
    """What a child said of its fault, if it has the form of that: a child that was taken over says what it likes."""
    return said if _SAID.fullmatch(said) else _UNREADABLE


def _short(filename: str) -> str:
    """A module's file, seen from the folder it was imported from."""
    path = Path(filename)
    above = [folder for folder in (_ROOT, *map(Path, sys.path)) if path.is_relative_to(folder)]
    short = path.relative_to(max(above, key=lambda folder: len(folder.parts))) if above else Path(path.name)
    return _ODD.sub("_", str(short))
