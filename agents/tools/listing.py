"""`list_documents`: which documents there are, by words of their titles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from agents.ports import Library
from agents.settings import DocumentToolSettings
from agents.tools.base import Arguments, Observation, Tool, ToolContext
from agents.tools.passages import within
from core.errors import Forbidden, InvalidCursor
from core.types import Document

_MOST_PAGES = 20
"""Pages of a listing that are looked through for documents that the run's filters leave in."""


class List(Arguments):
    """Which documents are listed."""

    title: str = Field(default="", max_length=200, description="Words of the title or the file's name; empty: all.")
    collection: str | None = Field(default=None, max_length=64, description="Only this collection.")
    after: str | None = Field(default=None, max_length=400, description="Where the last listing ended, to go on.")


def list_tool(library: Library, settings: DocumentToolSettings) -> Tool[Any]:
    """The tool over a library."""

    async def run(arguments: List, context: ToolContext) -> Observation:
        if arguments.collection and context.collections and arguments.collection not in context.collections:
            raise Forbidden(f"This run is narrowed to {', '.join(context.collections)}.")
        collections = (arguments.collection,) if arguments.collection else context.collections
        found, more = await _listed(arguments, collections, context)
        if not found:
            return Observation(text="There is no such document.", data={"documents": []}, untrusted=False)
        lines = [_line(each) for each in found]
        rest = f"There are more: list again with after={more}" if more else None
        text = "\n".join([*lines, *([f"[… {rest}]"] if rest else [])])
        return Observation(text=text, rest=rest, data={"documents": [_told(each) for each in found], "after": more})

    async def _listed(
        arguments: List, collections: Sequence[str], context: ToolContext
    ) -> tuple[list[Document], str | None]:
        found: list[Document] = []
        after = arguments.after or None
        for _ in range(_MOST_PAGES):
            try:
                shelf = await library.documents(
                    context.principal,
                    collections=collections,
                    title=arguments.title,
                    limit=settings.listed,
                    after=after,
                )
            except InvalidCursor:
                raise InvalidCursor("There is no such place to go on from: list again without `after`.") from None
            found += [each for each in shelf.documents if within(each, context)]
            after = shelf.more
            if after is None or len(found) >= settings.listed:
                break
        return found, after

    return Tool[Any](
        name="list_documents",
        description="Lists documents with their ids, the newest first.",
        arguments=List,
        effect="reads_inside",
        timeout=settings.seconds,
        run=run,
    )


def _line(document: Document) -> str:
    pages = f", {document.pages} pages" if document.pages else ""
    title = " ".join(document.title.split())[:200]
    return (
        f"{title} (document_id {document.id}, {document.collection}, {document.created_at:%Y-%m-%d}, "
        f"{document.chunks} passages{pages})"
    )


def _told(document: Document) -> dict[str, Any]:
    return {"document_id": document.id, "title": document.title, "collection": document.collection}
