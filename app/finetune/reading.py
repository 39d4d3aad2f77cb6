"""What a dataset is made from: logged answers with what people said of them, files, and what is to be left out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from app.store.learning_records import Exclusion, Wanted
from core.types import LoggedAnswer, Principal, SearchRequest, Source
from finetune.join import Exclusions

if TYPE_CHECKING:
    from app.store.learning import Learning
    from core.ports import Searcher

Named = Callable[[str], Principal | None]
"""Whoever has a name now; None where nobody has."""

MAX_QUERY = 2_000
"""Characters of a question that evidence is looked for with."""


async def read_answers(
    learning: Learning, wanted: Wanted, named: Named, told: Callable[[int, int], Awaitable[None]]
) -> tuple[list[LoggedAnswer], Exclusions]:
    """Logged answers and steps of agents, and what shall be left out: what was said to be, and what rests on documents
    which are gone or which its asker may no longer read. `told` hears how many were read, of how many."""
    found: list[LoggedAnswer] = []
    beyond: set[str] = set()
    for read in (learning.logged, learning.steps):
        before = len(found)
        async for batch in read(wanted, named):
            found += batch.answers
            beyond |= batch.out_of_reach
            await told(len(found), before + batch.total)
    return found, exclusions(await learning.exclusions(), beyond)


def exclusions(said: Sequence[Exclusion], answers: set[str] | None = None) -> Exclusions:
    """What was said to be left out, by kind, with these answers."""

    def of(kind: str) -> frozenset[str]:
        return frozenset(each.subject for each in said if each.kind == kind)

    return Exclusions(documents=of("document"), people=of("person"), answers=of("answer") | (answers or set()))


class AskersEvidence:
    """Searches on behalf of whoever asked, with the rights that they have now; nothing for who has none any more."""

    def __init__(
        self, searcher: Searcher, named: Named, collections: tuple[str, ...], left_out: frozenset[str]
    ) -> None:
        self._searcher = searcher
        self._named = named
        self._collections = collections
        self._left_out = left_out

    async def passages(self, query: str, principal_id: str, limit: int) -> Sequence[Source]:
        """See `Evidence.passages`."""
        principal = self._named(principal_id)
        if principal is None or not query.strip():
            return ()
        request = SearchRequest(
            query=query[:MAX_QUERY], principal=principal, limit=limit, collections=self._collections
        )
        hits = [each for each in (await self._searcher.search(request)).hits if each.document_id not in self._left_out]
        return tuple(
            Source(
                id=str(number),
                chunk_id=hit.chunk_id,
                document_id=hit.document_id,
                version_id=hit.version_id,
                title=hit.title,
                text=hit.text,
                page=hit.page,
                language=hit.language,
            )
            for number, hit in enumerate(hits, start=1)
        )


__all__ = ["AskersEvidence", "Named", "exclusions", "read_answers"]
