"""The vectors of two windows, made ready: of one size, of unit length, and in an order that only their ids decide."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finetune.watch.permute import Floats
from finetune.watch.records import Seen, group_numbers
from finetune.watch.stability import Ints


@dataclass(frozen=True, kw_only=True, slots=True)
class Vectors:
    """Questions of one window: a row of `matrix` (n × size), an id and a group's number each."""

    matrix: Floats
    ids: tuple[str, ...]
    groups: Ints

    @property
    def number(self) -> int:
        """How many groups there are."""
        return len(np.unique(self.groups))

    def some(self, rows: Ints) -> Vectors:
        """Some of them."""
        return Vectors(matrix=self.matrix[rows], ids=tuple(self.ids[row] for row in rows), groups=self.groups[rows])


def size_of(current: Sequence[Seen]) -> int:
    """The size most vectors of the current window have; 0 without any. Another size is another embedder's."""
    sizes = Counter(len(each.vector) for each in current if each.vector is not None)
    return max(sizes, key=lambda size: (sizes[size], size)) if sizes else 0


def vectors(records: Sequence[Seen], size: int) -> Vectors:
    """Those of this size whose figures are finite."""
    usable = [
        each
        for each in sorted(records, key=_place)
        if each.vector is not None and len(each.vector) == size and bool(np.isfinite(each.vector).all())
    ]
    rows = [each.vector for each in usable if each.vector is not None]
    matrix = np.array(rows, dtype=np.float64).reshape(len(rows), size)
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    matrix = np.divide(matrix, lengths, out=matrix, where=lengths > 0)
    return Vectors(matrix=matrix, ids=tuple(each.id for each in usable), groups=group_numbers(usable))


def halves(those: Vectors) -> tuple[Vectors, Vectors]:
    """Two halves by group: what is fitted on one is measured on the other. Groups are numbered by a digest, so that
    even and odd numbers are a coin's word that never changes."""
    even = those.groups % 2 == 0
    return those.some(np.flatnonzero(even)), those.some(np.flatnonzero(~even))


def _place(each: Seen) -> tuple[str, str]:
    key = "\0".join(each.hangs_with).encode("utf-8", "replace")
    return hashlib.sha256(key).hexdigest(), each.id
