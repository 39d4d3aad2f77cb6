"""How far a statement is carried by the sources it cites. Deterministic: no model beyond the embedder.

A statement made of a source's own sentences has full support, and costs no embedding. A reworded one is held against
the sentences of its sources that share most words with it: support is a logistic function of its likeness in meaning
to one of them and of the share of its terms that one has, fitted by `bench/calibrate_support.py` on claims and the
abstracts that support them or merely lie near. A number that no cited source has, or a negation set or dropped in
otherwise the same words, keeps support low. What this cannot see is a contradiction in other words: that is a judge's
part (`agents/judging.py`).
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agents.settings import VerifySettings
from core.ports import Embedder
from core.terms import begins_item, numbers, squeezed, terms, unnumbered
from core.types import Source, Vectors

VERBATIM = 1.0
"""The support of a source's own words; that of a rewording stays below it."""
CAP = 0.3
"""The most support of a statement whose number or negation its sources do not have."""
COSINE, SHARED, BIAS = 7.6, 1.4, -5.8
"""Weights of likeness in meaning and of shared terms."""
SAME_WORDS = 0.7
"""The share of terms in common from which a negation on one side only is a contradiction."""

_SENTENCE_END = re.compile(r"(?<=[.!?。！？؟])[\"'”’」』)\]]*(?:\s+|(?<=[。！？]))|\n+")
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|neither|nor|cannot|without|nicht|kein\w*|nie|niemals|ohne|weder|ne|pas|jamais|sin|nunca|"
    r"non|mai|senza|não|niet|geen)\b|n['’]t\b|[不没沒無无未非]|\b(?:لا|لم|لن|ليس|ليست|غير|بدون)\b",
    re.IGNORECASE,
)


class Verifier(Protocol):
    """Says how far sources carry a statement."""

    async def support(self, statement: str, sources: Sequence[Source]) -> float:
        """In [0, 1]; 0 without sources. Raises `EmbedderUnavailable` if it needs an embedder that does not answer."""
        ...


class SimilarityVerifier:
    """Support by words, numbers and likeness in meaning."""

    def __init__(self, embedder: Embedder, settings: VerifySettings) -> None:
        self._embedder = embedder
        self._settings = settings

    async def support(self, statement: str, sources: Sequence[Source]) -> float:
        """See `Verifier.support`."""
        if not sources or not squeezed(statement):
            return 0.0
        if any(_verbatim(statement, source) for source in sources):
            return VERBATIM
        nearest = nearest_sentences(statement, sources, self._settings.sentences)
        if not nearest:
            return 0.0
        cosines = await self._cosines(statement, nearest)
        shared = np.array([_shared(statement, sentence) for sentence in nearest])
        logits = COSINE * cosines + SHARED * shared + BIAS
        best = int(logits.argmax())
        support = float(1 / (1 + np.exp(-logits[best])))
        known = numbers(" ".join(f"{source.title} {source.text}" for source in sources))
        turned = bool(_NEGATION.search(statement)) != bool(_NEGATION.search(nearest[best]))
        if numbers(statement) - known or (turned and shared[best] >= SAME_WORDS):
            support = min(support, CAP)
        return round(support, 4)

    async def _cosines(self, statement: str, sentences: Sequence[str]) -> NDArray[np.float32]:
        rows = await self._embedder.passages([statement, *sentences])
        return await asyncio.to_thread(_products, rows)


def _products(rows: Vectors) -> NDArray[np.float32]:
    matrix = np.frombuffer(rows.data, dtype="<f4").reshape(-1, rows.size)
    return np.asarray(matrix[1:] @ matrix[0], dtype=np.float32)


def _verbatim(statement: str, source: Source) -> bool:
    """Is it whole sentences of the source, but for white space, hyphenation and marks? For a table: one row's words."""
    found = _sentences(source)
    if source.heading_path and begins_item(found[0]):  # a list that its heading leads to
        found.insert(0, unnumbered(source.heading_path[-1]))
    if numbers(statement) - numbers(" ".join([found[0], source.text])):
        return False
    said = squeezed(statement)
    cut = statement.endswith("…")
    sentences = [squeezed(sentence) for sentence in found]
    for first in range(len(sentences)):
        run = ""
        for sentence in sentences[first:]:
            run += sentence
            if run == said or (cut and run.startswith(said)):
                return True
            if not said.startswith(run):
                break
    if _is_item_of_list(said, found):
        return True
    return source.kind == "table" and _in_one_row(statement, source)


def _is_item_of_list(said: str, sentences: Sequence[str]) -> bool:
    """Is it one item of a list behind the sentence that leads to the list: "Not covered are: lightning."?"""
    for first, lead in enumerate(sentences):
        start = squeezed(lead)
        if lead.endswith((".", "!", "?", ";", ",")) or not start or not said.startswith(start):
            continue
        item = ""
        for sentence in sentences[first + 1 :]:
            item = squeezed(sentence) if begins_item(sentence) else item + squeezed(sentence)
            if not begins_item(sentences[first + 1]) or sentence.endswith((":", "：")):
                break  # no list, or the beginning of the next one
            if start + item == said:
                return True
    return False


def _in_one_row(statement: str, source: Source) -> bool:
    """Do all its words stand in one row and what stands above the rows, as often as it says them?"""
    said = Counter(terms(statement))
    spans = [(start, end) for start, end in source.sentences if " | " in source.text[start:end]]
    if spans:  # what stands before them is caption and header
        above = source.text[: spans[0][0]]
        rows = [source.text[start:end] for start, end in spans]
    else:
        above, _, below = source.text.partition("\n")
        rows = below.splitlines()
    return bool(said) and any(said <= Counter(terms(f"{above}\n{row}")) for row in rows)


def _shared(statement: str, text: str) -> float:
    """The share of the statement's different terms that the text has, longer terms weighing more."""
    known = set(terms(text))
    weights = {term: min(len(term), 6) for term in terms(statement)}
    total = sum(weights.values())
    return sum(weight for term, weight in weights.items() if term in known) / total if total else 0.0


def nearest_sentences(statement: str, sources: Sequence[Source], limit: int) -> list[str]:
    """The sentences of the sources that share most terms with the statement."""
    said = set(terms(statement))
    sentences = [sentence for source in sources for sentence in _sentences(source)]
    ranked = sorted(sentences, key=lambda sentence: len(said & set(terms(sentence))), reverse=True)
    return ranked[:limit]


def _sentences(source: Source) -> list[str]:
    spans = [source.text[start:end] for start, end in source.sentences]
    found = [text.strip() for text in spans or _SENTENCE_END.split(source.text)]
    return [text for text in found if text] or [source.text]
