"""The check that points and queries are sound, before any engine sees them.

What is checked here is what an engine would swallow in silence (NaN) or answer in words of its own (a wrong dimension).
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence

from core.errors import InvalidInput
from core.types import SparseVector
from retrieval.ports import IndexPoint, IndexQuery


def check_points(points: Sequence[IndexPoint], size: int) -> None:
    """Raises `InvalidInput` naming the first point the index must not take."""
    for point in points:
        try:
            uuid.UUID(point.id)
        except ValueError:
            raise InvalidInput(f"The index takes UUIDs as point ids, not {point.id!r}.") from None
        check_dense(point.dense, size, f"point {point.id}")
        check_sparse(point.lexical, f"point {point.id}")


def check_query(query: IndexQuery, size: int) -> None:
    """Raises `InvalidInput` for a query without the legs its mode names, or with numbers that make no search."""
    if query.mode != "lexical":
        if query.dense is None:
            raise InvalidInput(f"A {query.mode} search needs a dense vector.")
        check_dense(query.dense.data, size, "the query")
    if query.mode != "dense":
        if query.lexical is None:
            raise InvalidInput(f"A {query.mode} search needs a lexical vector.")
        check_sparse(query.lexical, "the query")
    if query.limit < 1 or query.prefetch < 1 or query.fusion.k < 1:
        raise InvalidInput("A search's limit, prefetch and fusion k are at least 1.")
    if not all(math.isfinite(weight) and weight >= 0 for weight in query.fusion.weights):
        raise InvalidInput("Fusion weights are finite and not negative.")


def check_dense(data: bytes, size: int, what: str) -> None:
    """Raises `InvalidInput` unless `data` is one row of `size` finite float32 numbers."""
    if len(data) != 4 * size:
        raise InvalidInput(
            f"The dense vector of {what} has {len(data) / 4:g} dimensions; this index keeps {size}. "
            "It was made by another embedder: re-index with `footnote reindex`."
        )
    # No sum of float32 numbers overflows a double, so it is finite exactly when they all are.
    if not math.isfinite(sum(memoryview(data).cast("f"))):
        raise InvalidInput(f"The dense vector of {what} holds NaN or infinity.")


def check_sparse(vector: SparseVector, what: str) -> None:
    """Raises `InvalidInput` unless dimensions are distinct uint32 numbers, each with a finite weight."""
    if len(vector.indices) != len(vector.values) or len(set(vector.indices)) != len(vector.indices):
        raise InvalidInput(f"The lexical vector of {what} needs one weight for each of its distinct dimensions.")
    if not all(0 <= index < 2**32 for index in vector.indices) or not math.isfinite(sum(vector.values)):
        raise InvalidInput(f"The lexical vector of {what} holds an impossible dimension or weight.")


__all__ = ["check_dense", "check_points", "check_query", "check_sparse"]
