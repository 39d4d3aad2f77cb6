"""A parsed document cut into chunks: whole sentences under one heading path, whole rows under their table's header.

Sections (blocks under one heading path) are cut on their own, so no chunk crosses a heading. Within a section,
sentences are packed to the embedder's own count of tokens and neighbours overlap by whole sentences; tables, whose
chunks repeat their header instead, stand beside the text around them. Grouping paragraphs under headings is what
repays its cost in retrieval; semantic chunking does not (Qu et al., "Is Semantic Chunking Worth the Computational
Cost?", 2024).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from math import inf
from typing import TypeVar

from core.ports import TokenCounter
from core.types import Chunk, ParsedDocument
from ingestion.chunk_settings import ChunkSettings
from ingestion.context import context
from ingestion.counting import counter
from ingestion.deadline import Deadline
from ingestion.drafts import Desk, Draft, table_drafts, text_drafts
from ingestion.outline import Places, Section, offsets, sections
from ingestion.pack import Overlap
from ingestion.pieces import Piece, pieces

VERSION = 2
"""Raised whenever the same document would give other chunks, so that what was cut before is known to be old."""

T = TypeVar("T")

Found = Mapping[int, Sequence[Piece]]
"""The pieces of every block, by the block's index."""

LEAST_ROOM = 16
"""Tokens that a chunk's text may always have, however long title and headings are."""
CAPTION_TOKENS = 48
"""Short lines of up to this many tokens together, right above a table, are its caption and repeated with its header."""
SMALL = 4
"""Text between two tables that is less than one part in this many of a chunk joins the text beyond the table."""
REPAIRS = 8
MOST_BOXES = 2_000
"""Places of one chunk on its pages; a line or a row each, hardly any chunk has a hundred."""


def embedded_text(title: str, chunk: Chunk) -> str:
    """What is embedded and indexed of a chunk: one line of title › heading path, then the text that is shown."""
    line = context(title, chunk.heading_path)
    return f"{line}\n{chunk.text}" if line else chunk.text


def chunk(
    document: ParsedDocument, title: str, tokens: TokenCounter, settings: ChunkSettings, seconds: float = inf
) -> list[Chunk]:
    """The document's chunks in reading order; the same document gives the same chunks.

    No chunk's embedded text has more tokens than `settings.limit(tokens.max_tokens)`, unless title and headings leave
    fewer than `LEAST_ROOM` of them. A document without text gives no chunks. Raises `ParserLimit` where it takes longer
    than `seconds`.
    """
    deadline = Deadline(seconds)
    outline = sections(document.blocks)
    if not outline:
        return []
    blocks, measure = document.blocks, counter(tokens, deadline)
    desk = Desk(blocks=blocks, offsets=offsets(blocks), places=Places(blocks), measure=measure)
    found = pieces(blocks, outline, measure, settings.language, deadline)
    overlap = Overlap(least=settings.overlap_min, most=settings.overlap_max)
    limit = settings.limit(tokens.max_tokens)
    budgets = [limit - count for count in _contexts(outline, title, tokens)]
    done: dict[int, list[Chunk]] = {}
    todo = list(range(len(outline)))
    for _ in range(REPAIRS):
        for number in todo:
            deadline.check()
            budget = max(budgets[number], LEAST_ROOM)
            done[number] = [
                _chunk(outline[number], draft) for draft in _drafts(desk, found, outline[number], budget, overlap)
            ]
        _count(done, todo, title, tokens)
        # joined sentences can, with some tokenizers, make more tokens than they did apart
        over = {number: max((each.tokens for each in done[number]), default=0) - limit for number in todo}
        todo = [number for number in todo if over[number] > 0 and budgets[number] > LEAST_ROOM]
        if not todo:
            break
        for number in todo:
            budgets[number] -= over[number]
    chunks = sorted((each for number in done for each in done[number]), key=lambda each: each.span)
    return [replace(each, ordinal=ordinal) for ordinal, each in enumerate(chunks)]


def chunk_fingerprint(settings: ChunkSettings) -> str:
    """Changes whenever the chunks of a document might: this room's version, the settings, spaCy's rules.

    The embedder, whose limit and tokens count as well, has a fingerprint of its own.
    """
    spacy = ".".join(version("spacy").split(".")[:2])  # a patch release leaves the rules alone
    facts = f"{VERSION} {spacy} {settings.model_dump_json()}"
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def _contexts(outline: Sequence[Section], title: str, tokens: TokenCounter) -> Iterator[int]:
    """The tokens of what stands before every section's texts."""
    for some in _some(outline):
        yield from tokens.count([context(title, section.path) for section in some])


def _count(done: dict[int, list[Chunk]], numbers: Sequence[int], title: str, tokens: TokenCounter) -> None:
    """Writes the tokens of their embedded texts into the chunks of the given sections."""
    for some in _some([(number, place) for number in numbers for place in range(len(done[number]))]):
        counts = tokens.count([embedded_text(title, done[number][place]) for number, place in some])
        for (number, place), count in zip(some, counts, strict=True):
            done[number][place] = replace(done[number][place], tokens=count)


def _some(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items, few enough at a time that what is made of them takes little memory."""
    for start in range(0, len(items), 1_024):
        yield items[start : start + 1_024]


def _chunk(section: Section, draft: Draft) -> Chunk:
    return Chunk(
        ordinal=0,
        text=draft.text,
        kind=draft.kind,
        page=draft.page,
        boxes=draft.boxes[:MOST_BOXES],
        span=draft.span,
        heading_path=section.path,
        language=draft.language,
        sentences=draft.sentences,
    )


def _drafts(desk: Desk, found: Found, section: Section, budget: int, overlap: Overlap) -> list[Draft]:
    """A section's drafts: its tables, each with its caption, and the runs of text between them."""
    runs: list[list[Piece]] = [[]]
    drafts: list[Draft] = []
    for index in section.blocks:
        if desk.blocks[index].kind != "table":
            runs[-1] += found[index]
        elif found[index]:
            caption = _caption(desk, runs[-1], min(CAPTION_TOKENS, budget // SMALL))
            while caption and runs[-1] and _is_alone(runs[-1]):  # the caption's own paragraphs move to the table
                last = runs[-1].pop()
                if last is caption[0]:
                    break
            drafts += table_drafts(desk, found[index], caption, budget)
            runs.append([])
    for run in _joined(desk, runs, budget):
        drafts += text_drafts(desk, run, budget, overlap)
    return drafts


def _caption(desk: Desk, above: Sequence[Piece], room: int) -> Sequence[Piece]:
    """What names a table right above it: "Revenue by region was as follows:", "(In millions)", or both.

    A paragraph of one short sentence, the sentence before it too if that ends in a colon, or the last sentence of a
    longer paragraph if that ends in a colon.
    """
    caption: list[Piece] = []
    for position in range(len(above) - 1, max(len(above) - 3, -1), -1):
        piece = above[position]
        room -= piece.tokens
        leads = desk.text(piece).endswith((":", "："))
        short = not caption and _is_alone(above[: position + 1]) and desk.blocks[piece.block].kind == "paragraph"
        if room < 0 or not (leads or short):
            break
        caption.insert(0, piece)
        if leads:
            break
    return caption


def _is_alone(run: Sequence[Piece]) -> bool:
    """Whether the run's last piece is all of its paragraph."""
    return len(run) == 1 or run[-2].block != run[-1].block


def _joined(desk: Desk, runs: Sequence[list[Piece]], budget: int) -> list[list[Piece]]:
    """The runs of text between tables, small ones joined with the run before them on the same or the next page."""
    result: list[list[Piece]] = []
    sizes: list[int] = []
    for run in filter(None, runs):
        size = sum(piece.tokens for piece in run)
        small = bool(sizes) and min(sizes[-1], size) * SMALL < budget
        if small and _are_near(desk, result[-1][-1], run[0]):
            result[-1] += run
            sizes[-1] += size
        else:
            result.append(list(run))
            sizes.append(size)
    return result


def _are_near(desk: Desk, before: Piece, after: Piece) -> bool:
    first, second = desk.blocks[before.block].page, desk.blocks[after.block].page
    return first is None or second is None or abs(second - first) <= 1
