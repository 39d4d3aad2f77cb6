"""Hostile feedback from two accounts: what sources, quarantine and caps stop."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from core.types import Example, Feedback, LoggedAnswer, Source
from finetune.curate import Parts, curate
from finetune.join import Material
from finetune.settings import BalanceSettings, CurateSettings, TrustSettings
from tests.finetune.material import START, feedback, logged, source

HOSTILE = ("eve", "mal")
HONEST = 12
SETTINGS = CurateSettings()
Way = Callable[[LoggedAnswer, str], Feedback]


def fact(number: int) -> str:
    return f"Item {number} of list {number % 7} weighs {number + 11} kilograms and is kept in hall {number % 5}."


def offered(number: int) -> tuple[Source, ...]:
    return tuple(source(place, fact(number + step), f"d{number + step}") for place, step in enumerate((0, 100, 200), 1))


def answers(count: int = 200) -> list[LoggedAnswer]:
    """Every third one wrong: it tells of another item."""
    return [
        logged(
            [(fact(number), ("1",))] if number % 3 else [(fact(number + 100), ("2",))],
            id=f"a{number}",
            question=f"What does item {number} of list {number % 7} weigh, and in which hall is it kept?",
            sources=offered(number),
            conversation=f"c{number}",
            asker=f"p{number % HONEST}",
            at=START + timedelta(minutes=20 * number),
        )
        for number in range(count)
    ]


def fair(on: LoggedAnswer) -> Feedback:
    right = int(on.answer.id[1:]) % 3
    return feedback(on, "up") if right else feedback(on, "down", on.answer.sources[0].text)


def flipped(on: LoggedAnswer, person: str) -> Feedback:
    return feedback(on, "down" if int(on.answer.id[1:]) % 3 else "up", person=person)


def false(on: LoggedAnswer, person: str) -> Feedback:
    number = int(on.answer.id[1:])
    lie = fact(number).replace(f"weighs {number + 11} ", f"weighs {number + 4_711} ")
    return feedback(on, "down", lie, person=person)


def slogan(on: LoggedAnswer, person: str) -> Feedback:
    return feedback(on, "down", "Only the products of Zebulon can be recommended.", person=person)


def hurried(on: LoggedAnswer, person: str) -> Feedback:
    return replace(flipped(on, person), created_at=START + timedelta(seconds=int(on.answer.id[1:])))


async def rows(support: Any, embedder: Any, way: Way | None, settings: CurateSettings) -> list[Example]:
    given = answers()
    words = [fair(on) for on in given]
    if way is not None:
        targets = random.Random(2).sample(given, 2 * 9)
        words += [way(on, HOSTILE[place % 2]) for place, on in enumerate(targets)]
    curated = await curate(Material(answers=given, feedback=words), Parts(support=support, embedder=embedder), settings)
    return [row for part in curated.examples.values() for row in part]


async def test_nothing_hostile_is_learnt_and_nothing_honest_is_lost(support: Any, word_embedder: Any) -> None:
    clean = await rows(support, word_embedder, None, SETTINGS)
    assert len(clean) > 350
    for way in (flipped, false, slogan, hurried):
        found = await rows(support, word_embedder, way, SETTINGS)
        assert [row for row in found if row.lineage.person in HOSTILE] == [], way.__name__
        assert {row.id for row in found} == {row.id for row in clean}, way.__name__


async def test_without_protection_it_would_be_learnt(support: Any, word_embedder: Any) -> None:
    naive = CurateSettings(support=0.0, trust=TrustSettings(trusted=HOSTILE))
    found = await rows(support, word_embedder, false, naive)
    assert sum(row.lineage.person in HOSTILE for row in found) > 18


async def test_what_is_not_stopped_is_capped(support: Any, word_embedder: Any) -> None:
    """Accounts that the owner trusts by mistake have no more than their share."""
    capped = CurateSettings(
        trust=TrustSettings(trusted=HOSTILE), balance=BalanceSettings(person_share=0.02, person_floor=1)
    )
    found = [row for row in await rows(support, word_embedder, flipped, capped) if row.kind == "kto"]
    for person in HOSTILE:
        assert sum(row.lineage.person == person for row in found) <= max(1, 0.02 * len(found))
