"""What is compared during a trial: pairs whose difference is 0 in the mean where both arms are the same.

*Questions*: both arms answered the same one. Who is asked beside is decided before either has answered, so that what
comes of it cannot choose its pairs. *Neighbours*: an answer shown by one arm with the latest of the other that is in no
pair yet, for what would not be fair between an answer that a person waits for and one that nobody does.
People are in an arm by chance, and neighbours meet the same load, whatever the hour. But who asks for long answers
goes on to do so, in the same arm: only their first ones count among neighbours. What comes later never changes a pair
that there is.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import TypeVar

from finetune.rollout.stages import Arm, Observation, Thumb

_T = TypeVar("_T", Observation, Thumb)
Pair = tuple[Observation, Observation]
"""The candidate's and the champion's."""
_NEAR = 20
"""So many of one arm wait for one of the other; the oldest gives way."""
FIRST = 5
"""Answers of one person among neighbours. A habit is worth as many bets, which are not fair once it is known: with many
of them, one arm's patient people are taken for a slow candidate. So few alone reach no limit."""


def question_pairs(observations: Iterable[Observation], per_person: int) -> list[Pair]:
    """Both arms' answers to the same question, in the order in which the second came; at most `per_person` of one
    person. Habits are the same for both arms here, but who repeats a question repeats its pair: a dozen that could not
    be worse are a breach on their own."""
    waiting: dict[str, Observation] = {}
    pairs: list[Pair] = []
    count: Counter[str] = Counter()
    for each in observations:
        other = waiting.setdefault(each.answer_id, each)
        if other.arm == each.arm:
            continue
        del waiting[each.answer_id]
        count[each.principal_id] += 1
        if count[each.principal_id] <= per_person:
            pairs.append((each, other) if each.arm == "candidate" else (other, each))
    return pairs


def neighbour_pairs(observations: Iterable[Observation], per_person: int) -> list[Pair]:
    """Answers that were shown and did not fail, each with the nearest of the other arm; of one person the first
    `per_person`, and never more than `FIRST`."""
    count: Counter[str] = Counter()
    shown = []
    for each in observations:
        if each.shown and each.figures.failed is None:
            count[each.principal_id] += 1
            if count[each.principal_id] <= min(per_person, FIRST):
                shown.append(each)
    return _neighbours(shown)


def thumb_pairs(thumbs: Iterable[Thumb]) -> list[tuple[Thumb, Thumb]]:
    """First words of people, each with the nearest of the other arm."""
    return _neighbours(thumbs)


def _neighbours(coming: Iterable[_T]) -> list[tuple[_T, _T]]:
    waiting: dict[Arm, deque[_T]] = {"candidate": deque(maxlen=_NEAR), "champion": deque(maxlen=_NEAR)}
    pairs: list[tuple[_T, _T]] = []
    for each in coming:
        others = waiting["champion" if each.arm == "candidate" else "candidate"]
        if others:
            other = others.pop()
            pairs.append((each, other) if each.arm == "candidate" else (other, each))
        else:
            waiting[each.arm].append(each)
    return pairs


__all__ = ["FIRST", "Pair", "neighbour_pairs", "question_pairs", "thumb_pairs"]
