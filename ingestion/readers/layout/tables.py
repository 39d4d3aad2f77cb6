"""Tables found by how text is aligned, since most tables in reports have no lines and finding drawn ones is slow.

Rows with several pieces that follow one another closely make a zone; the vertical strips that no body row crosses make
its columns; what stands above the first row of figures makes its header.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from core.types import Block
from ingestion.readers.layout.pieces import Piece, union

Row = list[Piece]

_PREFIX: Final = re.compile(r"^(?:\(?(?:[A-Z]{1,3})?[$€£¥]|\(|[+\-–—]\s?[$€£¥])$")
_SUFFIX: Final = re.compile(r"^(?:%|\)|\)%|\) ?%|%\)|pts?\.?|bps|x|\*+|\(\d\)|†|‡)$")
_NUMBER: Final = re.compile(
    r"^[(\[]?\s*[+\-–−]?\s*(?:[A-Z]{0,3}[$€£¥])?\s*[(\-–−]?\s*(?:\d[\d,.' \u00a0]*|[—–\-]+|N/?[AM]|n/?[am]|\*)\s*"
    r"(?:%|pts?|bps|x|million|billion)?\s*[)\]]*\s*(?:%|pts?)?\s*(?:\(\w\))?$"
)
_YEAR: Final = re.compile(r"^(?:FY|Q[1-4] ?)?'?(?:19|20)\d\d(?:\s*\(\w\))?$")
_LIST_MARK: Final = re.compile(r"^(?:[•●▪◦‣·■–—*§\uf0a7\uf0b7\uf0d8-]|\(?(?:\d{1,2}|[a-zA-Z]|[ivxIVX]{1,5})[.)])$")
_LOOSE: Final = re.compile(r"(?<=[$€£¥]) (?=[\d(])|(?<=\d|\)) (?=%)")  # "$ 12" and "12 %"
_MAX_HEADER: Final = 6
_MIN_ROWS: Final = 2


@dataclass(slots=True)
class Zone:
    """Consecutive rows of a region that make a table: `rows[first:last]`; `header` of them stand above the body."""

    first: int
    last: int
    header: int = 0
    columns: list[tuple[float, float]] = field(default_factory=list)


def join_marks(row: Row) -> Row:
    """A row whose currency signs, per cent signs, brackets and list marks are joined with what they belong to."""
    if len(row) < 2:
        return row
    joined: Row = []
    for piece in row:
        before = joined[-1] if joined else None
        if before is not None and _belongs(before, piece, alone=len(row) == 2):
            tight = _PREFIX.match(before.text) or _SUFFIX.match(piece.text)
            joined[-1] = _together(before, piece, "" if tight else " ")
        else:
            joined.append(piece)
    return joined


def zones(rows: Sequence[Row]) -> list[Zone]:
    """The tables among a region's rows."""
    found: list[Zone] = []
    index = 0
    while index < len(rows):
        if len(rows[index]) < 2:
            index += 1
            continue
        zone = _grow(rows, index, found[-1].last if found else 0)
        if _settle(rows, zone):
            found.append(zone)
            index = zone.last
        else:
            index += 1
    return found


def table_block(rows: Sequence[Row], zone: Zone, page: int) -> Block:
    """The table of a zone: header rows merged into one, wrapped cells put together, one box a row."""
    width = len(zone.columns)
    cells: list[list[str]] = []
    spots: list[Row] = []
    if zone.header:
        head = rows[zone.first : zone.first + zone.header]
        cells.append(_merge_header(head, zone.columns))
        spots.append([piece for row in head for piece in row])
    previous: Row | None = None
    for row in rows[zone.first + zone.header : zone.last]:
        texts = _cells(row, zone.columns)
        tight = previous is not None and _gap(previous, row) < 0.6 * row[0].size
        if previous is not None and tight and _continues(cells[-1], texts, previous, row):
            cells[-1] = [f"{a} {b}".strip() for a, b in zip(cells[-1], texts, strict=True)]
            spots[-1] = [*spots[-1], *row]
        else:
            cells.append(texts)
            spots.append(list(row))
        previous = row
    used = [column for column in range(width) if any(texts[column] for texts in cells)]
    table = tuple(tuple(_LOOSE.sub("", texts[column]) for column in used) for texts in cells)
    return Block(
        kind="table",
        text="\n".join(" | ".join(texts) for texts in table),
        page=page,
        boxes=tuple(union(row, page) for row in spots),
        rows=table,
        header=zone.header > 0,
    )


# ---- zones --------------------------------------------------------------------------------------------------------


def _grow(rows: Sequence[Row], start: int, floor: int) -> Zone:
    """The rows around `start` that lie close and look like rows of one table."""
    last = start + 1
    probe = last
    while probe < len(rows):
        before, row = rows[probe - 1], rows[probe]
        gap = _gap(before, row)
        if gap > 2.2 * max(row[0].height, before[0].height):
            break
        if len(row) >= 2:
            last = probe + 1
        elif probe - last >= 3 or _is_prose(row[0], rows[start:last]):
            break
        probe += 1
    first = start
    while first > floor and start - first < 3 and len(rows[first - 1]) == 1:
        piece, below = rows[first - 1][0], rows[first]
        if _gap(rows[first - 1], below) > 1.2 * piece.height or not _heads_columns(piece, rows[start:last]):
            break
        first -= 1
    return Zone(first, last)


def _settle(rows: Sequence[Row], zone: Zone) -> bool:
    """Finds the zone's header and columns; False when it is no table after all."""
    body = rows[zone.first : zone.last]
    multi = [row for row in body if len(row) >= 2]
    if len(multi) < _MIN_ROWS:
        return False
    zone.header = _header_rows(body)
    columns = _columns([row for row in body[zone.header :] if len(row) >= 2] or multi)
    if len(columns) < 2 and zone.header:
        zone.header, columns = 0, _columns(multi)
    if len(columns) < 2:
        return False
    while zone.header and _only_label(body[zone.header - 1], columns):
        zone.header -= 1  # "Current assets" above the first figure belongs to the body
    zone.columns = columns
    filled = [sum(1 for text in _cells(row, columns) if text) for row in multi]
    if sum(count >= 2 for count in filled) * 2 < len(multi):
        return False
    return not _is_running_text(multi)


def _is_running_text(multi: Sequence[Row]) -> bool:
    """Whether these "rows" are lines of prose that happen to stand side by side, or are broken by a wide blank."""
    long = sum(sum(len(piece.text) > 60 for piece in row) >= 2 for row in multi)
    return long * 2 > len(multi)


def _header_rows(body: Sequence[Row]) -> int:
    """How many rows stand above the first row of the body."""
    for index, row in enumerate(body[: _MAX_HEADER + 1]):
        figures = [piece for piece in row if _NUMBER.match(piece.text) and not _YEAR.match(piece.text)]
        if figures and len(row) >= 2:
            return index
    if not any(_NUMBER.match(piece.text) for row in body[:8] for piece in row[1:]):  # a table of words
        first = body[0]
        bold_first = len(first) >= 2 and all(piece.bold for piece in first)
        return int(bold_first and not all(piece.bold for row in body[1:] for piece in row))
    return 0


def _only_label(row: Row, columns: Sequence[tuple[float, float]]) -> bool:
    return len(row) == 1 and _spanned(row[0], columns) == [0]


def _columns(multi: Sequence[Row]) -> list[tuple[float, float]]:
    """The x-ranges of the columns: what lies between the strips that (nearly) no row crosses."""
    events = sorted(
        [(piece.x0, 1) for row in multi for piece in row] + [(piece.x1, -1) for row in multi for piece in row]
    )
    few = len(multi) // 12
    columns: list[tuple[float, float]] = []
    depth = 0
    start: float | None = None
    for x, step in events:
        depth += step
        if depth > few and start is None:
            start = x
        elif depth <= few and start is not None:
            if columns and start - columns[-1][1] < 2.0:
                columns[-1] = (columns[-1][0], x)
            else:
                columns.append((start, x))
            start = None
    return columns


def _is_prose(piece: Piece, body: Sequence[Row]) -> bool:
    """Whether a lone piece is a line of text below the table rather than a label in its first column."""
    seconds = [row[1].x0 for row in body if len(row) >= 2]
    if not seconds:
        return False
    seconds.sort()
    return piece.x1 > seconds[len(seconds) // 2] + 2 and len(piece.text) > 30


def _heads_columns(piece: Piece, body: Sequence[Row]) -> bool:
    """Whether a lone piece above a table stands over its columns of figures: "Year Ended December 31,"."""
    firsts = [row[0].x1 for row in body if len(row) >= 2 and _NUMBER.match(row[-1].text)]
    lefts = [row[0].x0 for row in body]
    if not firsts or len(piece.text) > 70 or (piece.text.isupper() and len(piece.text.split()) > 2):
        return False  # the last is a caption
    left, right = min(lefts), max(row[-1].x1 for row in body)
    return piece.x0 > left + 0.25 * (right - left) and piece.x1 <= right + 5


# ---- cells --------------------------------------------------------------------------------------------------------


def _cells(row: Row, columns: Sequence[tuple[float, float]]) -> list[str]:
    texts = [""] * len(columns)
    for piece in row:
        column = _spanned(piece, columns)[0]
        texts[column] = f"{texts[column]} {piece.text}".strip()
    return texts


def _spanned(piece: Piece, columns: Sequence[tuple[float, float]]) -> list[int]:
    """The columns a piece stands over; at least one, the nearest."""
    hit = [
        index
        for index, (x0, x1) in enumerate(columns)
        if min(piece.x1, x1) - max(piece.x0, x0) > 0.3 * min(x1 - x0, piece.x1 - piece.x0)
    ]
    if hit:
        return hit
    middle = (piece.x0 + piece.x1) / 2
    return [min(range(len(columns)), key=lambda i: max(columns[i][0] - middle, middle - columns[i][1], 0.0))]


def _merge_header(head: Sequence[Row], columns: Sequence[tuple[float, float]]) -> list[str]:
    """One header row of several; what spans columns is repeated over each: "Year Ended December 31, 2021"."""
    texts: list[list[str]] = [[] for _ in columns]
    columns = _widened(columns, head)
    for row in head:
        if len(row) == 1 and row[0].text.startswith("("):  # "(in millions)" holds for the whole table
            texts[0].append(row[0].text)
            continue
        owners = _owners(row, columns)
        for column, piece in sorted(owners.items()):
            texts[column].append(piece.text)
    return [" ".join(parts) for parts in texts]


def _widened(columns: Sequence[tuple[float, float]], head: Sequence[Row]) -> list[tuple[float, float]]:
    """The columns as wide as the lowest header row's words where that row has a word for each."""
    wide = list(columns)
    full = next((row for row in reversed(head) if len(row) >= len(columns) - 1), [])
    owned = [(piece, _spanned(piece, columns)) for piece in full]
    if len({spanned[0] for _, spanned in owned}) == len(owned) and all(len(spanned) == 1 for _, spanned in owned):
        for piece, (column,) in owned:
            wide[column] = (min(wide[column][0], piece.x0), max(wide[column][1], piece.x1))
    return wide


def _overhangs(piece: Piece, column: tuple[float, float]) -> bool:
    """Whether a header's word is too wide for this column, or stands beside its middle."""
    x0, x1 = column
    width = x1 - x0
    return piece.x1 - piece.x0 > 1.3 * width or abs((piece.x0 + piece.x1 - x0 - x1) / 2) > 0.4 * width + 2


def _owners(row: Row, columns: Sequence[tuple[float, float]]) -> dict[int, Piece]:
    """Which piece of a header row stands over which column: its own, or those it is centred over."""
    owners: dict[int, Piece] = {}
    spanning: list[Piece] = []
    for piece in row:
        spanned = _spanned(piece, columns)
        if spanned[0] > 0 and (len(spanned) > 1 or _overhangs(piece, columns[spanned[0]])):
            spanning.append(piece)
        for column in spanned if spanned[0] > 0 else spanned[:1]:
            if column in owners:
                owners[column] = _together(owners[column], piece, " ")
            else:
                owners[column] = piece
    if spanning:
        middles = [(x0 + x1) / 2 for x0, x1 in columns]
        reach = 2.6 * (middles[-1] - middles[0]) / max(len(columns) - 1, 1)
        for column in set(range(1, len(columns))) - owners.keys():
            nearest = min(row, key=lambda piece: abs((piece.x0 + piece.x1) / 2 - middles[column]))
            if nearest in spanning and abs((nearest.x0 + nearest.x1) / 2 - middles[column]) < reach:
                owners[column] = nearest
    return owners


def _continues(above: Sequence[str], texts: Sequence[str], before: Row, row: Row) -> bool:
    """Whether a row only goes on with cells of words that the row above began, or a label goes on in it."""
    if texts[0][:1].islower() and above[0] and above[0][-1:] not in ".:":
        return not any(above[1:]) or not any(texts[1:])
    filled = [index for index, text in enumerate(texts) if text]
    if texts[0] or any(_NUMBER.match(texts[i]) or _NUMBER.match(above[i]) or not above[i] for i in filled):
        return False
    return all(any(abs(piece.x0 - other.x0) < 0.6 * piece.size for other in before) for piece in row)


def _gap(above: Row, below: Row) -> float:
    return min(piece.y0 for piece in below) - max(piece.y1 for piece in above)


def _belongs(before: Piece, piece: Piece, *, alone: bool) -> bool:
    gap = piece.x0 - before.x1
    size = max(before.size, 4.0)
    if gap < 0.35 * size:
        return True
    if _PREFIX.match(before.text):
        return gap < 12 * size and bool(_NUMBER.match(piece.text))
    if _SUFFIX.match(piece.text):
        return gap < 3 * size and before.text[-1:] in "0123456789)—–-"
    return alone and gap < 5 * size and bool(_LIST_MARK.match(before.text)) and len(piece.text) > 3


def _together(a: Piece, b: Piece, between: str) -> Piece:
    """Two pieces as one. A sign does not widen the column of its figure, so that figures stay in line."""
    longer = b if len(b.text) > len(a.text) else a
    return replace(
        a,
        text=f"{a.text}{between}{b.text}",
        x0=b.x0 if _PREFIX.match(a.text) else min(a.x0, b.x0),
        x1=a.x1 if _SUFFIX.match(b.text) else max(a.x1, b.x1),
        y0=min(a.y0, b.y0),
        y1=max(a.y1, b.y1),
        bold=longer.bold,
        italic=longer.italic,
        size=longer.size,
        box=(min(a.box[0], b.box[0]), min(a.box[1], b.box[1]), max(a.box[2], b.box[2]), max(a.box[3], b.box[3])),
    )
