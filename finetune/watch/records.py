"""What the watch is told of each answer: figures and a vector, never a text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput

EVERYTHING = "*"
"""The scope of all answers; others are `collection:NAME`."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Seen:
    """One answer. `id` names it in examples, `group` what it hangs together with (its conversation or person; None:
    with nothing): answers of one group are never counted as independent of each other.

    `vector` is the question's embedding (1-D), `words` the answer's length, `support` the mean support of its
    statements in [0, 1] (None: it has none), `unsupported` how many of its `statements` stand below the support floor,
    `entropy` the mean entropy of its tokens in nats (None: the engine does not tell). Raises `InvalidInput` for a
    moment without a time zone and for counts that cannot be.
    """

    id: str
    at: datetime
    collection: str | None = None
    language: str | None = None
    vector: NDArray[np.float32] | None = None
    words: int
    answerable: bool
    support: float | None = None
    statements: int = 0
    unsupported: int = 0
    entropy: float | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    model: str
    adapter: str | None = None
    milliseconds: float = 0.0
    group: str | None = None

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise InvalidInput(f"Answer {self.id} has a moment without a time zone. Hand over moments in UTC.")
        if not 0 <= self.unsupported <= self.statements:
            raise InvalidInput(f"Answer {self.id} has {self.unsupported} unsupported of {self.statements} statements.")
        if min(self.words, self.tokens_in, self.tokens_out) < 0:
            raise InvalidInput(f"Answer {self.id} has a count below 0.")
        if self.vector is not None and self.vector.ndim != 1:
            raise InvalidInput(f"Answer {self.id} has a vector of {self.vector.ndim} dimensions; one is wanted.")

    @property
    def hangs_with(self) -> tuple[str, str]:
        """The key of its group; alone if it has none."""
        return ("group", self.group) if self.group is not None else ("alone", self.id)


def group_numbers(records: Sequence[Seen]) -> NDArray[np.int64]:
    """The number of each record's group, from 0, by first appearance."""
    names: dict[tuple[str, str], int] = {}
    return np.array([names.setdefault(each.hangs_with, len(names)) for each in records], dtype=np.int64)


def between(records: Iterable[Seen], start: datetime, end: datetime) -> list[Seen]:
    """Those of [start, end)."""
    return [each for each in records if start <= each.at < end]


def by_scope(records: Sequence[Seen]) -> dict[str, list[Seen]]:
    """All of them, then those of each collection, by name."""
    scopes: dict[str, list[Seen]] = {EVERYTHING: list(records)}
    for name in sorted({each.collection for each in records if each.collection is not None}):
        scopes[f"collection:{name}"] = [each for each in records if each.collection == name]
    return scopes
