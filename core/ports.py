"""The ports that more than one room needs. A port only one room needs stands in that room's `ports.py`.

Adapters do not inherit from these; `app/wiring.py` returns them by these names and mypy checks the fit there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from core.types import (
    Delta,
    Generation,
    GenerationRequest,
    GeneratorInfo,
    Message,
    SearchRequest,
    SearchResult,
    Vectors,
)


class TokenCounter(Protocol):
    """Counts text the way the embedder reads it. Synchronous and quick; safe to call from any thread."""

    @property
    def max_tokens(self) -> int:
        """The most tokens the embedder reads of one text, special tokens included."""
        ...

    def count(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, special tokens included, never cut at `max_tokens`."""
        ...


class Embedder(Protocol):
    """Text to unit vectors. Passages and queries are different calls because many models prompt them differently."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the vectors would: model, weights, prompts, pooling, normalisation."""
        ...

    @property
    def size(self) -> int:
        """The vectors' dimension."""
        ...

    @property
    def tokens(self) -> TokenCounter:
        """How this embedder counts tokens."""
        ...

    async def passages(self, texts: Sequence[str]) -> Vectors:
        """One vector a text, in order. Text over the model's length is split and its vectors averaged, not cut."""
        ...

    async def query(self, text: str) -> Vectors:
        """One vector for a question."""
        ...


class Generator(Protocol):
    """Writes JSON under a schema, from a prompt."""

    @property
    def info(self) -> GeneratorInfo:
        """Who this generator is when no adapter is asked for."""
        ...

    async def complete(self, request: GenerationRequest) -> Generation:
        """The whole output. Raises `GeneratorUnavailable`, `GenerationInvalid` or `DeadlineExceeded`."""
        ...

    def stream(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        """The output in pieces as they are written; the last one carries the whole. Raises as `complete` does."""
        ...

    async def check(self) -> None:
        """Quick and free of side effects. Raises `GeneratorUnavailable` where a request would certainly fail."""
        ...

    async def close(self) -> None:
        """Gives back connections and memory; no call follows."""
        ...


class PromptWindow(Protocol):
    """How much a generator reads at a time, in its own tokens. Never raises: what cannot be asked is estimated high."""

    async def room(self, max_tokens: int) -> int:
        """The tokens a prompt may have when `max_tokens` are to be written."""
        ...

    async def count(self, messages: Sequence[Message]) -> int:
        """The tokens of a prompt, the model's own frame around it included; never too few while the model answers."""
        ...


class Searcher(Protocol):
    """Finds passages on behalf of a principal."""

    async def search(self, request: SearchRequest) -> SearchResult:
        """Hits that the principal may read, best first. Raises `IndexUnavailable` when the index does not answer."""
        ...
