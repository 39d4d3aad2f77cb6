"""Raters who go against sources and others are set apart; others are not."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from core.types import Statement
from finetune.blame import Judged
from finetune.report import Report
from finetune.settings import TrustSettings
from finetune.trust import binomial_tail, bursts, trusted, untrusted
from tests.finetune.material import logged, word

HOUR = 3600.0


def judged(person: str, number: int, *, odd: bool = False, rating: str = "up", after: float | None = None) -> Judged:
    on = logged(id=f"{person}-{number}", question=f"Question {person} {number}?", asker=person)
    given = word(on, rating, after=number * HOUR if after is None else after)
    return Judged(word=given, fault="none", reason="up", supported=True, odd=odd)


def crowd(people: int = 10, words: int = 20, rate: float = 0.05, seed: int = 1) -> list[Judged]:
    chance = random.Random(seed)
    return [
        judged(f"p{person}", number, odd=chance.random() < rate) for person in range(people) for number in range(words)
    ]


def test_who_goes_against_the_sources_is_set_apart_with_everything_said() -> None:
    words = [*crowd(), *(judged("eve", number, odd=number % 4 != 0) for number in range(20))]
    report = Report()
    kept = trusted(words, TrustSettings(), report)
    assert [each for each in words if each.word.person != "eve"] == kept
    assert [fate.subject for fate in report.fates if fate.subject.startswith("person:")] == ["person:eve"]
    assert sum(fate.reason == "at_odds" for fate in report.fates) == 21


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rate", [0.0, 0.05, 0.1, 0.3])
def test_honest_people_stay_however_often_they_all_err(seed: int, rate: float) -> None:
    assert untrusted(crowd(30, 20, rate, seed), TrustSettings()) == {}


def test_few_words_prove_nothing_and_the_owners_trust_stands() -> None:
    few = [*crowd(), *(judged("eve", number, odd=True) for number in range(7))]
    assert untrusted(few, TrustSettings()) == {}
    many = [*crowd(), *(judged("eve", number, odd=True) for number in range(20))]
    assert list(untrusted(many, TrustSettings())) == ["eve"]
    assert untrusted(many, TrustSettings(trusted=("eve",))) == {}
    assert untrusted([], TrustSettings()) == {}


def test_who_goes_against_most_others_on_the_same_answers_is_set_apart() -> None:
    words = []
    for number in range(12):
        on = logged(id=f"a{number}", question=f"Question {number}?")
        for person, rating in (("ana", "up"), ("ben", "up"), ("cleo", "up"), ("eve", "down")):
            given = word(on, rating, person=person, after=number * HOUR)
            words.append(Judged(word=given, fault="none", reason="up", supported=True))
    report = Report()
    assert {each.word.person for each in trusted(words, TrustSettings(), report)} == {"ana", "ben", "cleo"}
    assert report.figures["agreement"]["alpha"] < 0.1
    assert report.figures["agreement"]["shared"] == 12
    two = [each for each in words if each.word.person in ("ana", "eve")]
    assert untrusted(two, TrustSettings()) == {}, "one against one shows nothing"


def test_a_correction_that_sources_carry_weighs_as_much_as_two_thumbs() -> None:
    words = []
    for number in range(12):
        on = logged(id=f"a{number}", question=f"Question {number}?")
        corrected = word(on, "down", "It is otherwise.", person="ana", after=number * HOUR)
        statement = Statement(text="It is otherwise.", sources=("1",))
        words.append(Judged(word=corrected, fault="generation", reason="", supported=True, correction=(statement,)))
        thumb = word(on, "up", person="eve", after=number * HOUR)
        words.append(Judged(word=thumb, fault="none", reason="up", supported=True))
    assert list(untrusted(words, TrustSettings())) == ["eve"]
    bare = [replace(each, correction=None) for each in words]
    assert untrusted(bare, TrustSettings()) == {}


def test_a_burst_is_left_out_and_the_rest_of_the_person_stays() -> None:
    quick = [judged("eve", 100 + n, after=50 * HOUR + 10 * n) for n in range(20)]
    slow = [judged("eve", n) for n in range(10)]
    settings = TrustSettings()
    assert bursts([*slow, *quick], settings) == {each.word.feedback.id for each in quick}
    report = Report()
    assert trusted([*slow, *quick], settings, report) == slow
    assert {(fate.outcome, fate.reason) for fate in report.fates} == {("quarantined", "burst")}
    assert bursts([*slow, *quick], TrustSettings(trusted=("eve",))) == set()
    steady = [judged("eve", n, after=30.0 * n) for n in range(60)]
    assert bursts(steady, settings) == set(), "one in half a minute is reading"


@pytest.mark.parametrize(
    ("k", "n", "p", "expected"), [(0, 5, 0.1, 1.0), (5, 5, 0.5, 1 / 32), (1, 3, 0.5, 7 / 8), (3, 3, 0.1, 0.001)]
)
def test_the_binomial_tail(k: int, n: int, p: float, expected: Any) -> None:
    assert binomial_tail(k, n, p) == pytest.approx(expected)
