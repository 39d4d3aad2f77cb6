"""Chunks in the making: pieces of text put together, and the rows of tables under their headers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from core.types import Block, Box, ChunkKind
from ingestion.fit import Measure
from ingestion.outline import BETWEEN_BLOCKS, Places
from ingestion.pack import Overlap, pack
from ingestion.pieces import BETWEEN_CELLS, Piece, fitted

HEADER_SHARE = 2
"""A header that takes more than one part in this many of a chunk is shortened where its cells begin alike; a cell that
alone takes more is no header."""

LEAD_TOKENS = 12
"""A paragraph of at most this many tokens without a mark at its end reads like a heading, or "as follows"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A chunk without its number, its headings and its count of tokens."""

    text: str
    kind: ChunkKind
    page: int | None
    boxes: tuple[Box, ...]
    span: tuple[int, int]
    language: str
    sentences: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """What drafting needs of the document: its blocks, where they begin in its text and stand on its pages, and how
    tokens are counted."""

    blocks: Sequence[Block]
    offsets: Sequence[int]
    places: Places
    measure: Measure

    def text(self, piece: Piece) -> str:
        return self.blocks[piece.block].text[piece.start : piece.end]


def text_drafts(desk: Desk, run: Sequence[Piece], budget: int, overlap: Overlap) -> list[Draft]:
    """Whole sentences packed up to `budget` tokens, a sentence over it cut, each draft repeating the end of the one
    before."""
    run = fitted(run, [desk.blocks[piece.block].text for piece in run], budget, desk.measure)
    groups = pack([piece.tokens for piece in run], budget, overlap, [_end(desk, piece) for piece in run])
    return [_text(desk, run[first:last]) for first, last in groups]


def _end(desk: Desk, piece: Piece) -> int:
    """How good an end of a chunk a piece is: a paragraph's end is good; a line that leads to the next is bad."""
    text = desk.text(piece)
    leads = piece.start == 0 and piece.closes and piece.tokens <= LEAD_TOKENS and text[-1].isalnum()
    if text.endswith((":", "：")) or (leads and desk.blocks[piece.block].kind == "paragraph"):
        return -1
    return int(piece.closes)


def table_drafts(desk: Desk, rows: Sequence[Piece], caption: Sequence[Piece], budget: int) -> list[Draft]:
    """Whole rows packed up to `budget` tokens under the table's caption and header, both repeated in every draft.

    A row that does not fit beneath them is cut between its cells, each part beneath the header's cells of those
    columns; a cell that alone is too long is cut as a sentence is.
    """
    budget -= sum(piece.tokens for piece in caption)
    header = _header(desk, rows, budget)
    body = rows[1:] if header else rows
    names = _names(desk, header, budget) if header else []
    above = BETWEEN_CELLS.join(names)
    head = desk.measure([above])[0]
    drafts: list[Draft] = []
    for fits, group in groupby(body, key=lambda row: head + row.tokens <= budget):
        neighbours = list(group)
        if fits:
            for first, last in pack([row.tokens for row in neighbours], budget - head):
                drafts.append(_table(desk, neighbours[first:last], caption, above, header, first_draft=not drafts))
        else:
            for row in neighbours:
                for part, above_part in _row_parts(desk, row, names, budget):
                    drafts.append(_table(desk, [part], caption, above_part, header, first_draft=not drafts))
    return drafts


def _header(desk: Desk, rows: Sequence[Piece], budget: int) -> Piece | None:
    """The row to repeat; a "header" with a cell too long to stand above anything is a row like the others."""
    if len(rows) < 2 or not desk.blocks[rows[0].block].header:
        return None
    text = desk.blocks[rows[0].block].text
    longest = max(desk.measure([text[first:last] for first, last in rows[0].cells]), default=0)
    return rows[0] if longest * HEADER_SHARE <= budget else None


def _names(desk: Desk, header: Piece, budget: int) -> list[str]:
    """The header's cells; in a long header, words that several cells begin with are kept in the first of them only.

    Such words come from a cell that spans them all: "Year ended June 30, 2025 | Year ended June 30, 2024".
    """
    text = desk.blocks[header.block].text
    names = [text[first:last] for first, last in header.cells]
    if header.tokens * HEADER_SHARE <= budget:
        return names
    shortened = list(names)
    for i, (before, name) in enumerate(pairwise(names), start=1):
        left, right = before.split(), name.split()
        alike = next((n for n, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), len(left))
        if 0 < alike < len(right):
            shortened[i] = " ".join(right[alike:])
    return shortened


def _text(desk: Desk, group: Sequence[Piece]) -> Draft:
    parts: list[str] = []
    sentences: list[tuple[int, int]] = []
    boxes: list[Box] = []
    pages: list[int | None] = []
    position = 0
    for index, of_block in groupby(group, key=lambda piece: piece.block):
        pieces = list(of_block)
        first, last = pieces[0].start, pieces[-1].end
        sentences += [(position + piece.start - first, position + piece.end - first) for piece in pieces]
        parts.append(desk.blocks[index].text[first:last])
        position += last - first + len(BETWEEN_BLOCKS)
        page, places = desk.places.of(index, first, last)
        pages.append(page)
        boxes += places
    return Draft(
        text=BETWEEN_BLOCKS.join(parts),
        kind="text",
        page=pages[0],
        boxes=tuple(boxes),
        span=(desk.offsets[group[0].block] + group[0].start, desk.offsets[group[-1].block] + group[-1].end),
        language=_language(group),
        sentences=tuple(sentences),
    )


def _table(
    desk: Desk, rows: Sequence[Piece], caption: Sequence[Piece], above: str, header: Piece | None, *, first_draft: bool
) -> Draft:
    """Caption, a line of header cells and rows. The sentences are the rows; the caption is one only where it first
    stands."""
    lines = _text(desk, caption) if caption else None
    top = (lines.text + BETWEEN_BLOCKS if lines else "") + (above + "\n" if above else "")
    sentences = list(lines.sentences) if lines and first_draft else []
    position = len(top)
    for row in rows:
        sentences.append((position, position + row.end - row.start))
        position += row.end - row.start + 1
    # the first draft holds caption and header where they really stand; later ones only show them again
    begins = caption[0] if caption and first_draft else header if header and first_draft else rows[0]
    start = header.start if header and first_draft else rows[0].start
    page, boxes = desk.places.of(rows[0].block, start, rows[-1].end)
    if lines and first_draft:
        page, boxes = lines.page, lines.boxes + boxes
    return Draft(
        text=top + "\n".join(desk.text(row) for row in rows),
        kind="table",
        page=page,
        boxes=boxes,
        span=(desk.offsets[begins.block] + begins.start, desk.offsets[rows[-1].block] + rows[-1].end),
        language=_language([*caption, *rows]),
        sentences=tuple(sentences),
    )


def _row_parts(desk: Desk, row: Piece, names: Sequence[str], budget: int) -> list[tuple[Piece, str]]:
    """Parts of a row that fit into `budget` tokens, each with the header's cells to stand above it."""
    text = desk.blocks[row.block].text
    heads = desk.measure([*names, *[""] * (len(row.cells) - len(names))][: len(row.cells)])
    values = desk.measure([text[first:last] for first, last in row.cells])
    bar = desk.measure([BETWEEN_CELLS])[0] if len(row.cells) > 1 else 0
    parts: list[tuple[Piece, str]] = []
    for first, last in pack([v + h + 2 * bar for v, h in zip(values, heads, strict=True)], budget):
        above = BETWEEN_CELLS.join(names[first:last])
        part = Piece(
            block=row.block,
            start=row.cells[first][0],
            end=row.cells[last - 1][1],
            tokens=sum(values[first:last]) + bar * (last - first - 1),
            language=row.language,
            closes=row.closes and last == len(row.cells),
        )
        if text[part.start : part.end].strip(" |"):
            room = budget - (sum(heads[first:last]) + bar * (last - first - 1) if names else 0)
            parts += [(cut, above) for cut in fitted([part], [text], room, desk.measure)]
    return parts


def _language(group: Sequence[Piece]) -> str:
    lengths: Counter[str] = Counter()
    for piece in group:
        lengths[piece.language] += piece.end - piece.start
    return lengths.most_common(1)[0][0]
