"""A piece: a stretch of text on one line, such as a line of prose or a cell of a table.

MuPDF ends a line where a wide gap begins, so one visual row of a table arrives as several of its lines, in the order in
which the file paints them. That order (`seq`) later tells columns of prose from rows of a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from unicodedata import normalize

from core.types import Box

_BOLD, _ITALIC = 16, 2
_BOLD_NAME = re.compile(r"bold|black|heavy|semibd|demi", re.I)
_SPACES = re.compile(r"[\s\u00a0\u2000-\u200b\u202f\u3000\ufeff]+")
_FORMS = re.compile("[\ufb00-\ufdff\ufe70-\ufefc]")  # ligatures and Arabic letters by their shape, not their meaning
_CURRENCY: Final = frozenset({"$", "€", "£", "¥", "US$", "C$", "A$", "($", "(€", "(£"})


@dataclass(slots=True)
class Piece:
    """Text with its rectangle, in points from the top left of the page turned so that its text reads left to right.

    `box` is the rectangle on the page as it is shown; the two differ only where text was set sideways.
    """

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    bold: bool
    italic: bool
    seq: int
    box: tuple[float, float, float, float]

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def middle(self) -> float:
        return (self.y0 + self.y1) / 2


def pieces_of(blocks: Sequence[Mapping[str, Any]], width: float, height: float) -> list[Piece]:
    """The pieces of a page, from the `blocks` of MuPDF's structured text ("dict" format) and the page's size.

    Where most text on the page is set sideways the coordinates are turned with it.
    """
    upright: list[Piece] = []
    turned: dict[int, list[Piece]] = {}
    for block in blocks:
        for line in block.get("lines", ()):
            dx, dy = line["dir"]
            turn = 0 if abs(dy) < 0.5 and dx > 0 else 90 if dy < -0.5 else 270 if dy > 0.5 else 180
            into = upright if turn == 0 else turned.setdefault(turn, [])
            _add_line(line["spans"], into, turn, width, height)
    for turn, pieces in turned.items():
        if len(pieces) > len(upright) + sum(len(other) for key, other in turned.items() if key != turn):
            return pieces
    for pieces in turned.values():  # a stamp in the margin: read, after everything else
        for piece in pieces:
            piece.x0, piece.y0, piece.x1, piece.y1 = piece.box
            piece.seq += len(upright)
            upright.append(piece)
    return upright


def _add_line(spans: Sequence[Mapping[str, Any]], into: list[Piece], turn: int, width: float, height: float) -> None:
    current: Piece | None = None
    longest = 0
    spaced = False
    for span in spans:
        raw = span["text"]
        text = _SPACES.sub(" ", raw).strip()
        if not text.isascii() and _FORMS.search(text):
            text = normalize("NFKC", text)
        if not text:
            spaced = True
            continue
        x0, y0, x1, y1 = span["bbox"]
        size = span["size"]
        if not (x0 == x0 and y0 == y0 and -20_000 < x0 <= x1 < 20_000 and -20_000 < y0 <= y1 < 20_000):
            continue  # not a number, or nowhere near a page
        bold, italic = _style(span["font"], span["flags"])
        box = (x0, y0, x1, y1)
        x0, y0, x1, y1 = box if turn == 0 else _turn(box, turn, width, height)
        if turn == 0 and len(raw) != len(text):  # blanks painted before or after belong to no word
            x0, x1 = _without_blanks(raw, x0, x1)
        gap = x0 - current.x1 if current is not None else 0.0
        if (
            current is None
            or gap > 1.5 * max(size, 4)
            or (text in _CURRENCY and current.text[-1:].isdigit() and spaced)
        ):
            current = Piece(text, x0, y0, x1, y1, size, bold, italic, len(into), box)
            longest = len(text)
            into.append(current)
        else:
            blank = spaced or gap > 0.2 * size or raw[:1].isspace()
            marks_only = not any(map(str.isalnum, current.text))  # a bullet's letters are not the item's
            current.text += (" " if blank else "") + text
            current.x1, current.y0, current.y1 = max(current.x1, x1), min(current.y0, y0), max(current.y1, y1)
            a, b = current.box, box
            current.box = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
            current.bold = bold and (current.bold or marks_only)
            current.italic = italic and (current.italic or marks_only)
            if len(text) > longest:
                longest, current.size = len(text), size
        spaced = raw[-1:].isspace() or raw[-1:] == "\u00a0"


def _without_blanks(raw: str, x0: float, x1: float) -> tuple[float, float]:
    each = (x1 - x0) / max(len(raw), 1) * 0.6  # blanks are narrow
    before, after = len(raw) - len(raw.lstrip()), len(raw) - len(raw.rstrip())
    return min(x0 + before * each, x1), max(x1 - after * each, x0)


def _turn(
    box: tuple[float, float, float, float], turn: int, width: float, height: float
) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = box
    if turn == 90:  # reads upwards
        return height - y1, x0, height - y0, x1
    if turn == 270:  # reads downwards
        return y0, width - x1, y1, width - x0
    return width - x1, height - y1, width - x0, height - y0


@lru_cache(maxsize=4096)
def _style(font: str, flags: int) -> tuple[bool, bool]:
    name = font.lower()
    return bool(flags & _BOLD or _BOLD_NAME.search(name)), bool(
        flags & _ITALIC or "italic" in name or "oblique" in name
    )


def union(pieces: Sequence[Piece], page: int) -> Box:
    """The rectangle around pieces, as the page is shown."""
    return Box(
        page=page,
        x0=min(p.box[0] for p in pieces),
        y0=min(p.box[1] for p in pieces),
        x1=max(p.box[2] for p in pieces),
        y1=max(p.box[3] for p in pieces),
    )
