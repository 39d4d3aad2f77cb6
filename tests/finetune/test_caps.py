"""Nobody, and no topic, weighs more than its share."""

from __future__ import annotations

from collections import Counter

import pytest

from core.types import Example, Lineage
from finetune.caps import cap, most
from finetune.report import Report
from finetune.settings import BalanceSettings
from finetune.topics import Topics

SETTINGS = BalanceSettings(person_share=0.1, person_floor=5, topic_share=0.5, topic_floor=5)


def rows(person: str | None, count: int, kind: str = "kto", topics: int = 4) -> list[Example]:
    lineage = Lineage(maker="thumb", person=person)
    return [
        Example(id=f"{person}-{kind}-{n}", kind=kind, lineage=lineage, question=f"topic {n % topics}")  # type: ignore[arg-type]
        for n in range(count)
    ]


def about(examples: list[Example]) -> Topics:
    return Topics(of={each.question: int(each.question.split()[1]) for each in examples})


def test_a_person_has_no_more_than_a_share_of_what_stays() -> None:
    given = [row for person in range(15) for row in rows(f"p{person}", 10)] + rows("eve", 300)
    report = Report()
    kept = cap(given, about(given), SETTINGS, report)
    counts = Counter(row.lineage.person for row in kept)
    assert counts["eve"] <= 0.1 * len(kept)
    assert all(counts[f"p{person}"] == 10 for person in range(15))
    assert report.fates
    assert {(fate.outcome, fate.reason) for fate in report.fates} == {("left_out", "person_cap")}
    assert len(kept) + len(report.fates) == len(given)


def test_what_stays_of_a_person_is_spread_over_topics() -> None:
    given = [row for person in range(15) for row in rows(f"p{person}", 8)] + rows("eve", 300)
    kept = [row for row in cap(given, about(given), SETTINGS, Report()) if row.lineage.person == "eve"]
    counts = Counter(row.question for row in kept)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_topic_has_no_more_than_a_share_and_its_persons_share_it() -> None:
    given = [row for person in "abcdefghijklmn" for row in rows(person, 20, topics=1)]
    given += [
        Example(id=f"o{n}", kind="kto", lineage=Lineage(maker="thumb", person=f"o{n}"), question="topic 1")
        for n in range(40)
    ]
    kept = cap(given, about(given), SETTINGS, Report())
    sizes = Counter(row.question for row in kept)
    assert sizes["topic 0"] == 40
    people = Counter(row.lineage.person for row in kept if row.question == "topic 0")
    assert max(people.values()) - min(people.values()) <= 1


def test_floors_and_what_nobody_said_have_no_cap_of_a_persons() -> None:
    given = rows("ana", 5) + rows(None, 100)
    assert cap(given, about(given), BalanceSettings(person_share=0.01, person_floor=5), Report()) == given


def test_kinds_are_capped_among_themselves() -> None:
    given = rows("eve", 20, "sft") + [row for person in range(20) for row in rows(f"p{person}", 10)]
    counts = Counter(row.kind for row in cap(given, about(given), SETTINGS, Report()))
    assert counts == {"sft": 5, "kto": 200}


def test_the_order_rows_come_in_does_not_tell_which_stay() -> None:
    given = [row for person in range(15) for row in rows(f"p{person}", 10)] + rows("eve", 300)
    one = {row.id for row in cap(given, about(given), SETTINGS, Report())}
    assert {row.id for row in cap(given[::-1], about(given), SETTINGS, Report())} == one


def test_questions_like_no_other_are_set_apart() -> None:
    given = rows("ana", 4)
    report = Report()
    kept = cap(given, Topics(of=about(given).of, alone=frozenset({"topic 2"})), SETTINGS, report)
    assert [row.question for row in kept] == ["topic 0", "topic 1", "topic 3"]
    assert [(fate.outcome, fate.reason) for fate in report.fates] == [("quarantined", "outlier")]


@pytest.mark.parametrize(
    ("sizes", "share", "floor", "expected"),
    [
        ([], 0.1, 5, 0),
        ([3, 3], 0.1, 5, 3),
        ([100], 0.1, 5, 5),
        ([10] * 20, 0.1, 5, 10),
        ([10] * 20 + [200], 0.1, 5, 22),
    ],
)
def test_the_most_that_each_may_have(sizes: list[int], share: float, floor: int, expected: int) -> None:
    limit = most(sizes, share, floor)
    assert limit == expected
    assert limit <= max(floor, share * sum(min(size, limit) for size in sizes)) or not sizes or max(sizes) <= limit
