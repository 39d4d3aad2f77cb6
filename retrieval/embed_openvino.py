"""The default embedder: a BERT-shaped sentence-transformers model on OpenVINO, without torch.

Passages and questions have an engine each, so that a question never waits behind a batch of passages; each engine is
compiled at its first use, so that a process that only asks holds one of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError, EmbedderUnavailable
from core.types import Vectors
from retrieval.prepare import default_directory, model_folder, prepare
from retrieval.settings import EmbedderSettings
from retrieval.tokens import Tokens

Floats = NDArray[np.float32]
T = TypeVar("T")

MAX_ROWS = 64
"""The most texts of one batch, however short they are."""


class OpenVinoEmbedder:
    """The `Embedder` port on the files of `retrieval.prepare`, which are written now if they are not there.

    Text over the model's length is read in windows whose vectors are averaged, each weighted by its tokens, and
    normalised again. Raises `ConfigurationError` for a model that cannot be read, `EmbedderUnavailable` when the
    engine fails.
    """

    def __init__(self, settings: EmbedderSettings) -> None:
        folder = prepare(settings.directory or default_directory(), model_folder(settings.model))
        manifest = _manifest(folder)
        limit = min(manifest["max_tokens"], settings.max_tokens or manifest["max_tokens"])
        self._settings = settings
        self._size: int = manifest["size"]
        self._tokens = Tokens.from_file(folder / "tokenizer.json", limit)
        # The setting, not what `auto` comes to on this machine: those vectors are close enough to be searched together.
        key = f"{manifest['digest']}/mean/normalised/{limit}/{settings.precision}"
        self._fingerprint = f"openvino-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        self._passages = _Engine(folder, settings, settings.threads or os.cpu_count() or 1)
        # One thread: a question is too short to divide, and the others would be waited for on a busy machine.
        self._query = _Engine(folder, settings, 1)

    @property
    def fingerprint(self) -> str:
        """A digest of the weights, the tokens read of a text and the precision asked for."""
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
        """One unit vector a text, in order; its batches are worked on at once, one a core."""
        windows = await self._passages.run(lambda _: self._tokens.windows(texts))
        rows = [window for text in windows for window in text]
        vectors = np.empty((len(rows), self._size), dtype=np.float32)

        async def embed(batch: list[int]) -> None:
            vectors[batch] = await self._infer(self._passages, [rows[i] for i in batch], "embedding")

        batches = _batches([len(row) for row in rows], self._settings.batch_tokens)
        await asyncio.gather(*(embed(batch) for batch in batches))
        return _vectors(_joined(vectors, windows))

    async def query(self, text: str) -> Vectors:
        """One unit vector for a question."""
        windows = self._tokens.windows([text])
        vectors = await self._infer(self._query, windows[0], "embedding")
        return _vectors(_joined(vectors, windows))

    async def token_vectors(self, texts: Sequence[str]) -> list[Floats]:
        """A unit vector for each token of each text, special tokens included: what late interaction compares."""
        windows = await self._query.run(lambda _: self._tokens.windows(texts))
        rows = [window for text in windows for window in text]
        states: list[Floats] = [np.empty(0, dtype=np.float32)] * len(rows)
        for batch in _batches([len(row) for row in rows], self._settings.batch_tokens):
            found = await self._infer(self._query, [rows[i] for i in batch], "tokens")
            for i, matrix in zip(batch, found, strict=True):
                own = matrix[: len(rows[i])]
                states[i] = own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)
        return [np.concatenate([states.pop(0) for _ in text]) for text in windows]

    async def _infer(self, engine: _Engine, rows: list[list[int]], output: str) -> Floats:
        return await engine.run(lambda infer: infer(rows, self._tokens.pad_id, output))

    def close(self) -> None:
        """Ends the engines' threads once their present batch is done."""
        self._passages.close()
        self._query.close()


_TOUCHING = threading.Lock()


class _Engine:
    """A compiled model and threads with a request each; OpenVINO lets go of the GIL meanwhile.

    A batch has one core to itself. All cores on one batch are no quicker, and wait for the slowest of them wherever
    another process takes its share: beside a busy one that took twice the time.
    """

    def __init__(self, folder: Path, settings: EmbedderSettings, threads: int) -> None:
        self._folder = folder
        self._settings = settings
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="embed")
        self._mine = threading.local()
        self._compiling = threading.Lock()
        self._model: Any = None

    async def run(self, work: Callable[[Callable[[list[list[int]], int, str], Floats]], T]) -> T:
        """Does `work` in the engine's thread and hands it `infer`. Raises `EmbedderUnavailable` when OpenVINO fails."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, self._infer)
        except RuntimeError as error:
            raise EmbedderUnavailable(
                f"The embedding model does not answer: {error}. Start the server again."
            ) from error

    def _infer(self, rows: list[list[int]], pad: int, output: str) -> Floats:
        request = self._request()
        longest = max(len(row) for row in rows)
        ids = np.full((len(rows), longest), pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        request.infer({"input_ids": ids, "attention_mask": mask})
        result: Floats = request.get_tensor(output).data.copy()  # the request owns and reuses its memory
        return result

    def _request(self) -> Any:
        """This thread's own request."""
        if not hasattr(self._mine, "request"):
            with self._compiling:
                if self._model is None:
                    model = _compile(self._folder, self._settings, self._threads)
                    _touch(model)
                    self._model = model
            self._mine.request = self._model.create_infer_request()
        return self._mine.request

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _touch(model: Any) -> None:
    """The first array that OpenVINO's binding is ever given must not come from two threads at once.

    It sets up its access to numpy then, holding a lock while it waits for the GIL, and the other the other way round.
    """
    one = np.ones((1, 1), dtype=np.int64)
    with _TOUCHING:
        model.create_infer_request().infer({"input_ids": one, "attention_mask": one})


def _compile(folder: Path, settings: EmbedderSettings, threads: int) -> Any:
    import openvino as ov

    from retrieval.bert_graph import GROUP

    core = ov.Core()
    precision = best_precision() if settings.precision == "auto" else settings.precision
    config: dict[str, Any] = {
        "NUM_STREAMS": threads,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": GROUP if precision == "eight_bit" else 0,
    }
    name = "eight_bit" if precision == "eight_bit" else "float32"
    return core.compile_model(core.read_model(folder / f"{name}.xml"), "CPU", config)


def best_precision() -> str:
    """What this processor multiplies fastest at a cosine of about 0.999 or more to float32."""
    import openvino as ov

    if "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return "bfloat16"
    try:
        flags = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return "float32"
    return "eight_bit" if "avx512_vnni" in flags or "avx_vnni" in flags else "float32"


def _batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Positions in batches of like length, at most `batch_tokens` padded tokens each: little padding, warm caches."""
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        # Sorted, so the newcomer is the batch's longest and sets what all of it is padded to.
        last = batches[-1] if batches else None
        if last is None or len(last) == MAX_ROWS or (len(last) + 1) * lengths[i] > batch_tokens:
            batches.append([i])
        else:
            last.append(i)
    return batches


def _joined(vectors: Floats, windows: Sequence[Sequence[Sequence[int]]]) -> Floats:
    """One row a text: its windows' vectors averaged by their tokens and brought to length 1 again."""
    if len(vectors) == len(windows):
        return vectors
    joined = np.empty((len(windows), vectors.shape[1]), dtype=np.float32)
    start = 0
    for i, text in enumerate(windows):
        part = vectors[start : start + len(text)]
        mean = np.average(part, axis=0, weights=[len(window) for window in text])
        joined[i] = mean / max(float(np.linalg.norm(mean)), 1e-12)
        start += len(text)
    return joined


def _vectors(matrix: Floats) -> Vectors:
    return Vectors(data=np.ascontiguousarray(matrix, dtype="<f4").tobytes(), size=matrix.shape[1])


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
        return manifest
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The prepared embedding model in {folder} cannot be read; run `python -m retrieval.prepare` again."
        ) from error


__all__ = ["OpenVinoEmbedder", "best_precision"]
