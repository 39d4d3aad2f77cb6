"""What openpyxl's streaming mode does not tell of a sheet: merged cells, and formulas without a stored result."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_MERGE: Final = re.compile(rb'<(?:\w+:)?mergeCell\s+ref="\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})"')
_UNSTORED: Final = re.compile(
    rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f(?:\s[^<>]*)?/>)\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></|</(?:\w+:)?c>)"
)
_PIECE: Final = 1024 * 1024
_OVERLAP: Final = 512
_MOST_MERGES: Final = 50_000


@dataclass(kw_only=True, slots=True)
class SheetScan:
    """`merges` holds (first column, first row, last column, last row), all from 1."""

    merges: list[tuple[int, int, int, int]] = field(default_factory=list)
    unstored: int = 0


def scan_sheet(path: Path, member: str) -> SheetScan:
    """Reads a sheet's XML in pieces, since it may be hundreds of megabytes long."""
    found = SheetScan()
    with zipfile.ZipFile(path) as archive, archive.open(member) as file:
        rest = b""
        while piece := file.read(_PIECE):
            data = rest + piece
            # what ends within the overlap was counted with the piece before
            for match in _MERGE.finditer(data):
                if match.end() > len(rest) and len(found.merges) < _MOST_MERGES:
                    left, top, right, bottom = match.groups()
                    found.merges.append((_column(left), int(top), _column(right), int(bottom)))
            found.unstored += sum(1 for match in _UNSTORED.finditer(data) if match.end() > len(rest))
            rest = data[-_OVERLAP:]
    return found


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
