"""What is usual in a document: its body text, its headings' styles, the lines that run along on every page, its words.

Learnt from a sample of pages before the first one is laid out, so that pages can go out one by one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ingestion.readers.layout.pieces import Piece

Style = tuple[float, bool, bool, bool]
"""Size in half points, capitals, bold, upright: the greater, the higher the heading."""

_EDGE_ROWS = 3  # at the top and at the bottom of a page, where running lines may stand
_MAX_OFFSET = 50  # between the number printed on a page and its place in the file
_SHORT = 25  # characters of the name of a part or a chapter above a page
_SECTION = re.compile(r"\b(?:\d{1,2}[a-z]?|[ivxl]{1,5})\b")
_NUMBER = re.compile(r"(?<!\d)\d{1,4}(?!\d)")
_PAGE_NUMBER = re.compile(
    r"^(?:page\s*)?[-–—|\s]*(?:\d{1,4}|[ivxl]{1,7})[-–—|\s]*(?:(?:of|/)\s*\d{1,4})?[-–—|\s]*$", re.I
)
_WORD = re.compile(r"[^\W\d_]+(?:[-‐][^\W\d_]+)*")


def style_of(text: str, size: float, bold: bool, italic: bool) -> Style:
    """The style of a heading."""
    return round(size * 2) / 2, text.isupper(), bold, not italic


@dataclass(kw_only=True)
class Profile:
    """See `learn`. `outline` maps (page, heading in lower case) to its level where the document has an outline."""

    body_size: float = 0.0
    body_bold: bool = False
    running: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    styles: tuple[Style, ...] = ()
    outline: Mapping[tuple[int, str], int] = field(default_factory=dict)
    pages: int = 1

    def without_running(self, pieces: Sequence[Piece], page: int) -> list[Piece]:
        """The pieces of a page without its running lines and its number; a page of nothing else keeps them."""
        if self.pages < 2:
            return list(pieces)
        drop = {
            id(piece)
            for piece in _edge_pieces(pieces)
            if not self.running.isdisjoint(_keys(piece, page))
            or (_PAGE_NUMBER.match(piece.text) and _alone(piece, pieces))
        }
        return [piece for piece in pieces if id(piece) not in drop] or list(pieces)

    def level(self, page: int, text: str, style: Style) -> int:
        """The depth of a heading, from 1: by the outline if it is there, else by its style's rank."""
        found = self.outlined(page, text)
        if found:
            return found
        rank = 1 + sum(other > style for other in self.styles)
        below = max(self.outline.values(), default=0) if self.outline else 0
        return min(rank + below, 6)

    def outlined(self, page: int, text: str) -> int:
        """The heading's level in the document's outline; 0 where it is not in there."""
        if not self.outline:
            return 0
        key = _plain(text)
        return next((self.outline[at, key] for at in (page, page - 1, page + 1) if (at, key) in self.outline), 0)


def learn(samples: Mapping[int, Sequence[Piece]], pages: int) -> Profile:
    """A profile from the pieces of some pages by their numbers; `pages` is how many the document has."""
    weights: Counter[tuple[float, bool]] = Counter()
    running: Counter[str] = Counter()
    words: set[str] = set()
    for page, pieces in samples.items():
        for piece in pieces:
            weights[round(piece.size * 2) / 2, piece.bold] += len(piece.text)
            words.update(word.lower() for word in _WORD.findall(piece.text))
        running.update({key for piece in _edge_pieces(pieces) for key in _keys(piece, page)})
    full = sum(1 for pieces in samples.values() if pieces)
    enough = max(3, 0.4 * full)
    sizes: Counter[float] = Counter()
    for (size, _), weight in weights.items():
        sizes[size] += weight
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    total = sum(weights.values())
    return Profile(
        body_size=body,
        body_bold=sum(weight for (_, bold), weight in weights.items() if bold) > 0.5 * total,
        running=frozenset(key for key, count in running.items() if count >= enough),
        words=frozenset(words),
        pages=pages,
    )


def outline_of(entries: Iterable[Sequence[object]]) -> dict[tuple[int, str], int]:
    """The outline from entries of level, title and page, as PDF libraries give them."""
    found: dict[tuple[int, str], int] = {}
    for level, title, page, *_ in entries:
        if isinstance(level, int) and isinstance(page, int) and isinstance(title, str) and _plain(title):
            found.setdefault((page, _plain(title)), max(1, min(level, 6)))
    return found


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.lower())) or " ".join(text.lower().split())


def _keys(piece: Piece, page: int) -> set[str]:
    """What a running line has in common with itself on other pages.

    That is its words, or those and numbers that count with the pages, or its place and those without "II" and "Item 8".
    """

    def count(match: re.Match[str]) -> str:
        off = int(match[0]) - page
        return f"#{off:+d}" if abs(off) <= _MAX_OFFSET else match[0]

    text = piece.text.lower()[:120]
    keys = {text, _NUMBER.sub(count, text)}
    if len(text) <= _SHORT:
        keys.add(f"{_SECTION.sub('#', text)}@{round(piece.y0 / 8)}")
    return keys


def _edge_pieces(pieces: Sequence[Piece]) -> list[Piece]:
    """What stands in the first and last rows of a page, at most a quarter of its rows at either end."""
    found: list[list[Piece]] = []
    middle = float("-inf")
    for piece in sorted(pieces, key=lambda p: p.middle):
        if abs(piece.middle - middle) > 0.5 * max(piece.height, 1):
            found.append([])
            middle = piece.middle
        found[-1].append(piece)
    count = max(1, min(_EDGE_ROWS, len(found) // 4))
    return [piece for row in [*found[:count], *found[-count:]] for piece in row]


def _alone(piece: Piece, pieces: Sequence[Piece]) -> bool:
    return not any(other is not piece and abs(other.middle - piece.middle) < 0.5 * piece.height for other in pieces)
