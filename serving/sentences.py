"""What an extractive answer can be made of: the sentences and table rows of a request's sources, each once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from core.terms import squeezed, terms
from core.types import Source

CELL = " | "
"""What stands between the cells of a table's row."""
HEADING_CHARS = 120
"""Characters of a heading that are embedded with its sentences."""

_SENTENCE_END = re.compile(r"(?<=[.!?؟])[\"'”’»)\]]*\s+|(?<=[。！？])[”’」』）]*|\n{2,}")
_BROKEN_WORD = re.compile(r"(?<=[^\W\d_])[-\u2010]\s*\n\s*(?=[a-zäöüßà-öø-ÿ])")
_INVISIBLE = dict.fromkeys([0xAD, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""Soft hyphens, byte order marks and marks that turn the direction of writing."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line separators and halves of surrogate pairs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A sentence that could be said, and the terms it is judged by.

    `embedded` is the text behind its heading, without which "Up to 140 euros a night." means little. `sources` are
    the ids of all sources that contain it, the first one first. `position` orders candidates as they are read: the
    source's place, then the sentence's. `near` adds what gives a sentence its sense: the one before, the heading, a
    table's header; `around` adds the whole passage, its title and headings.
    """

    text: str
    embedded: str
    sources: tuple[str, ...]
    position: tuple[int, int]
    own: frozenset[str]
    near: frozenset[str]
    around: frozenset[str]


def candidates(sources: Sequence[Source], max_chars: int) -> list[Candidate]:
    """Every sentence and row once, in reading order, none longer than `max_chars`."""
    found: dict[str, Candidate] = {}
    for place, source in enumerate(sources):
        heading = bounded(_line(source.heading_path[-1]), HEADING_CHARS) if source.heading_path else ""
        pieces = list(_pieces(source))
        around = frozenset(terms(_line(" ".join([source.title, *source.heading_path])))).union(
            *(terms(part) for piece in pieces for part in (piece.text, piece.beside))
        )
        for number, piece in enumerate(pieces):
            key = squeezed(piece.text)
            if not key:
                continue
            if key in found:
                found[key] = _also(found[key], source.id)
                continue
            own = frozenset(terms(piece.text))
            text = bounded(piece.text, max_chars)
            found[key] = Candidate(
                text=text,
                embedded=f"{heading}: {text}" if heading else text,
                sources=(source.id,),
                position=(place, number),
                own=own,
                near=own | frozenset(terms(piece.beside)) | frozenset(terms(heading)),
                around=around | own,
            )
    return list(found.values())


def clean(text: str) -> str:
    """The text on one line: words broken at a line's end joined, control and direction marks gone."""
    text = _BROKEN_WORD.sub("", text).translate(_INVISIBLE)
    return _line(text)


def bounded(text: str, max_chars: int) -> str:
    """The text, cut after a word with an ellipsis where it is longer than `max_chars`."""
    if len(text) <= max_chars:
        return text
    cut = text[: max_chars - 1]
    space = cut.rfind(" ", max_chars // 2)
    return cut[: space if space > 0 else None].rstrip() + "…"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    text: str
    beside: str


def _also(candidate: Candidate, source: str) -> Candidate:
    if source in candidate.sources:
        return candidate
    return replace(candidate, sources=(*candidate.sources, source))


def _pieces(source: Source) -> Iterator[_Piece]:
    if source.kind == "table":
        yield from _rows(source)
        return
    before = ""
    for start, end in _spans(source):
        text = clean(source.text[start:end])
        if text:
            yield _Piece(text=text, beside=before)
            before = text


def _spans(source: Source) -> list[tuple[int, int]]:
    """The sentences' spans as the chunk has them; where it has none, cut at sentence marks."""
    length = len(source.text)
    given = [(start, end) for start, end in source.sentences if 0 <= start < end <= length]
    if given:
        return given
    ends = [match.end() for match in _SENTENCE_END.finditer(source.text)]
    return [pair for pair in zip([0, *ends], [*ends, length], strict=True) if pair[0] < pair[1]]


def _rows(source: Source) -> Iterator[_Piece]:
    """A table's rows, each value with the name of its column. Caption and header stand above the rows."""
    text = source.text
    spans = [(start, end) for start, end in source.sentences if 0 <= start < end <= len(text)]
    rows = [(start, end) for start, end in spans if CELL in text[start:end]] or spans
    if not rows:
        lines = [line for line in text.splitlines() if line.strip()]
        for line in lines:
            yield _Piece(text=_row(line, ""), beside="")
        return
    above = [line for line in text[: rows[0][0]].splitlines() if line.strip()]
    header = above[-1] if above and CELL in above[-1] else ""
    for start, end in spans:
        line = text[start:end]
        yield _Piece(text=_row(line, header if (start, end) in rows else ""), beside=clean(" ".join(above)))


def _row(line: str, header: str) -> str:
    """A row as a reader would say it: "Revenue — 2023: 1,234; 2022: 1,100"."""
    cells = [clean(cell) for cell in line.split(CELL.strip())]
    names = [clean(name) for name in header.split(CELL.strip())] if header else []
    if len(cells) < 2:
        return clean(line)
    if len(names) != len(cells):
        return "; ".join(cell for cell in cells if cell)
    label, rest = cells[0], list(zip(names[1:], cells[1:], strict=True))
    values = "; ".join(f"{name}: {cell}" if name and name != cell else cell for name, cell in rest if cell)
    first = f"{names[0]}: {label}" if names[0] and label else label
    return f"{first} — {values}" if first and values else first or values


def _line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())
