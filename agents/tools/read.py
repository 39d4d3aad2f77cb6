"""`read_document`: a document's passages in reading order, from anywhere, of a page or of a section."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from agents.ports import Library
from agents.settings import DocumentToolSettings
from agents.tools.base import Arguments, Observation, Tool, ToolContext
from agents.tools.passages import DOCUMENT_ID, all_passages, fitting, hit_of, narrowed_document, observed
from core.terms import fold
from core.types import Document, StoredChunk


class Read(Arguments):
    """What is read."""

    document_id: str = Field(min_length=1, max_length=DOCUMENT_ID, description="As a search or a listing shows it.")
    page: int | None = Field(default=None, ge=1, le=1_000_000, description="Only this page.")
    section: str | None = Field(
        default=None, max_length=200, description="Only sections whose headings contain these words."
    )
    start: int = Field(default=0, ge=0, le=10_000_000, description="The passage to begin with; the first one is 0.")


def read_tool(library: Library, settings: DocumentToolSettings) -> Tool[Any]:
    """The tool over a library."""

    async def run(arguments: Read, context: ToolContext) -> Observation:
        document = await narrowed_document(arguments.document_id, library, context)
        if arguments.page is None and not arguments.section:
            found = list(
                await library.passages(document.id, context.principal, start=arguments.start, limit=settings.read)
            )
        else:
            whole = await all_passages(document.id, library, context, settings.max_passages)
            found = [each for each in whole if each.chunk.ordinal >= arguments.start and _wanted(each, arguments)]
        if not found:
            return Observation(text=_nothing(document, arguments), data={"passages": []})
        hits = [hit_of(each) for each in found]
        shown = fitting(hits, settings.max_chars)
        return observed(_head(document), shown, settings.max_chars, _rest(document, found, len(shown), arguments))

    return Tool[Any](
        name="read_document",
        description="Reads a document from a passage on, or one of its pages or sections.",
        arguments=Read,
        effect="reads_inside",
        timeout=settings.seconds,
        run=run,
    )


def _wanted(passage: StoredChunk, arguments: Read) -> bool:
    chunk = passage.chunk
    if arguments.page is not None and arguments.page not in {chunk.page, *(box.page for box in chunk.boxes)}:
        return False
    words = fold(arguments.section or "").strip()
    return not words or any(words in fold(heading) for heading in chunk.heading_path)


def _head(document: Document) -> str:
    pages = f", {document.pages} pages" if document.pages else ""
    return f"“{' '.join(document.title.split())[:200]}”, {document.chunks} passages{pages}."


def _rest(document: Document, found: Sequence[StoredChunk], shown: int, arguments: Read) -> str:
    """How to read on; empty where there is no more."""
    if shown < len(found):
        following = found[shown].chunk.ordinal
    elif arguments.page is not None or arguments.section or found[-1].chunk.ordinal + 1 >= document.chunks:
        return ""
    else:
        following = found[-1].chunk.ordinal + 1
    return f"Read on with start={following}."


def _nothing(document: Document, arguments: Read) -> str:
    if arguments.section:
        return f"{_head(document)} No heading contains these words there. find_in_document looks for words in the text."
    if arguments.page is not None:
        return f"{_head(document)} There is no text on that page."
    return f"{_head(document)} Nothing comes after that passage."
