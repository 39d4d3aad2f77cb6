"""A parsed document cut into chunks: whole sentences under one heading path, whole rows under their table's header.

Sections (blocks under one heading path) are cut on their own, so no chunk crosses a heading. Within a section,
sentences are packed to the embedder's own count of tokens and neighbours overlap by whole sentences; tables, whose
chunks repeat their header instead, stand beside the text around them. Grouping paragraphs under headings is what
repays its cost in retrieval; semantic chunking does not (Qu et al., "Is Semantic Chunking Worth the Computational
Cost?", 2024).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version

from core.ports import TokenCounter
from core.types import Chunk, ParsedDocument
from ingestion.chunk_settings import ChunkSettings
from ingestion.context import context
from ingestion.drafts import Desk, Draft, table_drafts, text_drafts
from ingestion.outline import Section, offsets, sections
from ingestion.pack import Overlap
from ingestion.pieces import Piece, pieces

VERSION = 2
"""Raised whenever the same document would give other chunks, so that what was cut before is known to be old."""

Found = Mapping[int, Sequence[Piece]]
"""The pieces of every block, by the block's index."""

LEAST_ROOM = 16
"""Tokens that a chunk's text may always have, however long title and headings are."""
CAPTION_TOKENS = 48
"""Short lines of up to this many tokens together, right above a table, are its caption and repeated with its header."""
SMALL = 4
"""Text between two tables that is less than one part in this many of a chunk joins the text beyond the table."""
LONGEST_TOKEN = 16
"""Characters that count as a token at least: some tokenizers make a single one, "unknown", of any long word."""
REPAIRS = 8


def embedded_text(title: str, chunk: Chunk) -> str:
    """What is embedded and indexed of a chunk: one line of title › heading path, then the text that is shown."""
    line = context(title, chunk.heading_path)
    return f"{line}\n{chunk.text}" if line else chunk.text


def chunk(document: ParsedDocument, title: str, tokens: TokenCounter, settings: ChunkSettings) -> list[Chunk]:
    """The document's chunks in reading order; the same document gives the same chunks.

    No chunk's embedded text has more tokens than `settings.limit(tokens.max_tokens)`, unless title and headings leave
    fewer than `LEAST_ROOM` of them. A document without text gives no chunks.
    """
    outline = sections(document.blocks)
    if not outline:
        return []
    special = tokens.count([""])[0]

    def measure(texts: Sequence[str]) -> list[int]:
        counts = tokens.count(texts) if texts else []
        return [max(count - special, -(-len(text) // LONGEST_TOKEN)) for text, count in zip(texts, counts, strict=True)]

    desk = Desk(blocks=document.blocks, offsets=offsets(document.blocks), measure=measure)
    found = pieces(document.blocks, outline, measure, settings.language)
    overlap = Overlap(least=settings.overlap_min, most=settings.overlap_max)
    limit = settings.limit(tokens.max_tokens)
    budgets = [limit - count for count in tokens.count([context(title, section.path) for section in outline])]
    done: dict[int, list[Chunk]] = {}
    todo = list(range(len(outline)))
    for _ in range(REPAIRS):
        for number in todo:
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


def _count(done: dict[int, list[Chunk]], numbers: Sequence[int], title: str, tokens: TokenCounter) -> None:
    """Writes the tokens of their embedded texts into the chunks of the given sections, in one call."""
    counts = iter(tokens.count([embedded_text(title, each) for number in numbers for each in done[number]]))
    for number in numbers:
        done[number] = [replace(each, tokens=next(counts)) for each in done[number]]


def _chunk(section: Section, draft: Draft) -> Chunk:
    return Chunk(
        ordinal=0,
        text=draft.text,
        kind=draft.kind,
        page=draft.page,
        boxes=draft.boxes,
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
    for run in filter(None, runs):
        if result and _is_small(budget, result[-1], run) and _are_near(desk, result[-1][-1], run[0]):
            result[-1] = [*result[-1], *run]
        else:
            result.append(run)
    return result


def _is_small(budget: int, *runs: Sequence[Piece]) -> bool:
    return any(sum(piece.tokens for piece in run) * SMALL < budget for run in runs)


def _are_near(desk: Desk, before: Piece, after: Piece) -> bool:
    first, second = desk.blocks[before.block].page, desk.blocks[after.block].page
    return first is None or second is None or abs(second - first) <= 1
