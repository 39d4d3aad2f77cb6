"""A document's blocks under their heading paths, and where each block stands in the document's text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from core.types import Block, Box, ParsedDocument

BETWEEN_BLOCKS = "\n\n"
LONGEST_HEADING = 300
"""A "heading" with more characters is a paragraph in large type."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Blocks, by their indices, that stand under one heading path with no heading between them."""

    path: tuple[str, ...]
    blocks: tuple[int, ...]


def document_text(document: ParsedDocument) -> str:
    """The text that `Chunk.span` counts in: the blocks' texts joined by blank lines."""
    return BETWEEN_BLOCKS.join(block.text for block in document.blocks)


def offsets(blocks: Sequence[Block]) -> list[int]:
    """Where each block begins in the document's text."""
    return list(accumulate((len(block.text) + len(BETWEEN_BLOCKS) for block in blocks), initial=0))[:-1]


def sections(blocks: Sequence[Block]) -> list[Section]:
    """The document's sections in reading order; blocks without text are left out.

    A heading with nothing under it, neither text nor a deeper heading, is text itself, under the headings above it;
    several such headings in a row make one section. So no word of the document is lost.
    """
    used = [index for index, block in enumerate(blocks) if block.text.strip()]
    stack: list[int] = []  # the headings above, outermost first
    found: list[tuple[tuple[int, ...], bool, list[int]]] = []
    for index, following in zip(used, [*used[1:], None], strict=False):
        block = blocks[index]
        lonely = False
        if _is_heading(block):
            while stack and _level(blocks[stack[-1]]) >= _level(block):
                stack.pop()
            below = None if following is None else blocks[following]
            lonely = below is None or (_is_heading(below) and _level(below) <= _level(block))
            if not lonely:
                stack.append(index)
                continue
        if found and found[-1][:2] == (tuple(stack), lonely):
            found[-1][2].append(index)
        else:
            found.append((tuple(stack), lonely, [index]))
    return [
        Section(path=tuple(" ".join(blocks[index].text.split()) for index in path), blocks=tuple(body))
        for path, _, body in found
    ]


def _is_heading(block: Block) -> bool:
    return block.kind == "heading" and len(block.text) <= LONGEST_HEADING


def _level(block: Block) -> int:
    return max(block.level, 1)


def place(block: Block, start: int, end: int) -> tuple[int | None, tuple[Box, ...]]:
    """The page on which the part [start, end) of a block's text begins, and the boxes it lies in.

    A table with a box a row and a paragraph with a box a line are divided; which lines hold the part is estimated from
    their areas, with a line to spare on either side.
    """
    if len(block.boxes) < 2:
        return (block.boxes[0].page if block.boxes else block.page), block.boxes
    areas = [max((box.x1 - box.x0) * (box.y1 - box.y0), 1e-6) for box in block.boxes]
    edges = [edge / sum(areas) for edge in accumulate(areas, initial=0.0)]
    length = max(len(block.text), 1)
    first, last = start / length, end / length
    inside = [i for i in range(len(areas)) if edges[i] < last + 1e-9 and edges[i + 1] > first + 1e-9]
    if not inside:
        return block.page, block.boxes
    spare = range(max(inside[0] - (first > 0), 0), min(inside[-1] + 1 + (last < 1), len(areas)))
    return block.boxes[inside[0]].page, tuple(block.boxes[i] for i in spare)
