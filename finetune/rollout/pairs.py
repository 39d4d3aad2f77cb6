"""What is compared during a trial: pairs whose difference is 0 in the mean where both arms are the same.

*Questions*: both arms answered the same one. Who is asked beside is decided before either has answered, so that what
comes of it cannot choose its pairs. *Arrivals*: the k-th answer shown by one arm with the k-th shown by the other, for
what would not be fair between an answer that a person waits for and one that nobody does. People are in an arm by
chance, so arrivals are exchangeable. What comes later never changes a pair that there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from finetune.rollout.stages import Arm, Observation, Thumb

Pair = tuple[Observation, Observation]
"""The candidate's and the champion's."""


def question_pairs(observations: Iterable[Observation], per_person: int) -> list[Pair]:
    """Both arms' answers to the same question, in the order in which the second came; at most `per_person` of one
    person, so that nobody decides alone."""
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


def arrival_pairs(observations: Iterable[Observation], per_person: int) -> list[Pair]:
    """Answers that were shown and did not fail, each arm's k-th with the other's k-th."""
    arms: dict[Arm, list[Observation]] = {"candidate": [], "champion": []}
    count: Counter[str] = Counter()
    for each in observations:
        if each.shown and each.figures.failed is None:
            count[each.principal_id] += 1
            if count[each.principal_id] <= per_person:
                arms[each.arm].append(each)
    return list(zip(arms["candidate"], arms["champion"], strict=False))


def thumb_pairs(thumbs: Sequence[Thumb]) -> Iterator[tuple[Thumb, Thumb]]:
    """First words of people, each arm's k-th with the other's k-th."""
    arms: dict[Arm, list[Thumb]] = {"candidate": [], "champion": []}
    for each in thumbs:
        arms[each.arm].append(each)
    return zip(arms["candidate"], arms["champion"], strict=False)


__all__ = ["Pair", "arrival_pairs", "question_pairs", "thumb_pairs"]
