"""Puts the best hits in the reranker's order, within a deadline; what goes wrong is said and the fused order kept."""

from __future__ import annotations

import asyncio
import logging
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.errors import ConfigurationError
from core.ports import Embedder
from core.types import Hit
from retrieval.ports import Reranker
from retrieval.settings import RerankerSettings, SearchSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reranked:
    """Hits in their new order, or in the old one with the reason: "rerank_timeout" or "rerank_failed"."""

    hits: tuple[Hit, ...]
    degraded: tuple[str, ...] = ()


async def rerank(reranker: Reranker, query: str, hits: Sequence[Hit], settings: SearchSettings) -> Reranked:
    """Reorders the first `settings.rerank_top` hits; the others stay behind them.

    The new score is the reranker's where it decides alone, else the weighted mean of both standardised scores. Hits
    that were not reranked keep their fused score, brought below the lowest of the reranked ones.
    """
    head, tail = list(hits[: settings.rerank_top]), list(hits[settings.rerank_top :])
    if not head:
        return Reranked(hits=())
    try:
        async with asyncio.timeout(settings.rerank_deadline):
            scores = await reranker.scores(query, [passage(hit) for hit in head])
        if len(scores) != len(head) or not all(map(math.isfinite, scores)):
            raise ValueError(f"{len(scores)} scores for {len(head)} passages, or some that are no numbers")
    except TimeoutError:
        return Reranked(hits=tuple(hits), degraded=("rerank_timeout",))
    except Exception:  # whatever a reranker does, the fused order is an answer
        logger.exception("reranking failed; the fused order is kept")
        return Reranked(hits=tuple(hits), degraded=("rerank_failed",))
    final = blended(scores, [hit.score for hit in head], settings.rerank_weight)
    ordered = sorted(
        (
            replace(hit, score=score, scores={**hit.scores, "rerank": own})
            for hit, score, own in zip(head, final, scores, strict=True)
        ),
        key=lambda hit: -hit.score,
    )
    floor = ordered[-1].score - tail[0].score if tail else 0.0
    behind = [replace(hit, score=hit.score + min(floor, 0.0)) for hit in tail]
    return Reranked(hits=(*ordered, *behind))


def passage(hit: Hit) -> str:
    """What a reranker reads of a hit: one line of title › heading path, then the text, as it was embedded."""
    line = " › ".join(part for part in (hit.title, *hit.heading_path) if part)
    return f"{line}\n{hit.text}" if line else hit.text


def make_reranker(settings: RerankerSettings, embedder: Embedder) -> Reranker | None:
    """The configured reranker, or None. Raises `ConfigurationError` for one that cannot work."""
    if settings.kind == "none":
        return None
    if settings.kind == "cross_encoder":
        from retrieval.rerank_cross import CrossEncoderReranker

        return CrossEncoderReranker(settings)
    from retrieval.rerank_maxsim import MaxSimReranker, TokenEmbedder

    if not isinstance(embedder, TokenEmbedder):
        raise ConfigurationError(
            "This embedder gives no token vectors, which maxsim needs; set retrieval.reranker.kind to none or "
            "cross_encoder."
        )
    return MaxSimReranker(embedder)


def blended(rerank: Sequence[float], fused: Sequence[float], weight: float) -> list[float]:
    """The reranker's scores as they are where they decide alone, else the weighted mean of both, standardised."""
    if weight == 1:
        return list(rerank)
    return [weight * a + (1 - weight) * b for a, b in zip(_standardised(rerank), _standardised(fused), strict=True)]


def _standardised(values: Sequence[float]) -> list[float]:
    """Mean 0 and deviation 1; all 0 when they do not differ."""
    mean, deviation = statistics.fmean(values), statistics.pstdev(values)
    return [(value - mean) / deviation if deviation else 0.0 for value in values]


__all__ = ["Reranked", "blended", "make_reranker", "passage", "rerank"]
