"""Reading order on a page: regions of columns, and within a region rows from top to bottom.

Columns are found by gutters: vertical strips that no line of prose crosses, with prose on both sides. Whether two
neighbours are columns of prose or cells of a table is told by the order in which the file paints them: row by row, or
column by column.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import median

from ingestion.readers.layout.pieces import Piece

_MIN_PROSE = 8  # pieces of prose below which a page is not looked at for columns
_PROSE_CHARACTERS = 12
_NARROW = 0.6  # of the text's width; a column of prose is no wider
_MIN_GUTTER = 5.0  # points
_MIN_LINES = 4
_NEIGHBOURS = 4  # pieces painted within so few steps of one another belong to one row of a table


def regions(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The page's pieces in regions, in the order in which they are read; inside a region from top to bottom."""
    gutters = _gutters(pieces)
    if not gutters:
        return [sorted(pieces, key=lambda p: p.y0)] if pieces else []
    found: list[list[Piece]] = []
    columns: list[list[Piece]] = [[] for _ in range(len(gutters) + 1)]
    spanning: list[Piece] = []
    for piece in sorted(pieces, key=lambda p: p.middle):
        crosses = any(piece.x0 < gutter - 3 and piece.x1 > gutter + 3 for gutter in gutters)
        if crosses:
            if any(columns):
                found += [spanning, *columns]
                spanning, columns = [], [[] for _ in columns]
            spanning.append(piece)
        else:
            columns[sum((piece.x0 + piece.x1) / 2 > gutter for gutter in gutters)].append(piece)
    found += [spanning, *columns]
    return [region for region in found if region]


def rows(region: Sequence[Piece]) -> list[list[Piece]]:
    """A region's pieces in visual rows from top to bottom, each from left to right."""
    found: list[list[Piece]] = []
    middle = reach = 0.0
    for piece in sorted(region, key=lambda p: p.middle):
        height = piece.y1 - piece.y0
        if found and piece.middle - middle <= 0.45 * min(height, reach):
            found[-1].append(piece)
        else:
            found.append([piece])
            middle, reach = piece.middle, height
    for row in found:
        if len(row) > 1:
            row.sort(key=lambda p: p.x0)
    return found


def _gutters(pieces: Sequence[Piece]) -> list[float]:
    """The middles of the strips between columns of prose, from left to right; none where the page has one column."""
    prose = [p for p in pieces if len(p.text) >= _PROSE_CHARACTERS and _is_wordy(p.text)]
    if len(prose) < _MIN_PROSE:
        return []
    left, right = min(p.x0 for p in pieces), max(p.x1 for p in pieces)
    width = right - left
    narrow = [p for p in prose if p.x1 - p.x0 < _NARROW * width]
    if sum(len(p.text) for p in narrow) < 0.35 * sum(len(p.text) for p in prose):
        return []
    strips = _strips(narrow, left, right)
    if not strips:
        return []
    edges = [left, *strips, right]
    columns = [[p for p in narrow if a <= (p.x0 + p.x1) / 2 <= b] for a, b in pairwise(edges)]
    if not all(_is_column(column) for column in columns):
        return []
    return strips if all(_painted_apart(a, b) for a, b in pairwise(columns)) else []


def _strips(narrow: Sequence[Piece], left: float, right: float) -> list[float]:
    size = int(right - left) + 2
    changes = [0] * (size + 1)
    for piece in narrow:
        changes[int(piece.x0 - left)] += 1
        changes[min(int(piece.x1 - left) + 1, size)] -= 1
    cover = list(accumulate(changes))[:size]
    few = max(max(cover) * 0.06, 1 if max(cover) >= _MIN_LINES else 0)  # a title may stand over the gutter
    found: list[float] = []
    start: int | None = None
    for x, count in enumerate(cover):
        if count <= few and start is None:
            start = x
        elif count > few and start is not None:
            if start > 0 and x - start >= _MIN_GUTTER:
                found.append(left + (start + x) / 2)
            start = None
    return found


def _is_column(column: Sequence[Piece]) -> bool:
    """Whether the pieces are lines of running text: enough of them, and most of them reach across."""
    if len(column) < _MIN_LINES:
        return False
    width = max(p.x1 for p in column) - min(p.x0 for p in column)
    return median(p.x1 - p.x0 for p in column) > 0.6 * width


def _painted_apart(a: Sequence[Piece], b: Sequence[Piece]) -> bool:
    """Whether neighbours in `a` and `b` were painted long after one another, as columns are and table rows are not."""
    distances: list[int] = []
    for piece in a:
        beside = [abs(piece.seq - other.seq) for other in b if abs(piece.middle - other.middle) < 0.5 * piece.height]
        if beside:
            distances.append(min(beside))
    return len(distances) < 3 or median(distances) > _NEIGHBOURS


def _is_wordy(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    return letters * 2 > len(text)
