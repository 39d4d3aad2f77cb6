"""Any sentence-transformers model as an embedder: by its name on the hub or by its folder.

The model's own prompts, pooling and normalisation are kept; vectors come out with length 1 in any case. The production
setting is BAAI/bge-m3.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError, EmbedderUnavailable
from core.types import Vectors
from retrieval.prepare import PACKAGED, model_folder
from retrieval.settings import EmbedderSettings
from retrieval.tokens import Tokens

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Floats = NDArray[np.float32]
T = TypeVar("T")


class TransformersEmbedder:
    """The `Embedder` port on `SentenceTransformer`.

    Loading takes seconds and happens here. Text over the model's length is split at token borders, its pieces' vectors
    averaged, each weighted by its tokens, and normalised again. Raises `ConfigurationError` for a model that cannot be
    loaded or a prompt it does not have, `EmbedderUnavailable` when it fails later.
    """

    def __init__(self, settings: EmbedderSettings) -> None:
        self._settings = settings
        self._model = _load(settings)
        limit = min(self._model.max_seq_length or 512, settings.max_tokens or self._model.max_seq_length or 512)
        self._tokens = Tokens(_tokenizer(self._model), limit)
        self._query_prompt = _prompt(self._model, settings.query_prefix, settings.query_prompt, ("query",))
        self._passage_prompt = _prompt(
            self._model, settings.passage_prefix, settings.passage_prompt, ("document", "passage", "corpus")
        )
        self._size = int(self._model.get_embedding_dimension() or 0)
        prompts = f"{self._query_prompt!r} {self._passage_prompt!r}"
        self._fingerprint = f"transformers-{_digest(self._model, f'{limit} {prompts}')}"
        # One thread, and one batch at a time in it: a question waits for a batch at most.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="embed")

    @property
    def fingerprint(self) -> str:
        """A digest of the weights, the modules (pooling, normalisation), the prompts and the length."""
        return self._fingerprint

    @property
    def size(self) -> int:
        """The vectors' dimension."""
        return self._size

    @property
    def tokens(self) -> Tokens:
        """The model's own tokenizer, never cutting."""
        return self._tokens

    async def passages(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text, in order; prompted as a passage."""
        return await self._embed(texts, self._passage_prompt, self._model.encode_document)

    async def query(self, text: str) -> Vectors:
        """One unit vector for a question; prompted as one."""
        return await self._embed([text], self._query_prompt, self._model.encode_query)

    async def token_vectors(self, texts: Sequence[str]) -> list[Floats]:
        """A unit vector for each token of each text, special tokens included: what late interaction compares."""

        def encode(pieces: list[str]) -> list[Floats]:
            states: Any = self._model.encode(pieces, output_value="token_embeddings", show_progress_bar=False)
            return [np.asarray(state.float().cpu().numpy(), dtype=np.float32) for state in states]

        pieces = await self._run(lambda: [self._tokens.split(text) for text in texts])
        found = await self._batched([piece for text in pieces for piece in text], encode)
        unit = [state / np.maximum(np.linalg.norm(state, axis=1, keepdims=True), 1e-12) for state in found]
        return [np.concatenate([unit.pop(0) for _ in text]) for text in pieces]

    def close(self) -> None:
        """Ends the model's thread once its present batch is done."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _embed(self, texts: Sequence[str], prompt: str, call: Callable[..., Any]) -> Vectors:
        # The prompt takes its share of what the model reads.
        room = self._tokens.budget - (self._tokens.count([prompt])[0] if prompt else 0)
        pieces = await self._run(lambda: [self._tokens.split(text, max(room, 1)) for text in texts])
        flat = [piece for text in pieces for piece in text]

        def encode(batch: list[str]) -> list[Floats]:
            rows: Any = call(batch, prompt=prompt, batch_size=len(batch), show_progress_bar=False)
            return list(np.asarray(rows, dtype=np.float32))

        vectors = await self._batched(flat, encode)
        weights = self._tokens.count(flat) if len(flat) > len(texts) else [1] * len(flat)
        matrix = np.empty((len(texts), self._size), dtype="<f4")
        start = 0
        for i, text in enumerate(pieces):
            own = slice(start, start + len(text))
            mean = np.average(vectors[own], axis=0, weights=weights[own])
            matrix[i] = mean / max(float(np.linalg.norm(mean)), 1e-12)
            start += len(text)
        return Vectors(data=matrix.tobytes(), size=self._size)

    async def _batched(self, texts: list[str], encode: Callable[[list[str]], list[Floats]]) -> list[Floats]:
        """`encode` of batches of like length, the results in the texts' order."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        results: dict[int, Floats] = {}
        for start in range(0, len(order), self._settings.batch):
            batch = order[start : start + self._settings.batch]
            found = await self._run(lambda batch=batch: encode([texts[i] for i in batch]))  # type: ignore[misc]
            results.update(zip(batch, found, strict=True))
        return [results[i] for i in range(len(texts))]

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except (RuntimeError, ValueError, OSError) as error:
            raise EmbedderUnavailable(
                f"The embedding model {self._settings.model} does not answer: {error}. Try again, or start it anew."
            ) from error


def _load(settings: EmbedderSettings) -> SentenceTransformer:
    import torch
    from sentence_transformers import SentenceTransformer

    if settings.threads:
        torch.set_num_threads(settings.threads)
    name = str(model_folder(settings.model)) if settings.model == PACKAGED else settings.model
    try:
        return SentenceTransformer(name, device=settings.device, revision=settings.revision)
    except (OSError, ValueError, RuntimeError, ImportError, KeyError) as error:
        raise ConfigurationError(
            f"The embedding model {settings.model} cannot be loaded: {error}. Name a sentence-transformers folder, or "
            "a model of the hub that this machine can reach, in retrieval.embedder.model."
        ) from error


def _tokenizer(model: SentenceTransformer) -> Any:
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ConfigurationError(
            "The embedding model has no fast tokenizer (tokenizer.json); use a model that has one."
        )
    return backend


def _prompt(model: SentenceTransformer, prefix: str | None, name: str | None, usual: Sequence[str]) -> str:
    """The text put before: as configured, else by the prompt's name, else what the model itself uses for this call."""
    prompts = {key: text for key, text in model.prompts.items() if text}
    if prefix is not None:
        return prefix
    if name is not None and name not in prompts:
        raise ConfigurationError(
            f"The embedding model has no prompt named {name!r}, it has {', '.join(sorted(prompts)) or 'none'}; correct "
            "retrieval.embedder.query_prompt or passage_prompt, or give the text as query_prefix or passage_prefix."
        )
    names = [name] if name is not None else [*usual, model.default_prompt_name or ""]
    return next((prompts[key] for key in names if key in prompts), "")


def _digest(model: SentenceTransformer, settings: str) -> str:
    """Over what the vectors depend on, the weights themselves included: a hub name can come to mean other ones."""
    import torch

    digest = hashlib.sha256(f"{settings} {model!r}".encode())
    digest.update(_tokenizer(model).to_str().encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


__all__ = ["TransformersEmbedder"]
