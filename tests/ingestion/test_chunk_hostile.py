"""Documents whose text was made to take for ever, or to fill the memory: cut like others, or refused in one sentence.

Most of these took minutes to hours, or gigabytes, before they were bounded; the suite's time limit is what fails them.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Sequence

import pytest

from core.errors import ParserLimit
from core.ports import TokenCounter
from core.types import Block, BlockKind, Box, Chunk, ParsedDocument
from ingestion import fit, sentences
from ingestion.chunk import chunk
from ingestion.chunk_settings import ChunkSettings
from ingestion.deadline import Deadline
from ingestion.outline import DEEPEST, Places, document_text, sections

SIZE = 66_000


class Frugal:
    """Counts what is counted: the tokenizer's record of a text takes hundreds of times the text's own memory."""

    def __init__(self, tokens: TokenCounter) -> None:
        self._tokens = tokens
        self.max_tokens = tokens.max_tokens
        self.characters = self.most = 0

    def count(self, texts: Sequence[str]) -> list[int]:
        size = sum(map(len, texts))
        self.characters += size
        self.most = max(self.most, size)
        return self._tokens.count(texts)


def document(*blocks: Block) -> ParsedDocument:
    return ParsedDocument(media_type="text/plain", blocks=blocks)


def paragraph(text: str) -> Block:
    return Block(kind="paragraph", text=text)


def boxes(count: int) -> tuple[Box, ...]:
    return tuple(Box(page=1 + n // 40, x0=0, y0=n % 40, x1=10, y1=n % 40 + 1) for n in range(count))


def table(rows: int, columns: int, *, boxed: bool = False) -> Block:
    cells = tuple(tuple(f"r{row} c{column}" for column in range(columns)) for row in range(rows))
    text = "\n".join(" | ".join(row) for row in cells)
    return Block(kind="table", text=text, rows=cells, header=True, boxes=boxes(rows) if boxed else ())


def lines() -> dict[str, str]:
    return {
        "letters": "a" * SIZE,
        "base64": base64.b64encode(random.Random(1).randbytes(SIZE * 3 // 4)).decode(),
        "signs": "abc,1.;x" * (SIZE // 8),
        "dots": "." * SIZE,
        "han": "字" * SIZE,
        "han with marks": "字文。" * (SIZE // 3),
        "words": "word " * (SIZE // 5),
        "commas": "w, " * (SIZE // 3),
        "letters and dots": "a. " * (SIZE // 3),
        "lines": "a\n" * (SIZE // 2),
        "numbers": "1. " * (SIZE // 3),
        "smileys": "So. " + "🙂" * SIZE,
        "accents": "e" + "\u0301" * SIZE,
        "ligatures": "\ufdfa" * SIZE,
        "colons": "So. " + "a:b" * (SIZE // 3),
        "bullets": "• a " * (SIZE // 4),
        "quotes": '." ' * (SIZE // 3),
    }


@pytest.mark.parametrize("name", lines())
def test_one_endless_line(name: str, tokens: TokenCounter) -> None:
    text, frugal = lines()[name], Frugal(tokens)
    kind: BlockKind = "code" if name in ("signs", "words", "lines") else "paragraph"
    chunks = chunk(document(Block(kind=kind, text=text)), "T", frugal, ChunkSettings())
    assert all(each.tokens <= tokens.max_tokens for each in chunks)
    assert frugal.most <= 300_000
    assert frugal.characters <= 12 * len(text)
    assert complete(text, chunks)


def test_white_space_without_end(tokens: TokenCounter) -> None:
    (only,) = chunk(document(paragraph("one" + " " * SIZE + "two")), "T", tokens, ChunkSettings())
    assert [only.text[first:last] for first, last in only.sentences] == ["one", "two"]


def complete(text: str, chunks: Sequence[Chunk]) -> bool:
    """Whether every character that is not white space stands in a chunk."""
    end = 0
    for each in sorted(chunks, key=lambda one: one.span):
        if text[end : max(each.span[0], end)].strip():
            return False
        end = max(end, each.span[1])
    return not text[end:].strip()


Make = Callable[[], Sequence[Block]]
CROWDS: dict[str, Make] = {
    "tiny paragraphs": lambda: [paragraph("a")] * 20_000,
    "tiny sentences": lambda: [paragraph("Ok? 1.")] * 5_000,
    "headings one below the other": lambda: [
        each for n in range(4_000) for each in (Block(kind="heading", text=f"H{n}", level=n + 1), paragraph("Text."))
    ],
    "headings only": lambda: [Block(kind="heading", text=f"H{n}", level=n + 1) for n in range(20_000)],
    "tables with a word between": lambda: [each for _ in range(5_000) for each in (paragraph("Short."), table(2, 2))],
    "a table with a box a row": lambda: [table(15_000, 2, boxed=True)],
    "a row without end": lambda: [table(3, 8_000)],
    "a paragraph with a box a line": lambda: [
        Block(kind="paragraph", text="A sentence of six words here. " * 3_000, boxes=boxes(20_000))
    ],
    "scripts in turn": lambda: [paragraph("Привет мир" if n % 2 else "hello world") for n in range(5_000)],
}


@pytest.mark.parametrize("name", CROWDS)
def test_crowds_of_blocks(name: str, tokens: TokenCounter) -> None:
    made = document(*CROWDS[name]())
    chunks = chunk(made, "T", tokens, ChunkSettings())
    assert all(each.tokens <= tokens.max_tokens for each in chunks)
    assert all(len(each.heading_path) <= DEEPEST for each in chunks)
    said = sum(len(each.text) for each in chunks)
    assert said >= len("".join(document_text(made).split())) * (0 if "heading" in name else 0.9)


def test_a_title_without_end_is_looked_at_no_further(tokens: TokenCounter) -> None:
    blocks = [each for n in range(500) for each in (Block(kind="heading", text=f"H{n}", level=1), paragraph("Text."))]
    long = chunk(document(*blocks), "title " * 200_000, tokens, ChunkSettings())
    assert long == chunk(document(*blocks), "title " * 200, tokens, ChunkSettings())


def test_a_word_with_boxes_without_end_keeps_some(tokens: TokenCounter) -> None:
    (only,) = chunk(document(Block(kind="paragraph", text="word", boxes=boxes(50_000))), "T", tokens, ChunkSettings())
    assert only.boxes == boxes(2_000)


@pytest.mark.parametrize("blocks", [[paragraph("One. Two. " * 500)], [table(500, 3)], [paragraph("a" * SIZE)]])
def test_too_long_is_one_clear_error(blocks: Sequence[Block], tokens: TokenCounter) -> None:
    with pytest.raises(ParserLimit, match="took too long"):
        chunk(document(*blocks), "T", tokens, ChunkSettings(), seconds=1e-9)


def test_the_time_is_looked_at_while_sentences_are_sought() -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1
        return now

    with pytest.raises(ParserLimit):
        sentences.split(["One. Two. " * 10_000], ["en"], Deadline(2.5, clock))
    assert now < 6


# ---- what was made quick is still the same ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_parts_of_blocks_are_placed_as_their_definition_says(seed: int) -> None:
    draw = random.Random(seed)
    found = tuple(
        Box(page=n // 3, x0=0, y0=n, x1=draw.choice([0, 1, 5.5]), y1=n + draw.random())
        for n in range(draw.randint(2, 12))
    )
    block = Block(kind="paragraph", text="x" * draw.randint(1, 50), boxes=found, page=7)
    places = Places([block])
    areas = [max((box.x1 - box.x0) * (box.y1 - box.y0), 1e-6) for box in found]
    edges = [sum(areas[:n]) / sum(areas) for n in range(len(areas) + 1)]
    for start in range(len(block.text)):
        for end in range(start + 1, len(block.text) + 1):
            first, last = start / len(block.text), end / len(block.text)
            inside = [n for n in range(len(areas)) if edges[n] < last + 1e-9 and edges[n + 1] > first + 1e-9]
            page, held = places.of(0, start, end)
            assert page == found[inside[0]].page
            assert set(held) >= {found[n] for n in inside}
            assert len(held) <= len(inside) + 2


def test_windows_divide_at_white_space_and_lose_nothing() -> None:
    draw = random.Random(3)
    for unit in ("word ", "字", "a" * 70 + "\n", "x" * 31_900 + "  "):
        text = unit * (draw.randint(70_000, 200_000) // len(unit))
        spans = fit.windows(text, (0, len(text)))
        assert max(last - first for first, last in spans) <= fit.LONGEST
        if unit != "字":
            assert " ".join(text[first:last] for first, last in spans).split() == text.split()
        assert "".join("".join(text[slice(*span)].split()) for span in spans) == "".join(text.split())
    assert fit.windows("  short ", (1, 8)) == [(1, 8)]


def test_a_heading_deeper_than_any_format_knows_counts_as_the_deepest() -> None:
    blocks = [Block(kind="heading", text=f"H{n}", level=n) for n in range(1, 40)]
    (*_, last) = sections([*blocks, paragraph("Text.")])
    assert last.path == (*(f"H{n}" for n in range(1, DEEPEST)), "H39")
