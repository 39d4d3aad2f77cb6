"""CSV and its kin to table blocks, streamed, so that the size of the file does not matter."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, Literal

from ingestion.readers.base import Item, Notice, ReadContext
from ingestion.readers.lines import read_lines
from ingestion.readers.seam import parsing
from ingestion.readers.tables import ROWS_A_BLOCK, guess_header, table_block, table_blocks
from ingestion.readers.text import text_blocks
from ingestion.readers.words import one_line

_DELIMITERS: Final = (",", ";", "\t", "|", ":")
_SAMPLE: Final = 200
_MOST_COLUMNS: Final = 4096
_MOST_LINES_A_RECORD: Final = 1000
"""A quoted cell that goes on for longer was opened by a stray quote."""
_MOST_STRAY_QUOTES: Final = 20
"""After that many, quotes are read as characters for the rest of the file."""

Record = list[str]


def read(path: Path, context: ReadContext) -> Iterator[Item]:
    """Reads a delimited file as one table in blocks of rows, the header repeated. One column is read as text."""
    with parsing("CSV file"):
        delimiter, skip = _find_delimiter(list(islice(read_lines(path, newline=""), _SAMPLE)))
        if delimiter is None:
            yield from text_blocks(read_lines(path))
            return
        yield from _table(_Records(path, delimiter, skip))


def _table(records: _Records) -> Iterator[Item]:
    rows = iter(records)
    first = list(islice(rows, ROWS_A_BLOCK))
    while first and not any(first[0]):
        first.pop(0)
    titles = 0  # lines above the table: "Report of 3 March", alone in their row
    while (
        titles < len(first) - 1
        and titles < 5
        and sum(map(bool, first[titles])) == 1 < sum(map(bool, first[titles + 1]))
    ):
        titles += 1
    yield from table_blocks(first[:titles], header=False)
    first = first[titles:]
    if not first:
        return
    width = max(map(len, first))
    header = guess_header([_padded(row, width) for row in first])
    yield from table_blocks(first, header=header)
    head = [first[0]] if header else []
    while batch := list(islice(rows, ROWS_A_BLOCK)):
        filled = [row for row in batch if any(row)]
        width = max([*map(len, head), *map(len, filled)], default=0)
        if filled:
            yield table_block([_padded(row, width) for row in head + filled], header=header)
    if records.stray_quote:
        yield Notice(
            text=f"A quotation mark in line {records.stray_quote} is never closed; that line was read as it stands."
        )
    if records.cut_columns:
        yield Notice(text=f"Rows of more than {_MOST_COLUMNS} columns were cut there.")


def _padded(row: Record, width: int) -> Record:
    return row + [""] * (width - len(row))


class _Records:
    """The records of a file. A line with a quote that is never closed is read without quoting, then all goes on."""

    def __init__(self, path: Path, delimiter: str, skip: int) -> None:
        self._path = path
        self._delimiter = delimiter
        self._skip = skip
        self.stray_quote = 0
        self.cut_columns = False

    def __iter__(self) -> Iterator[Record]:
        """One list of cells a record, each cell on one line."""
        done = self._skip
        for _ in range(_MOST_STRAY_QUOTES):
            guarded = _Guarded(self._lines(done))
            try:
                for record in self._parsed(guarded, csv.QUOTE_MINIMAL):
                    guarded.begun = 0
                    yield record
                return
            except (csv.Error, _StrayQuoteError):
                done += guarded.lines - guarded.begun
                self.stray_quote = self.stray_quote or done + 1
                yield from self._parsed(islice(self._lines(done), 1), csv.QUOTE_NONE)
                done += 1
        yield from self._parsed(self._lines(done), csv.QUOTE_NONE)

    def _lines(self, start: int) -> Iterator[str]:
        return islice(read_lines(self._path, newline=""), start, None)

    def _parsed(self, lines: Iterable[str], quoting: Literal[0, 3]) -> Iterator[Record]:
        csv.field_size_limit(2**31 - 1)  # read_lines bounds a line, _Guarded a record
        clean = (line.replace("\0", "") for line in lines)
        for record in csv.reader(clean, delimiter=self._delimiter, quoting=quoting, skipinitialspace=True):
            if len(record) > _MOST_COLUMNS:
                self.cut_columns = True
                del record[_MOST_COLUMNS:]
            yield [one_line(cell) for cell in record]


class _StrayQuoteError(Exception):
    """A quoted cell that does not end."""


class _Guarded:
    """Lines, counted in all and since the last record was complete. An endless record raises `_StrayQuoteError`."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.lines = 0
        self.begun = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            if self.begun >= _MOST_LINES_A_RECORD:
                raise _StrayQuoteError
            self.lines += 1
            self.begun += 1
            yield line
        if self.begun:  # the parser asks for more in the middle of a record, and there is no more
            raise _StrayQuoteError


def _find_delimiter(lines: list[str]) -> tuple[str | None, int]:
    """The delimiter that splits most lines into the same number of cells, and how many lines are no data at the top."""
    if lines and lines[0].lower().startswith("sep=") and len(lines[0].strip()) == 5:  # as Excel writes it
        return lines[0][4], 1
    best: tuple[float, int, str] | None = None
    for delimiter in _DELIMITERS:
        widths = Counter(_widths(lines, delimiter))
        width, rows = max(((w, n) for w, n in widths.items() if w > 1), key=lambda found: found[1], default=(1, 0))
        share = rows / max(1, widths.total())
        if share > 0.3 and (best is None or (round(share, 1), width) > best[:2]):
            best = (round(share, 1), width, delimiter)
    return (best[2] if best else None), 0


def _widths(lines: list[str], delimiter: str) -> list[int]:
    csv.field_size_limit(2**31 - 1)
    short = [line.replace("\0", "")[:20_000] for line in lines]
    try:
        return [len(record) for record in csv.reader(short, delimiter=delimiter) if record]
    except csv.Error:
        return []
