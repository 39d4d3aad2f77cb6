"""How commands speak: tables and sentences for people, one JSON value for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_UNBOUNDED = 10_000
"""Columns of an output that is read by another program: its lines are not folded."""

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _UNBOUNDED)
err = Console(stderr=True, highlight=False, soft_wrap=True)
_TERMINAL = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


_FOLDED = {"title", "type", "error", "value", "meaning", "setting"}


class Exit(IntEnum):
    """What the process' exit status means."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    WAITING = 5
    NO_ANSWER = 6
    CONFIGURATION = 78


def fail(message: str, code: Exit = Exit.FAILED) -> NoReturn:
    """Says what is wrong and ends."""
    err.print(f"[red]error:[/red] {_plain(message)}")
    sys.exit(code)


def put_json(value: Any) -> None:
    """One JSON value on standard output."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    # JSON leaves these as they are, and some terminals obey them; as escapes they mean the same to every program.
    sys.stdout.write(_TERMINAL.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def put_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table. Where the terminal is too narrow, the long texts are folded and nothing else."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column not in _FOLDED)
    for row in rows:
        table.add_row(*(_plain(str(cell)) for cell in row))
    out.print(table)


def _plain(text: str) -> str:
    """Text from documents and servers never speaks to the terminal: no markup, no control characters."""
    # Rich's own escaping: a backslash before a bracket must not undo the one that is put there.
    return escape("".join(c if c.isprintable() or c == "\n" else "·" for c in text))


plain = _plain
