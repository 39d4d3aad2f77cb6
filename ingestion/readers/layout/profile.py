"""What is usual in a document: its body text, its headings' styles, the lines that run along on every page, its words.

Learnt from a sample of pages before the first one is laid out, so that pages can go out one by one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ingestion.readers.layout.pieces import Piece
from ingestion.readers.layout.running import running_keys, without_running

Style = tuple[float, bool, bool, bool]
"""Size in half points, capitals, bold, upright: the greater, the higher the heading."""

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
        return without_running(pieces, page, self.pages, self.running)

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
    words: set[str] = set()
    for pieces in samples.values():
        for piece in pieces:
            weights[round(piece.size * 2) / 2, piece.bold] += len(piece.text)
            words.update(word.lower() for word in _WORD.findall(piece.text))
    sizes: Counter[float] = Counter()
    for (size, _), weight in weights.items():
        sizes[size] += weight
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    total = sum(weights.values())
    return Profile(
        body_size=body,
        body_bold=sum(weight for (_, bold), weight in weights.items() if bold) > 0.5 * total,
        running=running_keys(samples, pages),
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
