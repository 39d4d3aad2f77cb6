"""`find_in_document`: the passages of one document that hold given words, the likeliest first (BM25).

BM25+ (Lv and Zhai 2011) because its word weights stay positive: in a short document a word stands in most passages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from agents.ports import Library
from agents.settings import DocumentToolSettings
from agents.tools.base import Arguments, Observation, Tool, ToolContext
from agents.tools.passages import DOCUMENT_ID, all_passages, hit_of, narrowed_document, observed
from core.errors import InvalidInput
from core.terms import terms
from core.types import Hit, StoredChunk


class Find(Arguments):
    """What is looked for, and where."""

    document_id: str = Field(min_length=1, max_length=DOCUMENT_ID, description="As a search or a listing shows it.")
    query: str = Field(min_length=1, max_length=300, description="Words that stand in the passages wanted.")


def find_tool(library: Library, settings: DocumentToolSettings) -> Tool[Any]:
    """The tool over a library."""

    async def run(arguments: Find, context: ToolContext) -> Observation:
        wanted = terms(arguments.query)
        if not wanted:
            raise InvalidInput("There is no word to look for in that: name one that carries meaning.")
        document = await narrowed_document(arguments.document_id, library, context)
        passages = await all_passages(document.id, library, context, settings.max_passages)
        hits = await asyncio.to_thread(best, wanted, passages, settings.passages)
        unread = document.chunks - len(passages)
        head = f"{len(hits)} passages of {document.title[:200]}, the likeliest first."
        if unread > 0:
            head += f" Only its first {len(passages):,} passages were looked through."
        if not hits:
            return Observation(text=f"{head} Try other words.", data={"passages": []})
        return observed(head, hits, settings.max_chars)

    return Tool[Any](
        name="find_in_document",
        description="Finds words within one document.",
        arguments=Find,
        effect="reads_inside",
        timeout=settings.seconds,
        run=run,
    )


def best(wanted: Sequence[str], passages: Sequence[StoredChunk], most: int) -> list[Hit]:
    """The passages with at least one of these terms, best first."""
    from rank_bm25 import BM25Plus

    words = [list(terms(" ".join([*each.chunk.heading_path, each.chunk.text]))) for each in passages]
    if not any(words):
        return []
    asked = set(wanted)
    scores = BM25Plus(words).get_scores(list(wanted))
    found = [
        (float(score), -number)
        for number, (score, own) in enumerate(zip(scores, words, strict=True))
        if not asked.isdisjoint(own)
    ]
    return [hit_of(passages[-place], score) for score, place in sorted(found, reverse=True)[:most]]
