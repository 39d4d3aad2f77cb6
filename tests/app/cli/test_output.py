"""Tables that other programs read."""

from __future__ import annotations

import subprocess
import sys

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
