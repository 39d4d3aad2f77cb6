"""Cells to table blocks: the same shape whatever format the table came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from core.types import Block

ROWS_A_BLOCK: Final = 1000
"""A longer table becomes several blocks that repeat its header, so that no single block grows without bound."""

_MAX_HEADER_CELL: Final = 80
_NUMBER: Final = re.compile(r"[(+\-−–]?\s*[$€£¥₹]?\s*[(+\-−–]?\d[\d.,'’\s]*\s*(?:%|[$€£¥₹]|[kKmMbB]n?)?\s*\)?")
_DATE: Final = re.compile(r"\d{4}-\d\d?-\d\d?(?:[ T].*)?|\d\d?[./-]\d\d?[./-]\d{2,4}")
_YEAR: Final = re.compile(r"(?:FY\s?)?(?:19|20)\d\d(?:[/–-]\d{2,4})?")

Row = Sequence[str]


def is_value(cell: str) -> bool:
    """Whether a cell holds an amount or a date rather than a word. A bare year is a word: it often heads a column."""
    return bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell)) and not _YEAR.fullmatch(cell)


def guess_header(rows: Sequence[Row]) -> bool:
    """Whether the first row names the columns: short words nearly throughout, no amounts, something below it."""
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    named = [cell for cell in rows[0] if cell]
    if len(named) < max(1, len(rows[0]) - 1 - len(rows[0]) // 4):
        return False
    if len(rows[0]) == 2 and named[0].endswith(":"):  # "Name: | Ada", a list of properties
        return False
    return not any(is_value(cell) or len(cell) > _MAX_HEADER_CELL for cell in named)


def merged_header(rows: Sequence[Row]) -> list[str]:
    """Several header rows as one: each column's different words from top to bottom, "2025 Plan"."""
    width = max(map(len, rows))
    columns = ([row[column] for row in rows if column < len(row) and row[column]] for column in range(width))
    return [" ".join(dict.fromkeys(column)) for column in columns]


def table_text(rows: Iterable[Row]) -> str:
    """The text of a table block."""
    return "\n".join(" | ".join(row) for row in rows)


def table_block(rows: Iterable[Row], *, header: bool, page: int | None = None) -> Block:
    """One table block of rows that are already rectangular."""
    cells = tuple(tuple(row) for row in rows)
    return Block(kind="table", text=table_text(cells), rows=cells, header=header, page=page)


def table_blocks(rows: Iterable[Row], *, header: bool | None = None, page: int | None = None) -> Iterator[Block]:
    """A table's blocks: rows padded to one width, empty rows and columns dropped; `header=None` guesses.

    A table of a single row or column without a header is no table to a reader, so it becomes paragraphs.
    """
    grid = _tidy(list(rows))
    if not grid:
        return
    if header is None:
        header = guess_header(grid)
    header = header and len(grid) > 1
    if not header and (len(grid) == 1 or len(grid[0]) == 1):
        for row in grid:
            yield Block(kind="paragraph", text=" | ".join(cell for cell in row if cell), page=page)
        return
    first = grid[:1] if header else []
    body = grid[1:] if header else grid
    for start in range(0, len(body), ROWS_A_BLOCK):
        yield table_block(first + body[start : start + ROWS_A_BLOCK], header=header, page=page)


def _tidy(rows: list[Row]) -> list[list[str]]:
    width = max((len(row) for row in rows), default=0)
    filled = [[*row, *[""] * (width - len(row))] for row in rows if any(row)]
    used = [column for column in range(width) if any(row[column] for row in filled)]
    return [[row[column] for column in used] for row in filled]
