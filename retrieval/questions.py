"""What a model reads of a question that is too long.

A question of 4,000 characters is 800 tokens of prose, but up to 4,000 of signs and single letters: sixteen windows of
the default model, 0.7 s of its one thread in which every other question waits. To split and average them is what that
time goes to; nothing cheaper reads them all. So a question is read up to a number of tokens, prose of that length in
whole, anything longer at its beginning and its end, where what is asked stands when a text was pasted with it. The
lexical leg reads all of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.ports import Embedder, TokenCounter
from core.types import Vectors

_PIECE = re.compile(r"\s*\S.{0,46}(?!\S)|\s*\S{1,48}", re.DOTALL)
"""A few words, or a part of a very long one: few enough pieces to count quickly, short enough to come near to what is
allowed."""


def shortened(question: str, embedder: Embedder, most: int) -> str:
    """The question, or its first and last words with about `most` tokens together where it has more.

    A question of no more characters than that is not even counted.
    """
    if len(question) <= most:
        return question
    special, whole = embedder.tokens.count(["", question])
    if whole - special <= most:
        return question
    pieces = _PIECE.findall(question)
    sizes = [max(count - special, 0) for count in embedder.tokens.count(pieces)]
    head = max(_fitting(sizes, most - most // 2), 1)
    tail = min(_fitting(sizes[::-1], most // 2), len(pieces) - head)
    return f"{''.join(pieces[:head]).rstrip()} {''.join(pieces[len(pieces) - tail :]).lstrip()}".strip()


def _fitting(sizes: Sequence[int], room: int) -> int:
    """How many of the first ones fit."""
    for number, size in enumerate(sizes):
        room -= size
        if room < 0:
            return number
    return len(sizes)


class ShortQuestions:
    """The `Embedder` port over another, which reads no more of a question than `most` tokens."""

    def __init__(self, embedder: Embedder, most: int) -> None:
        self._embedder = embedder
        self._most = most

    @property
    def fingerprint(self) -> str:
        """The other's: passages are read as ever."""
        return self._embedder.fingerprint

    @property
    def size(self) -> int:
        return self._embedder.size

    @property
    def tokens(self) -> TokenCounter:
        return self._embedder.tokens

    async def passages(self, texts: Sequence[str]) -> Vectors:
        """The other's, in whole."""
        return await self._embedder.passages(texts)

    async def query(self, text: str) -> Vectors:
        """The vector of the question, shortened where it is too long."""
        return await self._embedder.query(shortened(text, self._embedder, self._most))


__all__ = ["ShortQuestions", "shortened"]
