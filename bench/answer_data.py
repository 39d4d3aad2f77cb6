"""Questions with known answers over a small in-memory retrieval: what `bench.calibrate_answers` measures on."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.ports import Embedder, TokenCounter
from core.terms import terms
from core.types import Source, Vectors

Condition = Literal["present", "article_removed", "passage_removed"]
WORDS = 150
"""Words of a passage cut from a long article."""


@dataclass(frozen=True, kw_only=True)
class Passage:
    article: int
    title: str
    text: str
    sentences: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Question:
    text: str
    article: int
    passages: frozenset[int]
    answer: str


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Passages, questions about them, and their language."""

    name: str
    language: str
    passages: tuple[Passage, ...]
    questions: tuple[Question, ...]


def xquad(folder: Path, language: str) -> DataSet:
    """XQuAD: every paragraph is one passage."""
    articles = json.loads((folder / "xquad" / f"xquad.{language}.json").read_text(encoding="utf-8"))["data"]
    passages: list[Passage] = []
    questions: list[Question] = []
    for number, article in enumerate(articles):
        for paragraph in article["paragraphs"]:
            text = paragraph["context"]
            for asked in paragraph["qas"]:
                answer = asked["answers"][0]["text"]
                here = frozenset({len(passages)})
                questions.append(Question(text=asked["question"], article=number, passages=here, answer=answer))
            title = article.get("title", "").replace("_", " ")
            passages.append(Passage(article=number, title=title, text=text, sentences=_sentences(text, language)))
    return DataSet(name=f"xquad-{language}", language=language, passages=tuple(passages), questions=tuple(questions))


def covidqa(folder: Path) -> DataSet:
    """COVID-QA: long articles cut into passages of whole sentences, one sentence overlapping."""
    articles = json.loads((folder / "covidqa" / "200423_covidQA.json").read_text(encoding="utf-8"))["data"]
    passages: list[Passage] = []
    questions: list[Question] = []
    for number, article in enumerate(articles):
        paragraph = article["paragraphs"][0]
        text = paragraph["context"]
        groups = _packed(text, _sentences(text, "en"))
        title = next((line.strip() for line in text.splitlines() if line.strip()), "")[:120]
        for asked in paragraph["qas"]:
            answer = asked["answers"][0]
            middle = answer["answer_start"] + len(answer["text"]) // 2
            here = [len(passages) + i for i, group in enumerate(groups) if group[0][0] <= middle < group[-1][1]]
            questions.append(
                Question(text=asked["question"], article=number, passages=frozenset(here), answer=answer["text"])
            )
        for group in groups:
            first, last = group[0][0], group[-1][1]
            spans = tuple((start - first, end - first) for start, end in group)
            passages.append(Passage(article=number, title=title, text=text[first:last], sentences=spans))
    return DataSet(name="covidqa", language="en", passages=tuple(passages), questions=tuple(questions))


def _sentences(text: str, language: str) -> tuple[tuple[int, int], ...]:
    from ingestion.sentences import split

    return tuple(split([text], [language])[0])


def _packed(text: str, sentences: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    groups: list[list[tuple[int, int]]] = []
    group: list[tuple[int, int]] = []
    for start, end in sentences:
        words = sum(len(text[a:b].split()) for a, b in [*group, (start, end)])
        if len(group) > 1 and words > WORDS:
            groups.append(group)
            group = group[-1:]
        group.append((start, end))
    return [*groups, group] if group else groups


class Remembering:
    """An embedder that keeps every vector in a file, so that the next run need not compute it."""

    def __init__(self, embedder: Embedder, file: Path) -> None:
        self._embedder, self._file = embedder, file
        self._kept: dict[bytes, bytes] = pickle.loads(file.read_bytes()) if file.exists() else {}

    @property
    def fingerprint(self) -> str:
        return self._embedder.fingerprint

    @property
    def size(self) -> int:
        return self._embedder.size

    @property
    def tokens(self) -> TokenCounter:
        return self._embedder.tokens

    async def passages(self, texts: Sequence[str]) -> Vectors:
        keys = [hashlib.sha256(f"{self.fingerprint}\n{text}".encode()).digest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._kept}
        if missing:
            rows = (await self._embedder.passages(list(missing.values()))).rows(slice(None))
            self._kept |= zip(missing, rows, strict=True)
        return Vectors(data=b"".join(self._kept[key] for key in keys), size=self.size)

    async def query(self, text: str) -> Vectors:
        return await self.passages([text])

    def save(self) -> None:
        self._file.write_bytes(pickle.dumps(self._kept))


class MemorySearch:
    """Dense and BM25 over a data set's passages, joined by ranks with twice the weight for dense."""

    def __init__(self, data: DataSet, vectors: NDArray[np.float32]) -> None:
        self._data = data
        self._vectors = vectors
        counts = [Counter(terms(f"{passage.title} {passage.text}")) for passage in data.passages]
        self._lengths = np.array([sum(count.values()) for count in counts], dtype=float)
        self._lengths /= self._lengths.mean()
        self._postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, count in enumerate(counts):
            for term, times in count.items():
                self._postings[term].append((number, times))
        self._articles = np.array([passage.article for passage in data.passages])

    def sources(self, question: Question, asked: NDArray[np.float32], condition: Condition, limit: int) -> list[int]:
        """The numbers of the best passages among those the condition leaves."""
        gone = np.zeros(len(self._lengths), dtype=bool)
        if condition == "article_removed":
            gone = self._articles == question.article
        elif condition == "passage_removed":
            gone[list(question.passages)] = True
        dense = np.where(gone, -np.inf, self._vectors @ asked)
        lexical = np.where(gone, -np.inf, self._bm25(question.text))
        joined = 2 / (60 + _ranks(dense)) + 1 / (60 + _ranks(lexical))
        return [int(i) for i in np.argsort(-joined, kind="stable")[:limit]]

    def _bm25(self, text: str) -> NDArray[np.float64]:
        scores = np.zeros(len(self._lengths))
        for term in set(terms(text)):
            found = self._postings.get(term, [])
            idf = math.log(1 + (len(scores) - len(found) + 0.5) / (len(found) + 0.5))
            for number, times in found:
                scores[number] += idf * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * self._lengths[number]))
        return scores


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    ranks = np.empty(len(scores), dtype=np.int64)
    ranks[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return ranks


def as_sources(data: DataSet, numbers: Sequence[int]) -> tuple[Source, ...]:
    """The passages as an answer's sources; the chunk's id is its number."""
    return tuple(
        Source(
            id=str(place),
            chunk_id=str(number),
            document_id=str(data.passages[number].article),
            version_id="",
            title=data.passages[number].title,
            text=data.passages[number].text,
            language=data.language,
            sentences=data.passages[number].sentences,
        )
        for place, number in enumerate(numbers, start=1)
    )
