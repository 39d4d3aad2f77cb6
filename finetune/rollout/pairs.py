"""What is compared during a trial: pairs whose difference is 0 in the mean where both arms are the same.

*Questions*: both arms answered the same one. Which are asked beside is decided before either has answered, so that what
comes of it cannot choose its pairs. One person, and one question, counts so often and no more: who repeats a question
repeats its pair, which is no bet on anything unknown.
*Turns*, for the time that answers take: the second answer to a question is written after the first, when the load is
another, which is no fair comparison. So a question that the candidate answered first stands beside one that the
champion did, and their differences are taken together: what belongs to the order falls out.
*Neighbours*: the first words of people, each with the latest of the other arm that is in no pair yet.
What comes later never changes a pair that there is.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import Generic, Literal, TypeVar

from finetune.rollout.stages import Observation, Thumb

_T = TypeVar("_T")
Side = Literal["candidate", "champion"]
Pair = tuple[Observation, Observation]
"""The candidate's and the champion's."""
_NEAR = 20
"""So many of one side wait for one of the other; the oldest gives way."""
_ALONE = 10_000
"""Answers without the other arm's that are remembered: what is written beside comes within minutes."""


class QuestionPairs:
    """Both arms' answers to the same question, in the order in which the second came; at most `per_person` of one
    person and `per_question` of one question, whoever asks it."""

    def __init__(self, per_person: int, per_question: int) -> None:
        self._per_person, self._per_question = per_person, per_question
        self._waiting: OrderedDict[str, Observation] = OrderedDict()
        self._people: Counter[str] = Counter()
        self._questions: Counter[str] = Counter()
        self.count = self.left_out = 0

    def add(self, each: Observation) -> Pair | None:
        """The pair that is whole with this observation and counts, if there is one."""
        other = self._waiting.setdefault(each.answer_id, each)
        if other.arm == each.arm:
            if len(self._waiting) > _ALONE:
                self._waiting.popitem(last=False)
            return None
        del self._waiting[each.answer_id]
        person, question = each.principal_id, each.figures.question or each.answer_id
        if self._people[person] >= self._per_person or self._questions[question] >= self._per_question:
            self.left_out += 1
            return None
        self._people[person] += 1
        self._questions[question] += 1
        self.count += 1
        return (each, other) if each.arm == "candidate" else (other, each)


class Neighbours(Generic[_T]):
    """Pairs of what comes from two sides, each with the nearest of the other one: (candidate's, champion's)."""

    def __init__(self) -> None:
        self._waiting: dict[Side, deque[_T]] = {"candidate": deque(maxlen=_NEAR), "champion": deque(maxlen=_NEAR)}

    def add(self, side: Side, each: _T) -> tuple[_T, _T] | None:
        """The pair that is whole with this one, if there is one."""
        others = self._waiting["champion" if side == "candidate" else "candidate"]
        if not others:
            self._waiting[side].append(each)
            return None
        other = others.pop()
        return (each, other) if side == "candidate" else (other, each)


class Turns:
    """Questions that the candidate answered first, each with the nearest that the champion answered first; those that
    an arm failed on took no time that says anything."""

    def __init__(self) -> None:
        self._sides: Neighbours[Pair] = Neighbours()

    def add(self, pair: Pair) -> tuple[Pair, Pair] | None:
        """The two questions that stand beside each other with this one, if there are two."""
        candidate, champion = pair
        if candidate.shown == champion.shown or any(each.figures.failed is not None for each in pair):
            return None
        return self._sides.add("candidate" if candidate.shown else "champion", pair)


class ThumbPairs:
    """First words of people, each with the nearest of the other arm; a person's further words do not count."""

    def __init__(self) -> None:
        self._people: set[str] = set()
        self._sides: Neighbours[Thumb] = Neighbours()

    def add(self, thumb: Thumb) -> tuple[Thumb, Thumb] | None:
        """The pair that is whole with this one, if there is one."""
        if thumb.principal_id in self._people:
            return None
        self._people.add(thumb.principal_id)
        return self._sides.add(thumb.arm, thumb)


__all__ = ["Neighbours", "Pair", "QuestionPairs", "ThumbPairs", "Turns"]
