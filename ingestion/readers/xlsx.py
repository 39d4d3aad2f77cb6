"""Excel workbooks to blocks: a sheet is a page with a heading; empty rows divide its tables.

Values are those Excel stored when the file was saved. Hidden sheets are read and named; those that only a program can
show (very hidden) are not.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from core.types import Block
from ingestion.archives import open_archive
from ingestion.readers.base import Item, Meta, Notice, Progress, ReadContext
from ingestion.readers.ooxml import check, core_title
from ingestion.readers.seam import parsing
from ingestion.readers.tables import ROWS_A_BLOCK, guess_header, is_value, merged_header, table_blocks
from ingestion.readers.xlsx_scan import SheetScan, scan_sheet
from ingestion.readers.xlsx_values import shown

_MOST_CELLS: Final = 3_000_000
"""Cells looked at in one workbook; what lies beyond is left out with a notice."""
_MOST_COLUMNS: Final = 1_000
_REPEATED: Final = 300
_TITLE_ROWS: Final = 5

Row = list[str]


def read(path: Path, context: ReadContext) -> Iterator[Item]:
    """Reads an .xlsx or .xlsm."""
    check(path, context)
    with parsing("workbook"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl warns of every extension it does not know
        import openpyxl

        with open_archive(path, context.limits) as archive:
            title = core_title(archive)
        with path.open("rb") as file:  # a path's extension would be looked at, and blobs have none
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            yield Meta(title=title, pages=len(book.sheetnames))
            yield from _book(book, path, context)


def _book(book: Any, path: Path, context: ReadContext) -> Iterator[Item]:
    budget = _Budget(_MOST_CELLS)
    unstored = 0
    for sheet in book.worksheets:
        page = book.sheetnames.index(sheet.title) + 1
        if page < context.first_page or page in context.skip_pages:
            continue
        yield Progress(page=page, total=len(book.sheetnames), done=page - 1)
        if sheet.sheet_state == "veryHidden":
            yield Notice(text=f"The sheet “{sheet.title}” is hidden by a program and was left out.")
            continue
        scan = scan_sheet(path, sheet._worksheet_path)
        unstored += scan.unstored
        yield from _sheet(sheet, page, scan, budget)
        if sheet.sheet_state == "hidden":
            yield Notice(text=f"The hidden sheet “{sheet.title}” was read as well.")
        if budget.left <= 0:
            yield Notice(
                text=f"The workbook is very large; it was read up to the sheet “{sheet.title}”, which was cut."
            )
            break
    if budget.wide:
        yield Notice(text=f"Columns beyond the first {_MOST_COLUMNS} were left out.")
    if unstored:
        yield Notice(
            text=f"Formulas without a stored result were read as empty ({unstored} of them). Open the file in a "
            "spreadsheet program, save it, and upload it again."
        )


class _Budget:
    """How many cells may still be looked at, and whether rows were cut."""

    def __init__(self, cells: float) -> None:
        self.left = cells
        self.wide = False


def _sheet(sheet: Any, page: int, scan: SheetScan, budget: _Budget) -> Iterator[Block]:
    """The sheet's heading, before its first block, and its tables; a sheet without values yields nothing."""
    heading: Block | None = Block(kind="heading", text=sheet.title, level=1, page=page)
    for block in _tables(_rows(sheet, scan, budget), page):
        if heading is not None:
            yield heading
            heading = None
        yield block


def _rows(sheet: Any, scan: SheetScan, budget: _Budget) -> Iterator[Row]:
    """The sheet's rows as texts, merged cells filled: down always, across when a row heads columns."""
    sheet.reset_dimensions()  # what the file says of its size is often wrong
    merged = _Merges(scan.merges)
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        budget.left -= len(cells) or 0.1  # a value in the last row comes with a million empty ones
        if budget.left <= 0:
            return
        budget.wide = budget.wide or len(cells) > _MOST_COLUMNS
        row = [
            shown(cell.value, cell.number_format) if cell.value is not None else "" for cell in cells[:_MOST_COLUMNS]
        ]
        while row and not row[-1]:
            row.pop()
        yield merged.filled(number, row)


class _Merges:
    """Merged ranges, row by row: their text stands in their first cell only."""

    def __init__(self, ranges: list[tuple[int, int, int, int]]) -> None:
        self._ranges = sorted(ranges, key=lambda found: found[1], reverse=True)
        self._open: list[tuple[int, int, int, str]] = []  # first column, last column, last row, text

    def filled(self, number: int, row: Row) -> Row:
        """The row with the texts of ranges that began above, and a heading over several columns over each of them."""
        self._open = [found for found in self._open if found[2] >= number]
        for left, right, _, text in self._open:
            _put(row, left, min(right, left), text)
        while self._ranges and self._ranges[-1][1] <= number:
            left, top, right, bottom = self._ranges.pop()
            text = row[left - 1] if top == number and left <= len(row) else ""
            if not text or len(text) > _REPEATED or right > _MOST_COLUMNS:
                continue
            if bottom > number and len(self._open) < _MOST_COLUMNS:
                self._open.append((left, right, bottom, text))
            if sum(map(bool, row)) > 1:  # alone in its row it is a title, not the head of several columns
                _put(row, left, right, text)
        return row


def _put(row: Row, left: int, right: int, text: str) -> None:
    row.extend([""] * (right - len(row)))
    row[left - 1 : right] = [text] * (right - left + 1)


def _tables(rows: Iterator[Row], page: int) -> Iterator[Block]:
    """Runs of rows between empty ones, each a table; long ones are handed on in parts that repeat the header."""
    gathered: list[Row] = []
    header: Row | None = None  # of a table that is being handed on in parts
    parts = False
    for row in rows:
        if row:
            gathered.append(row)
            if len(gathered) < ROWS_A_BLOCK:
                continue
        if not gathered:
            header, parts = None, False
            continue
        if parts:
            yield from _part(header, gathered, page)
        else:
            header = yield from _begin(gathered, page)
        parts = bool(row)
        gathered = []
    if gathered and parts:
        yield from _part(header, gathered, page)
    elif gathered:
        yield from _begin(gathered, page)


def _begin(rows: list[Row], page: int) -> Generator[Block, None, Row | None]:
    """A table's first part, the titles above it as paragraphs; returns its header row."""
    titles = 0
    while titles < min(len(rows) - 1, _TITLE_ROWS) and sum(map(bool, rows[titles])) == 1 < _width(rows[titles + 1 :]):
        yield Block(kind="paragraph", text="".join(rows[titles]), page=page)
        titles += 1
    rows = rows[titles:]
    start = min((next(i for i, cell in enumerate(row) if cell) for row in rows), default=0)
    width = max(map(len, rows))
    square = [row[start:] + [""] * (width - len(row)) for row in rows]
    if len(square) > 2 and _spans(square[0]) and not any(map(is_value, square[1])):
        square = [merged_header(square[:2]), *square[2:]]
    header = guess_header(square)
    yield from table_blocks(square, header=header, page=page)
    return [""] * start + square[0] if header else None


def _width(rows: list[Row]) -> int:
    return max(sum(map(bool, row)) for row in rows[:3])


def _spans(row: Row) -> bool:
    """Whether a heading stands over several columns, so that the next row is likely to divide them."""
    return any(cell and cell == following for cell, following in pairwise(row))


def _part(header: Row | None, rows: list[Row], page: int) -> Iterator[Block]:
    yield from table_blocks([header, *rows] if header else rows, header=header is not None, page=page)
