"""An HTML table to rows of text: spans expanded, header rows merged into one, tables used for layout told apart."""

from __future__ import annotations

import re
from typing import Final

from ingestion.readers.html_inline import hidden, line_of
from ingestion.readers.html_tree import Element
from ingestion.readers.tables import merged_header

_MAX_SPAN: Final = 1000  # as HTML itself says of colspan
_MAX_CELLS: Final = 500_000
_REPEATED: Final = 300
"""Longer texts are not repeated in the rows and columns they span: a page of text in a merged cell would multiply."""
_LAYOUT_CELL: Final = 2000
_DEEP: Final = ("table", "h1", "h2", "h3", "h4", "h5", "h6", "article", "section", "pre")

Grid = list[list[str]]


def own_rows(table: Element) -> list[Element]:
    """The table's rows that do not belong to a table inside it."""
    return [row for row in table.iter("tr") if next(row.iterancestors("table"), None) is table]


def is_layout(table: Element, rows: list[Element]) -> bool:
    """Whether the table only arranges the page: its cells are read as text of their own then."""
    if (table.get("role") or "").lower() in ("presentation", "none"):
        return True
    if max((len(_cells(row)) for row in rows), default=0) <= 1:
        return True
    if any(cell.tag == "th" for row in rows for cell in _cells(row)):
        return False
    if next(table.iter(*_DEEP[1:]), None) is not None or sum(1 for _ in table.iter("table")) > 1:
        return True
    return any(_longer_than(cell, _LAYOUT_CELL) for row in rows for cell in _cells(row))


def read_rows(rows: list[Element]) -> tuple[Grid, bool | None]:
    """The cells' texts as a grid, and whether its first row is a header; None where the table does not say."""
    visible = [row for row in rows if not hidden(row)]
    head = _head_rows(visible)
    grid = _expand(visible, head)
    if head > 1:
        grid = [merged_header(grid[:head]), *grid[head:]]
    return grid, True if head else None


def _cells(row: Element) -> list[Element]:
    return [cell for cell in row if cell.tag in ("td", "th")]


def _longer_than(el: Element, limit: int) -> bool:
    length = 0
    for text in el.itertext():
        length += len(text)
        if length > limit:
            return True
    return False


def _head_rows(rows: list[Element]) -> int:
    """How many rows at the top are headers: those in <thead>, or those of <th> only."""
    count = 0
    for row in rows[:6]:
        cells = _cells(row)
        in_head = row.getparent().tag == "thead"
        if not cells or not (in_head or all(cell.tag == "th" or not line_of(cell) for cell in cells)):
            break
        if not in_head and not any(cell.tag == "th" for cell in cells):
            break
        count += 1
    return count if count < len(rows) else min(count, 1)


def _span(cell: Element, name: str) -> int:
    found = re.match(r"\s*(\d{1,6})", cell.get(name) or "")
    return int(found[1]) if found else 1


def _expand(rows: list[Element], head: int) -> Grid:
    """The grid with its spans filled: text repeats downwards, so that each row stands alone, and across in headers."""
    grid: Grid = []
    below: dict[int, tuple[str, int]] = {}  # column -> text that reaches down, rows left
    budget = _MAX_CELLS
    for number, row in enumerate(rows):
        line: list[str] = []
        reaching: dict[int, tuple[str, int]] = {}
        for cell in _cells(row):
            _fill(line, below)
            text = line_of(cell) if not hidden(cell) else ""
            wide = min(max(_span(cell, "colspan"), 1), _MAX_SPAN, max(budget, 1))
            down = _span(cell, "rowspan") or len(rows)  # 0 means: to the end
            budget -= wide
            for offset in range(wide):
                shown = text if offset == 0 or (number < head and len(text) <= _REPEATED) else ""
                if down > 1:
                    reaching[len(line)] = (shown if len(text) <= _REPEATED else "", down - 1)
                line.append(shown)
        _fill(line, below)
        below = {column: (text, left - 1) for column, (text, left) in below.items() if left > 1} | reaching
        grid.append(line)
    return grid


def _fill(line: list[str], below: dict[int, tuple[str, int]]) -> None:
    """Puts the texts that reach down from above where the row has come to."""
    while len(line) in below:
        line.append(below[len(line)][0])
