"""What the gate is given to work with; `app` hands it over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from core.types import Source
from finetune.gate.items import Item
from finetune.gate.measures import Output

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Preferred = Literal["a", "b", "tie"]
Progress = Callable[[int, int], None]
"""Hears how many of how many questions are answered; may raise to end the run, which can be gone on with."""


class Asker(Protocol):
    """Asks the generator that people are answered by."""

    async def ask(self, item: Item, version: str) -> Output:
        """What the version writes, with what is served around it. An output that broke its schema for good is an
        output (`failed`). Raises `Unavailable` where the generator does not answer now: the run ends there and can be
        gone on with."""
        ...


class Benches(Protocol):
    """Asks tasks with answers of their own."""

    async def scores(self, version: str) -> Mapping[str, Mapping[str, float]]:
        """A version's score in [0, 1] of every item, by task. Raises `ConfigurationError`, `Unavailable`."""
        ...


class TokenVectors(Protocol):
    """A model that reads texts."""

    async def token_vectors(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Of each text a unit vector a token in its context, special tokens included: (tokens, size). Raises
        `EmbedderUnavailable`."""
        ...


class Judge(Protocol):
    """Says which of two answers is better. `model` names it in reports."""

    model: str

    async def prefers(self, question: str, sources: Sequence[Source], a: str, b: str) -> Preferred | None:
        """The better one; None where it said nothing that can be read. Raises `Unavailable`."""
        ...
