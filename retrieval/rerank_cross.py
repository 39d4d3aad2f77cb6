"""Any sentence-transformers CrossEncoder as a reranker: by its name on the hub or by its folder.

A passage too long for the model is read in pieces and counts as its best one (MaxP; Dai and Callan, 2019). The
production setting is BAAI/bge-reranker-v2-m3.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from core.errors import ConfigurationError, Unavailable
from retrieval.settings import RerankerSettings
from retrieval.tokens import Tokens

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

PAIR_TOKENS = 4
"""The most special tokens a model puts around and between a pair."""


class CrossEncoderReranker:
    """The `Reranker` port on `CrossEncoder`.

    Loading takes seconds and happens here. A question longer than half of what the model reads is cut to that half.
    Raises `ConfigurationError` for a model that cannot be loaded or gives more than one score a pair, `Unavailable`
    when it fails later.
    """

    def __init__(self, settings: RerankerSettings) -> None:
        self._settings = settings
        self._model = _load(settings)
        self._limit = _limit(self._model, settings)
        backend = getattr(self._model.tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ConfigurationError("The reranking model has no fast tokenizer (tokenizer.json); use one that has.")
        self._tokens = Tokens(backend, self._limit)
        self._fingerprint = f"cross-encoder-{_digest(self._model, str(self._limit))}"
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="rerank")

    @property
    def fingerprint(self) -> str:
        """A digest of the weights and the length."""
        return self._fingerprint

    async def scores(self, query: str, passages: Sequence[str]) -> list[float]:
        """The model's score of each passage. Cancelling takes effect after the batch under way."""
        loop = asyncio.get_running_loop()
        try:
            pairs, owners = await loop.run_in_executor(self._pool, self._pairs, query, passages)
            scores = [-math.inf] * len(passages)
            order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][1]))
            for start in range(0, len(order), self._settings.batch):
                batch = order[start : start + self._settings.batch]
                found = await loop.run_in_executor(self._pool, self._predict, [pairs[i] for i in batch])
                for i, score in zip(batch, found, strict=True):
                    scores[owners[i]] = max(scores[owners[i]], score)
        except (RuntimeError, ValueError, OSError) as error:
            raise Unavailable(
                f"The reranking model {self._settings.model} does not answer: {error}. Try again, or start it anew."
            ) from error
        return scores

    def close(self) -> None:
        """Ends the model's thread once its present batch is done."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _pairs(self, query: str, passages: Sequence[str]) -> tuple[list[tuple[str, str]], list[int]]:
        """The question beside every piece of every passage, and which passage each piece is of."""
        room = self._limit - PAIR_TOKENS
        asked = self._tokens.split(query, max(room // 2, 1))[0]
        left = max(room - self._tokens.count([asked])[0], 1)
        pieces = [self._tokens.split(passage, left) for passage in passages]
        pairs = [(asked, piece) for own in pieces for piece in own]
        return pairs, [i for i, own in enumerate(pieces) for _ in own]

    def _predict(self, pairs: list[tuple[str, str]]) -> list[float]:
        found: Any = self._model.predict(pairs, batch_size=len(pairs), show_progress_bar=False)
        scores = [float(score) for score in found]
        if not all(map(math.isfinite, scores)):
            raise ValueError("it gave scores that are no numbers")
        return scores


def _load(settings: RerankerSettings) -> CrossEncoder:
    from sentence_transformers import CrossEncoder

    if not settings.model:
        raise ConfigurationError("A cross-encoder needs a model; name one in retrieval.reranker.model.")
    try:
        model: CrossEncoder = CrossEncoder(settings.model, device=settings.device, revision=settings.revision)
    except (OSError, ValueError, RuntimeError, ImportError, KeyError) as error:
        raise ConfigurationError(
            f"The reranking model {settings.model} cannot be loaded: {error}. Name a CrossEncoder's folder, or a model "
            "of the hub that this machine can reach, in retrieval.reranker.model."
        ) from error
    if model.num_labels != 1:
        raise ConfigurationError(
            f"{settings.model} gives {model.num_labels} scores a pair; a reranker gives one. Use another model."
        )
    return model


def _limit(model: CrossEncoder, settings: RerankerSettings) -> int:
    positions = getattr(model.config, "max_position_embeddings", None) or 512
    limit = min(model.max_seq_length or positions, positions)
    return min(limit, settings.max_tokens or limit)


def _digest(model: CrossEncoder, settings: str) -> str:
    import torch

    digest = hashlib.sha256(settings.encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


__all__ = ["CrossEncoderReranker"]
