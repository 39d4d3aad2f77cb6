"""What chunks are packed from: sentences of text, lines of code and rows of tables, each with its tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.types import Block
from ingestion import fit, language, sentences
from ingestion.deadline import NEVER, Deadline
from ingestion.outline import Section

BETWEEN_CELLS = " | "
_LINE = re.compile(r"[^\n]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """The part [start, end) of a block's text that is not to be divided: a sentence, a line or a table's row.

    `closes` says that the block ends with it. `cells` are the spans of a row's cells in the block's text.
    """

    block: int
    start: int
    end: int
    tokens: int
    language: str
    closes: bool
    cells: tuple[tuple[int, int], ...] = ()


def pieces(
    blocks: Sequence[Block],
    outline: Sequence[Section],
    measure: fit.Measure,
    default_language: str,
    deadline: Deadline = NEVER,
) -> dict[int, list[Piece]]:
    """The pieces of every block of the outline, by the block's index. Tokens are counted in one call.

    Raises `ParserLimit` after the deadline.
    """
    order = [index for section in outline for index in section.blocks]
    languages = _languages(blocks, outline, default_language)
    prose = [index for index in order if blocks[index].kind not in ("code", "table")]
    texts = [blocks[index].text for index in prose]
    spans = dict(zip(prose, sentences.split(texts, [languages[i] for i in prose], deadline), strict=True))
    cells: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
    for index in order:
        if blocks[index].kind == "table":
            rows = _rows(blocks[index])
            spans[index] = [(row[0][0], row[-1][1]) for row in rows]
            cells |= {(index, row[0][0]): row for row in rows}
        elif blocks[index].kind == "code":
            spans[index] = _lines(blocks[index].text)
    counts = iter(measure([blocks[index].text[first:last] for index in order for first, last in spans[index]]))
    return {
        index: [
            Piece(
                block=index,
                start=first,
                end=last,
                tokens=next(counts),
                language=languages[index],
                closes=number == len(spans[index]),
                cells=cells.get((index, first), ()),
            )
            for number, (first, last) in enumerate(spans[index], start=1)
        ]
        for index in order
    }


def fitted(found: Sequence[Piece], block_text: Sequence[str], budget: int, measure: fit.Measure) -> list[Piece]:
    """The same pieces, those over `budget` tokens cut into several. `block_text[i]` is the text of piece i's block."""
    result: list[Piece] = []
    for piece, text in zip(found, block_text, strict=True):
        if piece.tokens <= budget:
            result.append(piece)
            continue
        spans = fit.cut(text, (piece.start, piece.end), budget, measure)
        counts = measure([text[first:last] for first, last in spans])
        result += [
            replace(piece, start=first, end=last, tokens=count, closes=piece.closes and last == piece.end, cells=())
            for (first, last), count in zip(spans, counts, strict=True)
        ]
    return result


def _languages(blocks: Sequence[Block], outline: Sequence[Section], default: str) -> dict[int, str]:
    """Each block's language. Tables and code follow the prose around them; names and figures would only mislead."""
    order = [(group, index) for group, section in enumerate(outline) for index in section.blocks]
    prose = any(blocks[index].kind not in ("code", "table") for _, index in order)
    texts = [blocks[i].text if not prose or blocks[i].kind not in ("code", "table") else "" for _, i in order]
    found = language.assign(texts, [group for group, _ in order], default)
    return {index: each for (_, index), each in zip(order, found, strict=True)}


def _lines(code: str) -> list[tuple[int, int]]:
    """The spans of every line without the white space at its end; empty lines are left out."""
    lines = ((match.start(), match[0].rstrip()) for match in _LINE.finditer(code))
    return [(start, start + len(line)) for start, line in lines if line]


def _rows(table: Block) -> list[tuple[tuple[int, int], ...]]:
    """The spans of every row's cells in the table's text; empty rows are left out."""
    rows: Sequence[Sequence[str]] = table.rows
    if "\n".join(BETWEEN_CELLS.join(row) for row in rows) != table.text:
        rows = [line.split(BETWEEN_CELLS) for line in table.text.split("\n")]
    found: list[tuple[tuple[int, int], ...]] = []
    position = 0
    for row in rows:
        spans: list[tuple[int, int]] = []
        for cell in row:
            spans.append((position, position + len(cell)))
            position += len(cell) + len(BETWEEN_CELLS)
        position += 1 - len(BETWEEN_CELLS) if row else 1
        if any(cell.strip() for cell in row):
            found.append(tuple(spans))
    return found
