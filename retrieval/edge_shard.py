"""One Qdrant Edge shard: points in, searches out.

Every call holds Python's GIL, so only the engine's own process (`retrieval.edge_engine`) uses it.

Of a point the shard keeps two vectors (dense by cosine; "bm25" sparse, its IDF added by the engine over the whole
shard) and the payload of `retrieval.payload`. The engine's bare exceptions become `IndexUnavailable` here.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import qdrant_edge as edge

from core.errors import ConfigurationError, IndexMismatch, IndexUnavailable
from core.types import Scalar, SparseVector
from retrieval.checks import check_points, check_query
from retrieval.payload import CREATED, DENSE, KEYWORDS, LEXICAL, conditions, floats, payload_of, terms
from retrieval.ports import Fusion, IndexHit, IndexPoint, IndexQuery, Scope
from retrieval.settings import IndexSettings

_Operation = Callable[[edge.Filter], edge.UpdateOperation]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardInfo:
    """Figures of a shard; `points` is exact, `indexed` counts the engine's indexed vectors of both kinds."""

    points: int
    segments: int
    indexed: int


class Shard:
    """An open shard. Only one process, and in it one object, may hold it: the write-ahead log is the lock."""

    def __init__(self, handle: edge.EdgeShard, size: int) -> None:
        self._shard = handle
        self._size = size

    @classmethod
    def create(cls, path: Path, size: int, settings: IndexSettings) -> Shard:
        """A new, empty shard with its payload indexes, flushed."""
        path.mkdir(parents=True)
        with _engine_errors("create"):
            handle = edge.EdgeShard.create(str(path), _config(size, settings))
            for field in KEYWORDS:
                handle.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Keyword))
            handle.update(edge.UpdateOperation.create_field_index(CREATED, edge.PayloadSchemaType.Float))
            handle.flush()
        return cls(handle, size)

    @classmethod
    def load(cls, path: Path, size: int, settings: IndexSettings) -> Shard:
        """An existing shard. Raises `IndexMismatch` for another vector size, `IndexUnavailable` while it is owned."""
        stored = _stored_size(path)
        if stored != size:
            raise IndexMismatch(
                f"The index at {path} keeps vectors of {stored} dimensions, the embedder makes {size}. "
                "Choose the embedder it was built with, or build a new index with `footnote reindex`."
            )
        with _engine_errors("load"):
            return cls(edge.EdgeShard.load(str(path), _config(size, settings)), size)

    def upsert(self, points: Sequence[IndexPoint]) -> int:
        """Adds or replaces points; how many. Survives a kill of the process when it returns. Raises `InvalidInput`."""
        check_points(points, self._size)
        with _engine_errors("write"):
            self._shard.update(edge.UpdateOperation.upsert_points([_point(point) for point in points]))
        return len(points)

    def delete_versions(self, version_ids: Sequence[str]) -> int:
        """Removes the points of these versions; how many there were."""
        return self._change(_filter(_any_of("version_id", version_ids)), edge.UpdateOperation.delete_points_by_filter)

    def update_document(self, document_id: str, groups: Sequence[str], metadata: Mapping[str, Scalar]) -> int:
        """Replaces groups and metadata on a document's points; how many there are."""
        payload = {"groups": list(groups), "metadata": terms(metadata)}
        return self._change(
            _filter(_any_of("document_id", [document_id])),
            lambda chosen: edge.UpdateOperation.set_payload_by_filter(chosen, payload),
        )

    def search(self, query: IndexQuery) -> list[IndexHit]:
        """The best points in scope. With two legs each hit carries the exact score of every leg it matches at all."""
        check_query(query, self._size)
        chosen = scope_filter(query.scope)
        if chosen is None:
            return []
        legs = _legs(query)
        with _engine_errors("search"):
            if query.mode != "hybrid":
                return [
                    IndexHit(id=str(found.id), score=found.score, scores={name: found.score})
                    for name, leg in legs.items()
                    for found in self._shard.query(
                        edge.QueryRequest(limit=query.limit, query=leg, filter=chosen, with_payload=False)
                    )
                ]
            return self._hybrid(query, legs, chosen)

    def count(self, scope: Scope) -> int:
        """The exact number of points in scope."""
        chosen = scope_filter(scope)
        if chosen is None:
            return 0
        with _engine_errors("count"):
            return self._shard.count(edge.CountRequest(exact=True, filter=chosen))

    def versions(self) -> dict[str, int]:
        """Every version with its exact number of points."""
        with _engine_errors("count"):
            # A facet never has more values than there are points; the estimate may fall short of both.
            limit = self._shard.count(edge.CountRequest(exact=True)) + 1
            found = self._shard.facet(edge.FacetRequest("version_id", limit=limit, exact=True))
        return {str(hit.value): hit.count for hit in found.hits if hit.count}

    def info(self) -> ShardInfo:
        with _engine_errors("count"):
            info = self._shard.info()
            points = self._shard.count(edge.CountRequest(exact=True))
        return ShardInfo(points=points, segments=info.segments_count, indexed=info.indexed_vectors_count)

    def flush(self) -> None:
        """Syncs the files and cuts the log."""
        with _engine_errors("flush"):
            self._shard.flush()

    def optimize(self) -> bool:
        """Builds graphs, merges segments, drops deleted points: seconds to minutes. False: nothing was to do."""
        with _engine_errors("optimize"):
            return self._shard.optimize()

    def close(self) -> None:
        with _engine_errors("close"):
            self._shard.flush()
            self._shard.close()

    def _change(self, chosen: edge.Filter, operation: _Operation) -> int:
        with _engine_errors("write"):
            touched = self._shard.count(edge.CountRequest(exact=True, filter=chosen))
            if touched:
                self._shard.update(operation(chosen))
        return touched

    def _hybrid(self, query: IndexQuery, legs: Mapping[str, edge.Query], chosen: edge.Filter) -> list[IndexHit]:
        """Fusion inside the engine, then each leg once more over the few points found, by their ids: the legs' scores
        for a fifth of what running both legs in full again would cost."""
        weights = dict(zip((DENSE, "lexical"), query.fusion.weights, strict=True))
        fused = self._shard.query(
            edge.QueryRequest(
                limit=query.limit,
                query=_fusion(query.fusion, [weights[name] for name in legs]),
                prefetches=[edge.Prefetch(query=leg, limit=query.prefetch, filter=chosen) for leg in legs.values()],
                with_payload=False,
            )
        )
        if not fused:
            return []
        among = edge.Filter(must=[edge.HasIdCondition({found.id for found in fused})])
        exact = edge.SearchParams(exact=True)
        requests = [
            edge.QueryRequest(limit=len(fused), query=leg, filter=among, params=exact, with_payload=False)
            for leg in legs.values()
        ]
        scores: dict[str, dict[str, float]] = {str(found.id): {"fused": found.score} for found in fused}
        batches = self._shard.query_batch(edge.QueryBatchRequest(requests))
        for name, batch in zip(legs, batches, strict=True):
            for found in batch:
                scores[str(found.id)][name] = found.score
        return [IndexHit(id=point, score=found["fused"], scores=found) for point, found in scores.items()]


def scope_filter(scope: Scope) -> edge.Filter | None:
    """The engine's filter for a scope; None when nothing can match."""
    chosen = conditions(scope)
    if chosen is None:
        return None
    must = [_any_of(field, values) for field, values in chosen.any_of]
    if chosen.since is not None or chosen.until is not None:
        must.append(edge.FieldCondition(CREATED, range=edge.RangeFloat(gte=chosen.since, lt=chosen.until)))
    return edge.Filter(must=list(must))


def _legs(query: IndexQuery) -> dict[str, edge.Query]:
    """The legs there are; a question of stop words alone has no lexical one."""
    legs: dict[str, edge.Query] = {}
    if query.mode != "lexical" and query.dense is not None:
        legs["dense"] = edge.Query.Nearest(floats(query.dense.data), using=DENSE)
    if query.mode != "dense" and query.lexical is not None and query.lexical.indices:
        legs["lexical"] = edge.Query.Nearest(_sparse(query.lexical), using=LEXICAL)
    return legs


def _fusion(fusion: Fusion, weights: list[float]) -> edge.Fusion:
    # The stubs do not say that the two methods are fusions.
    if fusion.method == "dbsf":
        return cast("edge.Fusion", edge.Fusion.Dbsf())
    return cast("edge.Fusion", edge.Fusion.Rrf(k=fusion.k, weights=weights))


def _point(point: IndexPoint) -> edge.Point:
    vectors: dict[str, edge.NamedVector] = {DENSE: floats(point.dense)}
    if point.lexical.indices:
        vectors[LEXICAL] = _sparse(point.lexical)
    return edge.Point(point.id, vectors, payload_of(point))


def _sparse(vector: SparseVector) -> edge.SparseVector:
    return edge.SparseVector(list(vector.indices), list(vector.values))


def _any_of(field: str, values: Sequence[str]) -> edge.FieldCondition:
    return edge.FieldCondition(field, match=edge.MatchAny(list(values)))


def _filter(condition: edge.FieldCondition) -> edge.Filter:
    return edge.Filter(must=[condition])


def _config(size: int, settings: IndexSettings) -> edge.EdgeConfig:
    # Segments of half the points that start a rebuild get a graph, so that a rebuild never finds nothing to build.
    kilobytes = max(1, settings.optimize_points * size * 4 // 2048)
    return edge.EdgeConfig(
        vectors={DENSE: edge.EdgeVectorParams(size=size, distance=edge.Distance.Cosine)},
        sparse_vectors={LEXICAL: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
        optimizers=edge.EdgeOptimizersConfig(indexing_threshold=kilobytes),
        max_search_threads=settings.search_threads,
        wal_enabled=True,
    )


def _stored_size(path: Path) -> int:
    try:
        config = json.loads((path / "edge_config.json").read_text())
        return int(config["vectors"][DENSE]["size"])
    except (OSError, ValueError, LookupError, TypeError):
        raise ConfigurationError(
            f"There is no readable index at {path}. Build it again with `footnote reindex`."
        ) from None


@contextlib.contextmanager
def _engine_errors(doing: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the engine raises nothing more precise
        raise IndexUnavailable(f"The index engine failed to {doing}: {error}") from error


__all__ = ["Shard", "ShardInfo", "scope_filter"]
