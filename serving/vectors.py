"""Sentence vectors, with the latest ones kept: the passages of popular documents are answered from again and again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.ports import Embedder


class SentenceVectors:
    """An embedder's passage vectors behind a cache of the `size` sentences used last."""

    def __init__(self, embedder: Embedder, size: int) -> None:
        self._embedder = embedder
        self._size = size
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    async def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One unit row a text. Raises `EmbedderUnavailable`."""
        rows = {text: row for text in texts if (row := self._kept.get(text)) is not None}
        missing = [text for text in dict.fromkeys(texts) if text not in rows]
        if missing:
            vectors = await self._embedder.passages(missing)
            rows |= zip(missing, vectors.rows(slice(None)), strict=True)
        self._keep(rows)
        return _matrix(b"".join(rows[text] for text in texts), self._embedder.size)

    async def query(self, text: str) -> NDArray[np.float32]:
        """The question's unit vector. Raises `EmbedderUnavailable`."""
        return _matrix((await self._embedder.query(text)).data, self._embedder.size).reshape(-1)

    def _keep(self, rows: dict[str, bytes]) -> None:
        for text, row in rows.items():
            self._kept[text] = row
            self._kept.move_to_end(text)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)


def _matrix(data: bytes, size: int) -> NDArray[np.float32]:
    return np.frombuffer(data, dtype="<f4").reshape(-1, size)
