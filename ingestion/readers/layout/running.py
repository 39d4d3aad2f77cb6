"""The lines that run along on every page: headers, footers and page numbers, known by what their pages have in common.

A line has keys: its words, its words with a number among them that counts with the pages, its place. Keys that enough
pages share are the document's running lines. That two pages say the same proves little, so a key that only two share
has to hold a page number ("Page 2", "| 2", "2 of 4") that counts, between the same words and at the same place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ingestion.readers.layout.pieces import Piece

_EDGE_ROWS: Final = 3  # at the top and at the bottom of a page, where running lines may stand
_PAGES: Final = 3  # that share a key, at least
_PAGES_NUMBERED: Final = 2  # that share one with a page number and a place
_SHARE: Final = 0.4  # of the pages looked at
_MAX_OFFSET: Final = 50  # between a number printed on a page and the page's place in the file
_SHORT: Final = 25  # characters of the name of a part or a chapter above a page
_MIDDLING: Final = 90  # characters of a line that only its page number tells
_LONG: Final = 120
_NEAR: Final = 8  # points in which a running line keeps its place
_PAGED: Final = "page "
"""How the keys begin that hold a page number and a place."""

_PAGE: Final = r"(?:pages?|pg\.?|p\.|seite|s\.|página|pág\.|pagina|pag\.|side|sida|strona|sivu|folio)"
_OF: Final = r"(?:/|of|von|de|di|van|av|af|z)"
_SECTION: Final = re.compile(r"(?<=[^\W\d_]{3}\s)(?:\d{1,2}[a-z]?|[ivxl]{1,5})\b(?!,)")
_NUMBER: Final = re.compile(r"(?<!\d)\d{1,4}(?!\d)")
_NOTHING_ELSE: Final = re.compile(
    rf"^(?:{_PAGE}\s*)?[-–—|\s]*(?:\d{{1,4}}|[ivxl]{{1,7}})[-–—|\s]*(?:{_OF}\s*\d{{1,4}})?[-–—|\s]*$"
    r"|^第?\s*\d{1,4}\s*[页頁](?:\s*[/,，]?\s*共?\s*\d{1,4}\s*[页頁]?)?$",
    re.I,
)
_NAMED: Final = re.compile(rf"(?<![^\W\d_]){_PAGE}\s*(\d{{1,4}})(?!\d)(?:\s*{_OF}\s*\d{{1,4}}(?!\d))?", re.I)
_MARKED: Final = re.compile(
    rf"^\W*(?P<first>\d{{1,4}})\s*(?:[|•·–—]|-\s)"
    rf"|(?:[|•·–—]|\s-)\s*(?P<last>\d{{1,4}})\W*$"
    rf"|(?<![\w.,])(?P<part>\d{{1,4}})\s*{_OF}\s*(?P<whole>\d{{1,4}})\W*$",
    re.I,
)

Row = Sequence[Piece]


def running_keys(samples: Mapping[int, Sequence[Piece]], pages: int) -> frozenset[str]:
    """The keys of a document's running lines, from the pieces of some of its `pages` by their numbers."""
    shared: Counter[str] = Counter()
    for page, pieces in samples.items():
        rows = _rows(pieces)
        units = (unit for edge in _edges(rows) for index in edge for unit in _units(rows[index]))
        shared.update({key for unit in units for key in _keys(unit, page, pages)})
    share = _SHARE * sum(1 for pieces in samples.values() if pieces)
    least = {True: max(_PAGES_NUMBERED, share), False: max(_PAGES, share)}
    return frozenset(key for key, count in shared.items() if count >= least[key.startswith(_PAGED)])


def without_running(pieces: Sequence[Piece], page: int, pages: int, running: frozenset[str]) -> list[Piece]:
    """The pieces of a page without its running lines and its number; a page of nothing else keeps them."""
    rows = _rows(pieces)
    top, bottom = _edges(rows)
    drop: set[int] = set()
    for index, inner in [*((n, n + 1) for n in reversed(top)), *((n, n - 1) for n in bottom)]:
        found = _running_pieces(rows[index], page, pages, running)
        beside = [piece for piece in rows[inner] if id(piece) not in drop] if 0 <= inner < len(rows) else []
        if found and not _is_of_table(rows[index], beside):
            drop |= found
    return [piece for piece in pieces if id(piece) not in drop] or list(pieces)


def _running_pieces(row: Row, page: int, pages: int, running: frozenset[str]) -> set[int]:
    """The identities of a row's running pieces."""
    if len(row) == 1 and _NOTHING_ELSE.match(row[0].text) and (pages > 1 or _NAMED.match(row[0].text)):
        return {id(row[0])}
    return {id(piece) for unit in _units(row) if not running.isdisjoint(_keys(unit, page, pages)) for piece in unit}


def _is_of_table(row: Row, beside: Row) -> bool:
    """Whether a row is one of a table's with the row beside it, such as the header that a table has on every page."""
    if len(row) < 2 or len(beside) < 2 or any(_NAMED.search(piece.text) for piece in row):
        return False
    gap = max(row[0].y0, beside[0].y0) - min(row[0].y1, beside[0].y1)
    if gap > 1.2 * max(row[0].height, beside[0].height):
        return False
    alike = sum(any(piece.x0 < other.x1 and other.x0 < piece.x1 for other in beside) for piece in row)
    return alike * 3 >= 2 * len(row)


def _rows(pieces: Sequence[Piece]) -> list[list[Piece]]:
    found: list[list[Piece]] = []
    middle = float("-inf")
    for piece in sorted(pieces, key=lambda p: p.middle):
        if abs(piece.middle - middle) > 0.5 * max(piece.height, 1):
            found.append([])
            middle = piece.middle
        found[-1].append(piece)
    return found


def _edges(rows: Sequence[Row]) -> tuple[range, range]:
    """The first and the last rows of a page by their indices, at most a quarter of its rows at either end."""
    count = max(1, min(_EDGE_ROWS, len(rows) // 4))
    return range(min(count, len(rows))), range(max(len(rows) - count, count), len(rows))


def _units(row: Row) -> Iterator[list[Piece]]:
    """What may run along: each piece of a row, and the row as a whole ("Handbook" on the left, "Page 2" right)."""
    yield from ([piece] for piece in row)
    if len(row) > 1:
        yield sorted(row, key=lambda p: p.x0)


def _keys(unit: Row, page: int, pages: int) -> set[str]:
    """What a running line has in common with itself on other pages."""
    text = " ".join(piece.text for piece in unit).lower()
    keys = set(_paged(text, unit, page, pages))
    if len(unit) > 1:
        return keys
    text = text[:_LONG]
    keys |= {text, *_counted(text, page)}
    if len(text) <= _SHORT:
        keys.add(f"{_SECTION.sub('#', text)}@{round(unit[0].y0 / _NEAR)}")
    return keys


def _counted(text: str, page: int) -> Iterator[str]:
    """The text with each number, and with all numbers, told by how far they are from the page's."""
    numbers = [match for match in _NUMBER.finditer(text) if abs(int(match[0]) - page) <= _MAX_OFFSET]
    whole = text
    for match in reversed(numbers):
        mark = f"#{int(match[0]) - page:+d}"
        whole = whole[: match.start()] + mark + whole[match.end() :]
        yield text[: match.start()] + mark + text[match.end() :]
    yield whole


def _paged(text: str, unit: Row, page: int, pages: int) -> Iterator[str]:
    """Keys of a text with a page number in it, at its place. Beside the word "page" other numbers may be any."""
    named = _NAMED.search(text)
    marked = None if named else _MARKED.search(text)
    if named:
        number, words = int(named[1]), _NUMBER.sub("#", text)
    elif marked and (marked["whole"] is None or int(marked["whole"]) == pages):
        at = marked.lastgroup if marked["whole"] is None else "part"
        assert at is not None
        number, words = int(marked[at]), text[: marked.start(at)] + "#" + text[marked.end(at) :]
    else:
        return
    for shift in (0.0, 0.5):  # two grids, so that lines less than half a step apart share one
        spot = f"{number - page:+d}@{int(unit[0].y0 / _NEAR + shift) + shift}"
        yield f"{_PAGED}{spot} {words}"
        if named and len(text) <= _MIDDLING:
            yield f"{spot} {_PAGED}"
