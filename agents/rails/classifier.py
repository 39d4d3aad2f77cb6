"""Any transformers sequence classifier as a rail's ear: Prompt Guard, or a model of toxicity or of a topic, by name
or folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from agents.rails.pieces import pieces
from agents.rails.settings import ClassifierSettings
from core.errors import ConfigurationError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Classifier(Protocol):
    """Says how bad texts are."""

    def scores(self, texts: Sequence[str]) -> list[float]:
        """For each text the probability of being bad, in [0, 1]. Raises `ValueError` or `RuntimeError` where it
        cannot say."""
        ...


class TransformersClassifier:
    """The `Classifier` port on `AutoModelForSequenceClassification`. Loading takes seconds and happens here.

    Raises `ConfigurationError` for a model that cannot be loaded or that has none of the labels named.
    """

    def __init__(self, settings: ClassifierSettings) -> None:
        self._settings = settings
        self._tokenizer, self._model = _load(settings)
        self._bad = _bad(self._model, settings)
        most = getattr(self._model.config, "max_position_embeddings", None) or settings.max_tokens
        self._limit = max(min(settings.max_tokens, int(most) - 2), 8)

    def scores(self, texts: Sequence[str]) -> list[float]:
        """See `Classifier.scores`. A text longer than the model reads counts as its worst part."""
        pieces, owners = [], []
        for number, text in enumerate(texts):
            for piece in self._pieces(text):
                pieces.append(piece)
                owners.append(number)
        worst = [0.0] * len(texts)
        for start in range(0, len(pieces), self._settings.batch):
            found = self._read(pieces[start : start + self._settings.batch])
            for owner, score in zip(owners[start:], found, strict=False):
                worst[owner] = max(worst[owner], score)
        return worst

    def _pieces(self, text: str) -> list[str]:
        tokenizer: Any = self._tokenizer
        return pieces(tokenizer, text, self._limit - tokenizer.num_special_tokens_to_add(pair=False))

    def _read(self, pieces: Sequence[str]) -> list[float]:
        import torch

        tokenizer: Any = self._tokenizer
        model: Any = self._model
        with torch.inference_mode():
            given = tokenizer(
                list(pieces), padding=True, truncation=True, max_length=self._limit, return_tensors="pt"
            ).to(self._settings.device)
            logits = model(**given).logits.float()
            found = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)
        scores = [float(each) for each in found[:, self._bad].sum(dim=1)]
        if not all(map(math.isfinite, scores)):
            raise ValueError("it gave scores that are no numbers")
        return [min(max(score, 0.0), 1.0) for score in scores]


def _load(settings: ClassifierSettings) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    name = str(settings.model)
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(name, revision=settings.revision)
        model: Any = AutoModelForSequenceClassification.from_pretrained(name, revision=settings.revision)
        model = model.to(settings.device).eval()
    except (OSError, ValueError, RuntimeError, ImportError, KeyError) as error:
        raise ConfigurationError(
            f"The classifier {settings.model} cannot be loaded: {error}. Name the folder of a model for sequence "
            "classification, or one of the hub that this machine can reach."
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise ConfigurationError(f"The classifier {settings.model} has no fast tokenizer (tokenizer.json).")
    return tokenizer, model


def _bad(model: Any, settings: ClassifierSettings) -> list[int]:
    """Which of its labels are bad: those named, or all but the first."""
    labels = {int(number): str(label) for number, label in (model.config.id2label or {}).items()}
    if not settings.labels:
        return [number for number in sorted(labels) if number > 0] or [0]
    wanted = {label.strip().lower() for label in settings.labels}
    found = [number for number, label in sorted(labels.items()) if label.strip().lower() in wanted]
    if len(found) < len(wanted):
        raise ConfigurationError(
            f"{settings.model} does not know all of the labels {', '.join(settings.labels)}; it has "
            f"{', '.join(labels.values())}."
        )
    return found
