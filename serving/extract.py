"""The best sentences for a question, and how confident one may be that they answer it.

Each sentence is scored by likeness in meaning and by the question's terms that it has, that stand near it, and that
its passage has, rare terms weighing more. Repetition is kept out by maximal marginal relevance (Carbonell and
Goldstein, 1998). Confidence is a logistic function of the best sentence's features. Weights were fitted by
`bench/calibrate_answers.py` on questions whose article was present or removed; cues of the expected answer's type (a
number, a date, a name) were measured to gain nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.terms import squeezed, terms
from serving.follow_up import Focus, names
from serving.sentences import Candidate

Matrix = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Weights of a sentence's features: cosine, terms in it, near it, around it, and its passage's rank."""

    cosine: float
    own: float
    near: float
    around: float
    rank: float

    def row(self) -> Matrix:
        return np.array([self.cosine, self.own, self.near, self.around, self.rank], dtype=np.float32)


RANKING = Weights(cosine=3.5, own=3.5, near=3.25, around=3.05, rank=1.85)
CONFIDENCE = Weights(cosine=6.1, own=1.2, near=0.5, around=2.2, rank=0.0)
CONFIDENCE_BIAS = -4.9

MARGIN = 2.5
"""How far below the best score a further sentence may lie to be said too, its passage's rank counted and not."""
DIVERSITY = 1.0
"""What a sentence loses for being the same, in meaning, as one already chosen."""
REPEATED = 0.9
"""The cosine from which a sentence repeats another."""
CARRIED = 0.3
"""What a term counts that a follow-up only carries over from the question before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Extract:
    """The chosen sentences in reading order, and the confidence in [0, 1] that the best of them answers."""

    confidence: float
    chosen: tuple[Candidate, ...]


NOTHING = Extract(confidence=0.0, chosen=())


def shortlist(question: str, found: Sequence[Candidate], limit: int, focus: Focus | None = None) -> list[Candidate]:
    """The candidates worth comparing by meaning: best by words and rank, in reading order.

    Of a follow-up, those that have to do with the names it asks for; none where its own words say nothing.
    """
    if focus is not None:
        found = _in_focus(found, focus)
    if len(found) <= limit:
        return list(found)
    weights = RANKING.row()
    scores = _lexical(question, found, focus) @ weights[1:]
    best = sorted(np.argsort(-scores, kind="stable")[:limit].tolist())
    return [found[i] for i in best]


def extract(
    question: str,
    found: Sequence[Candidate],
    rows: Matrix,
    asked: Matrix,
    limit: int,
    focus: Focus | None = None,
) -> Extract:
    """At most `limit` sentences. `rows` are the candidates' unit vectors, `asked` is the question's."""
    if not found:
        return NOTHING
    known = features(question, found, rows, asked, focus)
    scores = known @ RANKING.row()
    best = int(scores.argmax())
    logit = float(known[best] @ CONFIDENCE.row()) + CONFIDENCE_BIAS
    without_rank = scores - RANKING.rank * known[:, -1]
    near = (scores >= scores[best] - MARGIN) & (without_rank >= without_rank[best] - MARGIN)
    named = names(question) & found[best].around
    near &= np.array([named <= each.around for each in found])  # the same words about another company add nothing
    chosen = _diverse(np.where(near, scores, -np.inf), rows, best, limit)
    return Extract(
        confidence=1 / (1 + math.exp(-logit)),
        chosen=_once([found[i] for i in chosen]),
    )


def features(
    question: str, found: Sequence[Candidate], rows: Matrix, asked: Matrix, focus: Focus | None = None
) -> Matrix:
    """One row a candidate, one column a weight of `Weights`, in its order."""
    return np.column_stack([rows @ asked, _lexical(question, found, focus)])


def _in_focus(found: Sequence[Candidate], focus: Focus) -> list[Candidate]:
    """The candidates near which a name stands that is asked for, else those whose passage has it.

    "Until when?" has no terms of its own: only figures may answer it. Nothing can be told to answer "Why?".
    """
    if not focus.terms:
        return [each for each in found if focus.figure and any(map(str.isdigit, each.text))]
    if not focus.names:
        return list(found)
    near = [each for each in found if focus.names & each.near]
    return near or [each for each in found if focus.names & each.around]


def _once(chosen: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """In reading order and nothing twice: several items of a list become the list, a part goes without its whole."""
    lists = Counter(each.whole or each for each in chosen)
    said = dict.fromkeys(each.whole if each.whole and lists[each.whole] > 1 else each for each in chosen)
    words = {each: squeezed(each.text) for each in said}
    kept = [each for each in said if not any(words[each] in words[other] for other in said if other is not each)]
    return tuple(sorted(kept, key=lambda candidate: candidate.position))


def _diverse(scores: Matrix, rows: Matrix, best: int, limit: int) -> list[int]:
    chosen = [best]
    alike = rows @ rows.T
    while len(chosen) < min(limit, len(scores)):
        nearest = alike[:, chosen].max(axis=1)
        worth = np.where(nearest < REPEATED, scores - DIVERSITY * nearest, -np.inf)
        worth[chosen] = -np.inf
        following = int(worth.argmax())
        if not np.isfinite(worth[following]):
            break
        chosen.append(following)
    return chosen


def _lexical(question: str, found: Sequence[Candidate], focus: Focus | None) -> Matrix:
    """One row a candidate: shares of the question's term weight in it, near it and around it, and 1 / rank."""
    asked = dict.fromkeys(terms(question))
    seen = Counter(term for candidate in found for term in candidate.own)
    weights = {term: math.log(1 + (len(found) + 1) / (seen[term] + 0.5)) for term in asked}
    if focus is not None:
        full = focus.terms | focus.carried
        weights = {term: weight * (1 if term in full else CARRIED) for term, weight in weights.items()}
    total = sum(weights.values()) or 1.0

    def share(having: frozenset[str]) -> float:
        return sum(weight for term, weight in weights.items() if term in having) / total

    return np.array(
        [[share(c.own), share(c.near), share(c.around), 1 / (1 + c.position[0])] for c in found], dtype=np.float32
    )
