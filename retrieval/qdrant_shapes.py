"""Points, scopes, queries and collections in Qdrant's own models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qdrant_client import models

from core.types import SparseVector
from retrieval.payload import CREATED, DENSE, KEYWORDS, LEXICAL, conditions, floats, payload_of
from retrieval.ports import Fusion, IndexPoint, IndexQuery, Scope
from retrieval.settings import QdrantSettings


def collection(size: int, settings: QdrantSettings) -> dict[str, Any]:
    """The arguments of `create_collection`. Quantized copies stay in memory: that is what they are for."""
    scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
    return {
        "vectors_config": {
            DENSE: models.VectorParams(
                size=size,
                distance=models.Distance.COSINE,
                on_disk=settings.vectors_on_disk,
                hnsw_config=models.HnswConfigDiff(on_disk=settings.graph_on_disk),
                quantization_config=(
                    models.ScalarQuantization(scalar=scalar) if settings.quantization == "scalar" else None
                ),
            )
        },
        "sparse_vectors_config": {
            LEXICAL: models.SparseVectorParams(
                modifier=models.Modifier.IDF, index=models.SparseIndexParams(on_disk=settings.vectors_on_disk)
            )
        },
        "shard_number": settings.shard_number,
        "replication_factor": settings.replication_factor,
        "write_consistency_factor": settings.write_consistency_factor,
        "on_disk_payload": settings.payload_on_disk,
    }


def payload_indexes() -> dict[str, models.KeywordIndexParams | models.FloatIndexParams]:
    """An index for every field that a scope asks of."""
    keyword = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD)
    return {
        **dict.fromkeys(KEYWORDS, keyword),
        CREATED: models.FloatIndexParams(type=models.FloatIndexType.FLOAT),
    }


def point(one: IndexPoint) -> models.PointStruct:
    """A point as it is upserted. One without terms has no lexical vector."""
    vectors: dict[str, Any] = {DENSE: floats(one.dense)}
    if one.lexical.indices:
        vectors[LEXICAL] = _sparse(one.lexical)
    return models.PointStruct(id=one.id, vector=vectors, payload=payload_of(one))


def scope_filter(scope: Scope) -> models.Filter | None:
    """The engine's filter for a scope; None when nothing can match."""
    chosen = conditions(scope)
    if chosen is None:
        return None
    must: list[models.Condition] = [any_of(field, values) for field, values in chosen.any_of]
    if chosen.since is not None or chosen.until is not None:
        must.append(models.FieldCondition(key=CREATED, range=models.Range(gte=chosen.since, lt=chosen.until)))
    return models.Filter(must=must)


def any_of(field: str, values: Sequence[str]) -> models.FieldCondition:
    """One of these values in a field."""
    return models.FieldCondition(key=field, match=models.MatchAny(any=list(values)))


def among(ids: Sequence[str]) -> models.Filter:
    """These points."""
    return models.Filter(must=[models.HasIdCondition(has_id=list(ids))])


def legs(query: IndexQuery) -> dict[str, models.Prefetch]:
    """The legs there are, without limit and filter; a question of stop words alone has no lexical one."""
    found: dict[str, models.Prefetch] = {}
    if query.mode != "lexical" and query.dense is not None:
        nearest = models.NearestQuery(nearest=floats(query.dense.data))
        found["dense"] = models.Prefetch(query=nearest, using=DENSE)
    if query.mode != "dense" and query.lexical is not None and query.lexical.indices:
        found["lexical"] = models.Prefetch(query=models.NearestQuery(nearest=_sparse(query.lexical)), using=LEXICAL)
    return found


def fusion(chosen: Fusion, names: Sequence[str]) -> models.Query:
    """How the legs of these names are joined."""
    if chosen.method == "dbsf":
        return models.FusionQuery(fusion=models.Fusion.DBSF)
    weights: Mapping[str, float] = dict(zip(("dense", "lexical"), chosen.weights, strict=True))
    return models.RrfQuery(rrf=models.Rrf(k=chosen.k, weights=[weights[name] for name in names]))


def rescored(settings: QdrantSettings) -> models.SearchParams | None:
    """How a quantized collection is searched: more candidates, scored again by the vectors themselves."""
    if settings.quantization == "none":
        return None
    again = models.QuantizationSearchParams(rescore=True, oversampling=settings.oversampling)
    return models.SearchParams(quantization=again)


EXACT = models.SearchParams(exact=True, quantization=models.QuantizationSearchParams(ignore=True))
"""Every point of a filter is scored, by the vectors themselves."""


def _sparse(vector: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=list(vector.indices), values=list(vector.values))
