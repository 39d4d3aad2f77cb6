"""How much one person and one topic may weigh in what is learnt: no more than a share of each kind of rows.

Which rows stay is told by their ids' digests, turn by turn over a person's topics and a topic's persons: nobody can
push others out by being first or last.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence

from core.types import Example
from finetune.report import Report
from finetune.settings import BalanceSettings
from finetune.topics import Topics, asked


def cap(examples: Sequence[Example], topics: Topics, settings: BalanceSettings, report: Report) -> list[Example]:
    """Those within the caps, in order. Rows that rest on nobody's word have no cap of a person's."""
    chosen: set[int] = set(range(len(examples)))
    for index, example in enumerate(examples):
        if asked(example) in topics.alone:
            chosen.discard(index)
            detail = "Its question is like no other; look at it, and import it if it is meant."
            report.add(f"example:{example.id}", "cap", "quarantined", "outlier", detail)
    for kind in sorted({example.kind for example in examples}):
        rows = [index for index in sorted(chosen) if examples[index].kind == kind]
        person = {index: examples[index].lineage.person for index in rows}
        topic = {index: topics.of[asked(examples[index])] for index in rows}
        turn = {index: _turn(examples[index].id) for index in rows}
        of_people = [index for index in rows if person[index] is not None]
        for name, members, own, other, share, floor in (
            ("person_cap", of_people, person, topic, settings.person_share, settings.person_floor),
            ("topic_cap", rows, topic, person, settings.topic_share, settings.topic_floor),
        ):
            members = [index for index in members if index in chosen]
            for index in _over(members, own, other, turn, share, floor):
                chosen.discard(index)
                detail = f"There are enough {kind} rows of its {name.partition('_')[0]} without it."
                report.add(f"example:{examples[index].id}", "cap", "left_out", name, detail)
    return [example for index, example in enumerate(examples) if index in chosen]


def most(sizes: Sequence[int], share: float, floor: int) -> int:
    """The most rows that each of these may have so that none has more than its share of all that stay, or the floor."""
    limit = max(sizes, default=0)
    while True:
        allowed = max(floor, int(share * sum(min(size, limit) for size in sizes)))
        if allowed >= limit:
            return limit
        limit = allowed


def _over(
    members: Sequence[int],
    own: Mapping[int, Hashable],
    other: Mapping[int, Hashable],
    turn: Mapping[int, str],
    share: float,
    floor: int,
) -> list[int]:
    sizes = Counter(own[index] for index in members)
    limit = most(list(sizes.values()), share, floor)
    over = []
    for whose, size in sizes.items():
        if size > limit:
            mine = [index for index in members if own[index] == whose]
            over += _in_turns(mine, other, lambda index: turn[index])[limit:]
    return sorted(over)


def _in_turns(members: Sequence[int], other: Mapping[int, Hashable], key: Callable[[int], str]) -> list[int]:
    """One of each, then a second one of each, and so on."""
    rounds: Counter[Hashable] = Counter()
    placed = []
    for index in sorted(members, key=key):
        placed.append((rounds[other[index]], key(index), index))
        rounds[other[index]] += 1
    return [index for _, _, index in sorted(placed)]


def _turn(id: str) -> str:
    return hashlib.sha256(f"turn:{id}".encode()).hexdigest()
