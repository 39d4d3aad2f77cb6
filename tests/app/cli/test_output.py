"""Tables that other programs read."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys

import pytest
from rich.console import Console

from app.cli.main import OneRecord
from app.cli.output import plain, put_json

ROW = (
    "0e31806a-01d7-5f26-a4ea-3cbb0f373d30",
    "A title that is longer than a line of a terminal " * 3,
    "default",
    "text/plain",
)


def test_a_row_is_one_line_where_nobody_looks() -> None:
    program = f"from app.cli.output import put_table; put_table(('id', 'title', 'collection', 'type'), [{ROW!r}])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    header, row = said.rstrip("\n").split("\n")
    assert header.split() == ["id", "title", "collection", "type"]
    assert [cell.strip() for cell in row.split("  ") if cell.strip()] == [cell.strip() for cell in ROW]


@pytest.mark.parametrize(
    "text", ["[red]x", r"\[red]x", r"\\[red]x", r"\[/x]", "[/bold]", "ends in \\", "[link=http://a]b[/link]", "[a"]
)
def test_words_from_documents_are_no_markup(text: str) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", highlight=False, width=200)
    console.print(f"[bold]{plain(text)}[/bold]after")

    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == f"\x1b[1m{text}\x1b[0mafter\n"


def test_json_holds_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"title": "a\x9b2Jb\x1b[31m\x7f\u202ec ü 休"}
    put_json(value)
    said = capsys.readouterr().out

    assert not any(mark in said for mark in "\x1b\x7f\x9b\u202e")
    assert "ü 休" in said
    assert json.loads(said) == value


def test_a_log_record_is_one_line_and_no_other() -> None:
    try:
        raise ValueError("x\n2026-11-22 00:00:00 INFO forged")
    except ValueError:
        record = logging.LogRecord("a", 20, "", 1, "read %r as %s", ("b", "c\r\n2026 forged \x1b[2J ü"), sys.exc_info())
    first, *more = OneRecord("%(message)s").format(record).split("\n")

    assert first == r"read 'b' as c\r"
    assert all(line.startswith("  ") for line in more)
    assert "\x1b" not in "".join(more)
    assert r"  2026 forged \x1b[2J ü" in more
