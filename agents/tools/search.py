"""`search_documents`: passages that answer a question, from every document that the person may read."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from agents.settings import DocumentToolSettings
from agents.tools.base import Arguments, Observation, Tool, ToolContext
from agents.tools.passages import observed
from core.errors import Forbidden
from core.ports import Searcher
from core.types import SearchRequest


class Search(Arguments):
    """What is looked for."""

    query: str = Field(min_length=1, max_length=1_000, description="A question or words, in any language.")
    collection: str | None = Field(
        default=None, max_length=64, description="Only this collection. Leave it away to search all."
    )


def search_tool(searcher: Searcher, settings: DocumentToolSettings) -> Tool[Any]:
    """The tool over a searcher."""

    async def run(arguments: Search, context: ToolContext) -> Observation:
        collections = context.collections
        if arguments.collection:
            if collections and arguments.collection not in collections:
                raise Forbidden(f"This run is narrowed to {', '.join(collections)}: search without a collection.")
            collections = (arguments.collection,)
        request = SearchRequest(
            query=arguments.query,
            principal=context.principal,
            collections=collections,
            limit=settings.passages,
            filters=context.filters,
        )
        result = await searcher.search(request)
        if not result.hits:
            return Observation(text="Nothing was found. Try other words.", data={"passages": []}, untrusted=False)
        head = f"{len(result.hits)} passages, the likeliest first. read_document shows what stands around one."
        return observed(head, result.hits, settings.max_chars)

    return Tool[Any](
        name="search_documents",
        description="Finds passages in the documents by meaning and by words.",
        arguments=Search,
        effect="reads_inside",
        timeout=settings.seconds,
        run=run,
    )
