"""How a search came about, put together from what it had in hand: nothing is asked a second time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.types import Candidate, Fate, Hit, Placed, SearchMode, SearchTrace, StoredChunk
from retrieval.duplicates import twin
from retrieval.ports import IndexHit

EXCERPT = 240
"""Characters of a candidate's text that a trace holds: enough to know it by."""

CANDIDATES = 100
"""Candidates in a trace, beside those that were kept: a wide look can propose thousands."""

FUSED = "fused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One look into the index: what it proposed, what of that the store confirmed, what lay where it was searched for,
    and what was kept of that, at most `wanted`."""

    found: Sequence[IndexHit]
    confirmed: Sequence[StoredChunk]
    within: Sequence[StoredChunk]
    kept: Sequence[StoredChunk]
    wanted: int


def trace_of(
    query: str, mode: SearchMode, looks: int, look: Look | None, hits: Sequence[Hit], near_duplicate: float
) -> SearchTrace:
    """The trace of a search whose last look into the index was `look`, None where it never came to that."""
    return SearchTrace(
        query=query,
        mode=mode,
        looks=looks,
        proposed=len(look.found) if look else 0,
        refused=len(look.found) - len(look.confirmed) if look else 0,
        candidates=_candidates(look, near_duplicate) if look else (),
        order=tuple(Placed(chunk_id=hit.chunk_id, score=hit.score, rerank=hit.scores.get("rerank")) for hit in hits),
        reranked=any("rerank" in hit.scores for hit in hits),
    )


def _candidates(look: Look, near_duplicate: float) -> tuple[Candidate, ...]:
    places = {hit.id: place for place, hit in enumerate(look.found, start=1)}
    ranks = leg_ranks(look.found)
    return tuple(
        _candidate(chunk, look.found[places[chunk.id] - 1], places[chunk.id], ranks[chunk.id], fate, other)
        for number, (chunk, fate, other) in enumerate(_fates(look, near_duplicate))
        if number < CANDIDATES or fate == "kept"
    )


def _fates(look: Look, near_duplicate: float) -> list[tuple[StoredChunk, Fate, str | None]]:
    within, kept = {chunk.id for chunk in look.within}, {chunk.id for chunk in look.kept}
    passed = 0
    fates: list[tuple[StoredChunk, Fate, str | None]] = []
    for chunk in look.confirmed:
        if chunk.id in kept:
            passed += 1
            fates.append((chunk, "kept", None))
        elif chunk.id not in within:
            fates.append((chunk, "moved", None))
        elif passed == look.wanted:
            fates.append((chunk, "spare", None))
        else:
            same = twin(chunk, look.kept, near_duplicate)
            fates.append((chunk, "duplicate", same.id if same else None))
    return fates


def leg_ranks(found: Sequence[IndexHit]) -> dict[str, dict[str, int]]:
    """Each hit's place by the score of each leg that it matches, from 1."""
    ranks: dict[str, dict[str, int]] = {hit.id: {} for hit in found}
    for leg in {name for hit in found for name in hit.scores} - {FUSED}:
        matching = sorted((hit for hit in found if leg in hit.scores), key=lambda hit: -hit.scores[leg])
        for place, hit in enumerate(matching, start=1):
            ranks[hit.id][leg] = place
    return ranks


def _candidate(
    stored: StoredChunk, hit: IndexHit, rank: int, ranks: Mapping[str, int], fate: Fate, duplicate_of: str | None
) -> Candidate:
    text = stored.chunk.text
    return Candidate(
        chunk_id=stored.id,
        document_id=stored.document_id,
        title=stored.title,
        excerpt=text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…",
        rank=rank,
        score=hit.score,
        scores=hit.scores,
        ranks=ranks,
        fate=fate,
        duplicate_of=duplicate_of,
        page=stored.chunk.page,
        heading_path=stored.chunk.heading_path,
    )


__all__ = ["CANDIDATES", "EXCERPT", "Look", "leg_ranks", "trace_of"]
