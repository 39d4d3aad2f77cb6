"""Rows that say the same, nearly the same, or the opposite."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.types import Example, Lineage, Message
from finetune.duplicates import PERMUTATIONS, Alike, bands, distinct, uncontradicted
from finetune.report import Report
from finetune.rows import identified
from tests.finetune.material import START

LONG = (
    "Employees in Germany receive 28 days of paid vacation per year, and unused days expire at the end of March of the "
    "following year unless the manager has agreed in writing that they are carried over."
)


def row(
    question: str, completion: str, minutes: int = 0, person: str = "ana", maker: str = "thumb", **others: object
) -> Example:
    given = {"kind": "sft", "prompt": (Message(role="user", content=question),), **others}
    lineage = Lineage(maker=maker, person=person, at=START + timedelta(minutes=minutes))
    return identified(Example(id="", question=question, completion=completion, lineage=lineage, **given))  # type: ignore[arg-type]


def test_the_oldest_of_the_same_stays_whatever_order_they_come_in() -> None:
    one, two = row("How many days?", LONG, 1), row("How many days?", LONG, 5, person="ben")
    report = Report()
    assert distinct([two, one], 0.9, report) == [one]
    assert [(fate.subject, fate.reason) for fate in report.fates] == [(f"example:{two.id}", "duplicate")]


def test_near_duplicates_are_one_and_other_numbers_are_another() -> None:
    one = row("How many days?", LONG, 1)
    near = row("How many days?", LONG.replace("Employees", "employees,").replace("agreed in", "agreed, in"), 2)
    nearer = row("How many days??", LONG.replace("end of March", "end of  march!"), 3)
    other = row("How many days?", LONG.replace("28", "30"), 4)
    report = Report()
    assert distinct([one, near, nearer, other], 0.9, report) == [one, other]
    assert {fate.reason for fate in report.fates} == {"near_duplicate"}
    assert distinct([row("What of trains?", "Second class."), row("What of flights?", "A manager.")], 0.9, Report())


def test_kinds_and_labels_are_compared_among_themselves() -> None:
    rows = [row("q?", LONG), row("q?", LONG, kind="kto", label=True), row("q?", LONG, kind="kto", label=False)]
    assert len(distinct(rows, 0.9, Report())) == 3


def test_likeness_is_the_true_one() -> None:
    shelf = Alike(0.8)
    shelf.add("abcdefghijklmnopqrstuvwxyz" * 2)
    assert shelf.find("abcdefghijklmnopqrstuvwxyz" * 3) == "0", "the same pieces"
    shelf = Alike(0.5)
    shelf.add("the quick brown fox jumps over the lazy dog")
    assert shelf.find("a slow green turtle crawls under an eager cat") is None
    assert Alike(0.9).find("anything") is None


def test_thousands_of_texts_are_told_apart_by_one_word_and_found_again() -> None:
    shelf = Alike(0.9)
    words = [f"{first}{second}" for first in "bcdfghjklmnp" for second in "aeiou"]
    texts = [
        f"Question about the {one} rule of the {two} department of the house" for one in words for two in words[:8]
    ]
    for text in texts:
        shelf.add(text)
    assert [shelf.find(text.upper()) for text in texts] == [str(number) for number in range(len(texts))]


@pytest.mark.parametrize(("good", "bad", "stays"), [(2, 1, {True}), (1, 2, {False}), (1, 1, set())])
def test_what_is_told_good_and_bad_is_told_by_most_people(good: int, bad: int, stays: set[bool]) -> None:
    rows = [row("q?", LONG, person=f"g{n}", kind="kto", label=True) for n in range(good)]
    rows += [row("q?", LONG, person=f"b{n}", kind="kto", label=False) for n in range(bad)]
    report = Report()
    assert {each.label for each in uncontradicted(rows, report)} == stays
    assert {fate.reason for fate in report.fates} == {"contradicted"}


def test_where_they_are_even_a_correction_outweighs_a_thumb() -> None:
    bad = row("q?", LONG, person="ana", maker="correction", kind="kto", label=False)
    good = row("q?", LONG, person="eve", kind="kto", label=True)
    more = row("q?", LONG, person="mal", kind="kto", label=True)
    assert uncontradicted([bad, good], Report()) == [bad]
    assert uncontradicted([bad, good, more], Report()) == [good, more]


def test_one_person_is_one_voice() -> None:
    rows = [row("q?", LONG, n, person="eve", kind="kto", label=False) for n in range(9)]
    rows += [row("q?", LONG, person=name, kind="kto", label=True) for name in ("ana", "ben")]
    assert {each.label for each in uncontradicted(rows, Report())} == {True}


def test_pairs_the_other_way_round_contradict() -> None:
    one = row("q?", "A", person="ana", kind="preference", rejected="B")
    other = row("q?", "B", person="eve", kind="preference", rejected="A")
    third = row("q?", "A", person="ben", kind="preference", rejected="B")
    assert uncontradicted([one, other], Report()) == []
    assert uncontradicted([one, other, third], Report()) == [one, third]
    elsewhere = replace(other, question="What else?")
    assert uncontradicted([one, elsewhere], Report()) == [one, elsewhere]


@pytest.mark.parametrize("threshold", [0.1, 0.35, 0.5, 0.75, 0.85])
def test_texts_as_alike_as_asked_for_share_a_band_more_often_than_not(threshold: float) -> None:
    number, rows = bands(threshold)
    assert number * rows <= PERMUTATIONS
    assert 1 - (1 - threshold**rows) ** number > 0.5
    assert 1 - (1 - (threshold + 0.15) ** rows) ** number > 0.9
    assert 1 - (1 - (threshold - 0.1) ** rows) ** number < 0.7, "and those less alike are not all looked at"
