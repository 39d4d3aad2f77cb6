"""A document's blocks under their heading paths, and where each block stands in the document's text."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from core.types import Block, Box, ParsedDocument

BETWEEN_BLOCKS = "\n\n"
LONGEST_HEADING = 300
"""A "heading" with more characters is a paragraph in large type."""
DEEPEST = 16
"""Headings below this level count as being on it; no format knows as many."""


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
    return min(max(block.level, 1), DEEPEST)


class Places:
    """Where the parts of blocks stand on their pages. A block's boxes are weighed once, however many parts it has."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = blocks
        self._edges: dict[int, Sequence[float]] = {}

    def of(self, index: int, start: int, end: int) -> tuple[int | None, tuple[Box, ...]]:
        """The page on which the part [start, end) of a block's text begins, and the boxes it lies in.

        A table with a box a row and a paragraph with a box a line are divided; which lines hold the part is estimated
        from their areas, with a line to spare on either side.
        """
        block = self._blocks[index]
        if len(block.boxes) < 2:
            return (block.boxes[0].page if block.boxes else block.page), block.boxes
        edges, count = self._edges_of(index), len(block.boxes)
        length = max(len(block.text), 1)
        first, last = start / length, end / length
        low = max(bisect_right(edges, first + 1e-9), 1) - 1  # the first box that ends behind the part's beginning
        high = min(bisect_left(edges, last + 1e-9), count)  # the one after the last that begins before its end
        if low >= high:
            return block.page, block.boxes
        spare = slice(max(low - (first > 0), 0), min(high + (last < 1), count))
        return block.boxes[low].page, block.boxes[spare]

    def _edges_of(self, index: int) -> Sequence[float]:
        """The shares of the boxes' whole area at which each of them begins, and 1."""
        if index not in self._edges:
            areas = [max((b.x1 - b.x0) * (b.y1 - b.y0), 1e-6) for b in self._blocks[index].boxes]
            whole = sum(areas)
            self._edges[index] = array("d", (edge / whole for edge in accumulate(areas, initial=0.0)))
        return self._edges[index]
