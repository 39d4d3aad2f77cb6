"""What questions are about: clusters of their embeddings (k-means), and questions that stand alone. The door to
scikit-learn.

One thread and a fixed seed, on questions in the order of their words: the same questions give the same topics.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.ports import Embedder
from core.terms import terms
from core.types import Example
from finetune.report import Report
from finetune.settings import BalanceSettings

BATCH = 256
NEIGHBOURS = 3
SEED = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Topics:
    """Each question's topic, and which questions are like no others."""

    of: Mapping[str, int]
    alone: frozenset[str] = frozenset()


async def topics(examples: Sequence[Example], embedder: Embedder, settings: BalanceSettings, report: Report) -> Topics:
    """The topics of the examples' questions. Raises `EmbedderUnavailable`."""
    questions = sorted({asked(example) for example in examples})
    if not questions:
        return Topics(of={})
    matrix = await _embedded(questions, embedder)
    number = max(1, min(settings.topics, round(math.sqrt(len(questions) / 2))))
    labels = await asyncio.to_thread(clusters, matrix, number)
    looked_at = len(questions) >= settings.outlier_rows
    alone = await asyncio.to_thread(outliers, matrix, settings.outlier) if looked_at else []
    found = Topics(
        of={question: int(label) for question, label in zip(questions, labels, strict=True)},
        alone=frozenset(questions[index] for index in alone),
    )
    report.figures["topics"] = _told(found)
    return found


async def clustered(questions: Sequence[str], embedder: Embedder, number: int) -> dict[str, int]:
    """Which of `number` clusters by meaning each question is in. Raises `EmbedderUnavailable`."""
    labels = await asyncio.to_thread(clusters, await _embedded(questions, embedder), number)
    return dict(zip(questions, labels.tolist(), strict=True))


def asked(example: Example) -> str:
    """What an example is about: its question, or what a person said last."""
    return example.question or (example.prompt[-1].content if example.prompt else "")


def clusters(matrix: NDArray[np.float64], number: int) -> NDArray[np.int32]:
    """The cluster of each row, numbered by their first row."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    number = min(number, len(np.unique(matrix, axis=0)))
    with threadpool_limits(limits=1):
        labels = KMeans(n_clusters=number, n_init=4, random_state=SEED).fit_predict(matrix)
    names = {label: place for place, label in enumerate(dict.fromkeys(labels.tolist()))}
    return np.array([names[label] for label in labels.tolist()], dtype=np.int32)


def outliers(matrix: NDArray[np.float64], deviations: float) -> list[int]:
    """Rows whose nearest neighbours are farther than those of others by so many median deviations."""
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        near = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm="brute").fit(matrix)
        distances = near.kneighbors(matrix)[0][:, 1:].mean(axis=1)
    middle = float(np.median(distances))
    spread = float(np.median(np.abs(distances - middle)))
    if spread == 0:
        return []
    return [int(row) for row in np.flatnonzero(distances > middle + deviations * spread)]


async def _embedded(questions: Sequence[str], embedder: Embedder) -> NDArray[np.float64]:
    rows = []
    for start in range(0, len(questions), BATCH):
        vectors = await embedder.passages(questions[start : start + BATCH])
        rows.append(np.frombuffer(vectors.data, dtype="<f4").reshape(-1, vectors.size))
    return np.vstack(rows).astype(np.float64)


def _told(found: Topics) -> list[dict[str, object]]:
    """The topics by size, each named by the terms that most of its questions have and few of the others'."""
    everywhere = Counter(term for question in found.of for term in set(terms(question)))
    told = []
    for topic, size in Counter(found.of.values()).most_common():
        here = Counter(term for question, own in found.of.items() if own == topic for term in set(terms(question)))
        names = sorted(here, key=lambda term: (-(here[term] ** 2) / everywhere[term], term))[:3]
        told.append({"topic": topic, "questions": size, "terms": names})
    return sorted(told, key=lambda each: (-int(str(each["questions"])), int(str(each["topic"]))))
