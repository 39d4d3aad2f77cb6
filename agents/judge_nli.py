"""Any sentence-transformers CrossEncoder trained on natural language inference as a judge: support is the probability
that a source entails the statement.

A source too long for the model is read in windows that overlap, and counts as its best one (MaxP; Dai and Callan,
2019). A statement that joins what several sources say is entailed by none of them alone: it is held against their
nearest sentences together, too. A production setting is cross-encoder/nli-deberta-v3-base.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.asker import Asker
from agents.judging import Claim, Judgement, Opinion
from agents.settings import JudgeSettings
from agents.verify import nearest_sentences
from core.errors import ConfigurationError, Unavailable
from core.types import Method, Source

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

ENTAILMENT = frozenset({"entailment", "entail", "entailed"})
"""What models call it; which of their labels it is they say in `id2label`, each in an order of its own."""
PAIR_TOKENS = 4
"""The most special tokens a model puts around and between a pair."""
TOGETHER = 6
"""Sentences of several sources that are read as one premise."""


class NliJudge:
    """The `Judge` port on `CrossEncoder`.

    Loading takes seconds and happens here. A statement longer than half of what the model reads is cut to that half.
    Raises `ConfigurationError` for a model that cannot be loaded or does not say which label is entailment.
    """

    method: Method = "nli"

    def __init__(self, settings: JudgeSettings) -> None:
        self._settings = settings
        self._model = _load(settings)
        self._entailment = _entailment(self._model, settings)
        self._room = _limit(self._model, settings) - PAIR_TOKENS
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="judge")

    async def judge(self, claims: Sequence[Claim], asker: Asker) -> Judgement:
        """See `Judge.judge`. Cancelling takes effect after the batch under way."""
        loop = asyncio.get_running_loop()
        support = [0.0] * len(claims)
        try:
            pairs, owners = await loop.run_in_executor(self._pool, self._pairs, claims)
            order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]))
            for start in range(0, len(order), self._settings.batch):
                batch = order[start : start + self._settings.batch]
                found = await loop.run_in_executor(self._pool, self._entailed, [pairs[i] for i in batch])
                for i, probability in zip(batch, found, strict=True):
                    support[owners[i]] = max(support[owners[i]], probability)
        except (RuntimeError, ValueError, OSError) as error:
            raise Unavailable(
                f"The judging model {self._settings.model} does not answer: {error}. Try again, or start it anew."
            ) from error
        opinions = (Opinion(support=round(s, 4), supported=s >= self._settings.threshold) for s in support)
        return Judgement(opinions=tuple(opinions))

    def _pairs(self, claims: Sequence[Claim]) -> tuple[list[tuple[str, str]], list[int]]:
        """Every window of every premise beside its statement, and which claim each pair is of."""
        pairs, owners = [], []
        for number, claim in enumerate(claims):
            spans = self._spans(statement := _sendable(claim.text))[: self._room // 2]
            said = statement[: spans[-1][1]] if spans else statement
            for premise in _premises(claim):
                for window in self._windows(_sendable(premise), self._room - len(spans)):
                    pairs.append((window, said))
                    owners.append(number)
        return pairs, owners

    def _windows(self, text: str, room: int) -> list[str]:
        """The text in pieces of so many tokens, each beginning in the last quarter of the one before."""
        spans = self._spans(text)
        step = max(room * 3 // 4, 1)
        starts = range(0, max(len(spans) - room, 0) + step, step)
        return [text[spans[start][0] : spans[min(start + room, len(spans)) - 1][1]] for start in starts if spans]

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """Where each token of a text begins and ends."""
        tokenizer: Any = self._model.tokenizer
        read = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False)
        return list(read["offset_mapping"])

    def _entailed(self, pairs: list[tuple[str, str]]) -> list[float]:
        """The probability of entailment of each pair, whatever the model's own last function is."""
        import torch

        logits: Any = self._model.predict(
            pairs, batch_size=len(pairs), show_progress_bar=False, activation_fn=torch.nn.Identity()
        )
        scores = np.asarray(logits, dtype=np.float64)
        grown = np.exp(scores - scores.max(axis=1, keepdims=True))
        found = [float(each) for each in (grown / grown.sum(axis=1, keepdims=True))[:, self._entailment]]
        if not all(map(math.isfinite, found)):
            raise ValueError("it gave scores that are no numbers")
        return found


def _premises(claim: Claim) -> list[str]:
    premises = [_premise(source) for source in claim.sources]
    if len(claim.sources) > 1:
        premises.append(" ".join(nearest_sentences(claim.text, claim.sources, TOGETHER)))
    return premises


def _premise(source: Source) -> str:
    """The text behind its place, which often names what the text is about."""
    place = " › ".join(part for part in (source.title, *source.heading_path) if part)
    return f"{place}\n{source.text}" if place else source.text


def _sendable(text: str) -> str:
    """Halves of surrogate pairs cannot be tokenized."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _load(settings: JudgeSettings) -> CrossEncoder:
    from sentence_transformers import CrossEncoder

    try:
        model: CrossEncoder = CrossEncoder(
            settings.model, device=settings.device, revision=settings.revision, max_length=settings.max_tokens
        )
    except (OSError, ValueError, RuntimeError, ImportError, KeyError) as error:
        raise ConfigurationError(
            f"The judging model {settings.model} cannot be loaded: {error}. Name a CrossEncoder's folder, or a model "
            "of the hub that this machine can reach, in FOOTNOTE_AGENTS__JUDGE__MODEL."
        ) from error
    if getattr(model.tokenizer, "backend_tokenizer", None) is None:
        raise ConfigurationError("The judging model has no fast tokenizer (tokenizer.json); use one that has.")
    return model


def _entailment(model: CrossEncoder, settings: JudgeSettings) -> int:
    """Which label is entailment, by the model's own word."""
    named = getattr(model.config, "id2label", None) or {}
    labels = {int(number): str(label) for number, label in named.items()}
    found = [number for number, label in labels.items() if label.strip().lower() in ENTAILMENT]
    if len(labels) < 2 or len(found) != 1:
        raise ConfigurationError(
            f"{settings.model} does not say which of its labels is entailment ({', '.join(labels.values())}). Use a "
            "model trained on inference, whose config.json names it in id2label."
        )
    return found[0]


def _limit(model: CrossEncoder, settings: JudgeSettings) -> int:
    positions = getattr(model.config, "max_position_embeddings", None) or 512
    if "roberta" in str(getattr(model.config, "model_type", "")):
        positions -= 2  # its positions begin behind the padding's
    limit = min(model.max_seq_length or positions, positions)
    return min(limit, settings.max_tokens or limit)


__all__ = ["NliJudge"]
