"""BERTScore (Zhang et al. 2020, "BERTScore: Evaluating Text Generation with BERT"): how near two texts are in meaning,
token by token, where ROUGE sees other words only.

Each token is matched with the likest one of the other text by the cosine of their vectors in context; the score is the
F1 of the means. Without weights by rarity and without rescaling, and over the model's last layer: scores of two models
cannot be compared, two versions' under one model can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from finetune.gate.items import Item
from finetune.gate.measures import Output, read
from finetune.gate.ports import TokenVectors
from finetune.gate.texts import WORDS

_FRAME = 1
"""Special tokens at either end, which say nothing of the text."""


async def bert_scores(
    items: Sequence[Item], outputs: Mapping[str, Output], vectors: TokenVectors
) -> Mapping[str, float]:
    """F1 in [0, 1] of what answers say with what the good ones say, by item; 1 where neither says anything, 0 where one
    of them does not, or what was written is no answer. Raises `EmbedderUnavailable`."""
    found: dict[str, float] = {}
    texts: dict[str, tuple[str, str]] = {}
    for item in items:
        if item.kind_of_set != "held_out" or item.reference is None:
            continue
        reading, wanted = read(item, outputs[item.id]), read(item, Output(text=item.reference))
        said, good = _bounded(reading.text), _bounded(wanted.text)
        found[item.id] = float(reading.sound and not said and not good)
        if said and good:
            texts[item.id] = (said, good)
    distinct = list(dict.fromkeys(text for pair in texts.values() for text in pair))
    known = dict(zip(distinct, await vectors.token_vectors(distinct), strict=True)) if distinct else {}
    return found | {name: f1(known[said], known[good]) for name, (said, good) in texts.items()}


def f1(said: NDArray[np.float32], good: NDArray[np.float32]) -> float:
    """The score of two texts' unit vectors, (tokens, size) each, special tokens at either end included."""
    likeness = said[_FRAME:-_FRAME] @ good[_FRAME:-_FRAME].T
    if not likeness.size:
        return 0.0
    precision, recall = float(likeness.max(axis=1).mean()), float(likeness.max(axis=0).mean())
    if precision <= 0 or recall <= 0:
        return 0.0
    return min(1.0, 2 * precision * recall / (precision + recall))


def _bounded(text: str) -> str:
    return " ".join(text.split()[:WORDS])


__all__ = ["bert_scores", "f1"]
