"""How points, scopes, queries and hits travel to the index process and back.

Vectors are raw little-endian bytes (float32 values, uint32 dimensions), times are seconds since 1970 in UTC.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from core.types import Filters, Scalar, SparseVector, Vectors
from retrieval.ports import Fusion, IndexHit, IndexPoint, IndexQuery, Scope

Wire = dict[str, Any]


def points_to_wire(points: Sequence[IndexPoint]) -> list[Wire]:
    return [
        {
            "id": uuid.UUID(point.id).bytes,
            "dense": point.dense,
            "lexical": _sparse_to_wire(point.lexical),
            "collection": point.collection,
            "document": point.document_id,
            "version": point.version_id,
            "groups": list(point.groups),
            "created": point.created_at.timestamp(),
            "metadata": dict(point.metadata),
        }
        for point in points
    ]


def points_from_wire(wire: Sequence[Wire]) -> list[IndexPoint]:
    return [
        IndexPoint(
            id=str(uuid.UUID(bytes=item["id"])),
            dense=item["dense"],
            lexical=_sparse_from_wire(item["lexical"]),
            collection=item["collection"],
            document_id=item["document"],
            version_id=item["version"],
            groups=tuple(item["groups"]),
            created_at=datetime.fromtimestamp(item["created"], UTC),
            metadata=item["metadata"],
        )
        for item in wire
    ]


def scope_to_wire(scope: Scope) -> Wire:
    filters = scope.filters
    return {
        "groups": None if scope.groups is None else sorted(scope.groups),
        "collections": list(scope.collections),
        "documents": list(filters.document_ids),
        "metadata": {
            key: list(value) if isinstance(value, tuple | list) else value for key, value in filters.metadata.items()
        },
        "after": filters.created_after.timestamp() if filters.created_after else None,
        "before": filters.created_before.timestamp() if filters.created_before else None,
    }


def scope_from_wire(wire: Wire) -> Scope:
    metadata: Mapping[str, Scalar | tuple[Scalar, ...]] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in wire["metadata"].items()
    }
    return Scope(
        groups=None if wire["groups"] is None else frozenset(wire["groups"]),
        collections=tuple(wire["collections"]),
        filters=Filters(
            document_ids=tuple(wire["documents"]),
            metadata=metadata,
            created_after=None if wire["after"] is None else datetime.fromtimestamp(wire["after"], UTC),
            created_before=None if wire["before"] is None else datetime.fromtimestamp(wire["before"], UTC),
        ),
    )


def query_to_wire(query: IndexQuery) -> Wire:
    return {
        "mode": query.mode,
        "dense": query.dense.data if query.dense and query.mode != "lexical" else None,
        "lexical": _sparse_to_wire(query.lexical) if query.lexical and query.mode != "dense" else None,
        "scope": scope_to_wire(query.scope),
        "fusion": [query.fusion.method, query.fusion.k, *query.fusion.weights],
        "limit": query.limit,
        "prefetch": query.prefetch,
    }


def query_from_wire(wire: Wire) -> IndexQuery:
    method, k, dense, lexical = wire["fusion"]
    return IndexQuery(
        mode=wire["mode"],
        dense=None if wire["dense"] is None else Vectors(data=wire["dense"], size=len(wire["dense"]) // 4 or 1),
        lexical=None if wire["lexical"] is None else _sparse_from_wire(wire["lexical"]),
        scope=scope_from_wire(wire["scope"]),
        fusion=Fusion(method=method, k=k, weights=(dense, lexical)),
        limit=wire["limit"],
        prefetch=wire["prefetch"],
    )


def hits_to_wire(hits: Sequence[IndexHit]) -> list[list[Any]]:
    return [[uuid.UUID(hit.id).bytes, hit.score, dict(hit.scores)] for hit in hits]


def hits_from_wire(wire: Sequence[Sequence[Any]]) -> list[IndexHit]:
    return [IndexHit(id=str(uuid.UUID(bytes=point)), score=score, scores=scores) for point, score, scores in wire]


def _sparse_to_wire(vector: SparseVector) -> list[bytes]:
    count = len(vector.indices)
    return [struct.pack(f"<{count}I", *vector.indices), struct.pack(f"<{count}f", *vector.values)]


def _sparse_from_wire(wire: Sequence[bytes]) -> SparseVector:
    indices, values = wire
    count = len(indices) // 4
    return SparseVector(indices=struct.unpack(f"<{count}I", indices), values=struct.unpack(f"<{count}f", values))
