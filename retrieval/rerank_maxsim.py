"""Late interaction: every token of the question is compared with every token of a passage.

The score is ColBERT's MaxSim (Khattab and Zaharia, 2020): for each token of the question the cosine of the passage's
nearest token, averaged over the question. The token vectors are the embedder's own last layer, made at query time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class TokenEmbedder(Protocol):
    """What this reranker needs of an embedder beyond the port."""

    @property
    def fingerprint(self) -> str: ...

    async def token_vectors(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """A unit vector for each token of each text: [tokens, size]."""
        ...


class MaxSimReranker:
    """The `Reranker` port on an embedder's token vectors. Raises what the embedder raises."""

    def __init__(self, embedder: TokenEmbedder) -> None:
        self._embedder = embedder

    @property
    def fingerprint(self) -> str:
        """The embedder's, marked."""
        return f"maxsim-{self._embedder.fingerprint}"

    async def scores(self, query: str, passages: Sequence[str]) -> list[float]:
        """MaxSim of each passage, between -1 and 1."""
        if not passages:
            return []
        asked = (await self._embedder.token_vectors([query]))[0]
        found = await self._embedder.token_vectors(passages)
        return [float((asked @ tokens.T).max(axis=1).mean()) for tokens in found]


__all__ = ["MaxSimReranker", "TokenEmbedder"]
