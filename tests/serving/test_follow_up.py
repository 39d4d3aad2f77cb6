"""Follow-ups made to stand alone by rule, in English and German."""

from __future__ import annotations

import pytest

from core.types import Message
from serving.follow_up import depends, stand_alone


def alone(question: str, *before: str) -> str:
    history = [
        Message(role=role, content=text)  # type: ignore[arg-type]
        for asked in before
        for role, text in (("user", asked), ("assistant", "It says nothing of Paris."))
    ]
    return stand_alone(question, history)


FRANCE = "How many vacation days do employees in France get?"


@pytest.mark.parametrize(
    ("before", "question", "whole"),
    [
        (FRANCE, "And in Germany?", "How many vacation days do employees in Germany get?"),
        (FRANCE, "What about Germany?", "How many vacation days do employees in Germany get?"),
        ("What was the revenue in 2022?", "And in 2023?", "What was the revenue in 2023?"),
        ("Wie hoch war der Umsatz 2022?", "Und 2023?", "Wie hoch war der Umsatz 2023?"),
        (
            "Wie viele Urlaubstage gibt es in Frankreich?",
            "Und in Deutschland?",
            "Wie viele Urlaubstage gibt es in Deutschland?",
        ),
    ],
)
def test_a_changed_place_or_year_takes_the_old_ones_place(before: str, question: str, whole: str) -> None:
    assert alone(question, before) == whole


@pytest.mark.parametrize(
    ("before", "question", "carried"),
    [
        ("Who is the CEO of Acme Corp?", "When was she appointed?", {"CEO", "Acme", "Corp"}),
        ("How long is parental leave?", "Why?", {"parental", "leave"}),
        ("How long is parental leave?", "For fathers?", {"parental", "leave"}),
        ("Who is the CEO of Acme Corp?", "What is her salary?", {"CEO", "Acme", "Corp"}),
        ("Was regelt die Reiserichtlinie?", "Gilt sie auch für Praktikanten?", {"Reiserichtlinie"}),
    ],
)
def test_what_points_back_carries_the_words_it_points_to(before: str, question: str, carried: set[str]) -> None:
    whole = alone(question, before)
    assert whole.startswith(question)
    assert carried <= set(whole.removeprefix(question).strip(" ()").split())


@pytest.mark.parametrize(
    "question",
    [
        "Who is the CEO?",
        "What is the parental leave policy?",
        "How long does it take to renew a passport at the embassy?",
        "Wer ist der Datenschutzbeauftragte?",
        "Which employees have to hand in their laptops and badges?",
    ],
)
def test_what_stands_alone_is_left_alone(question: str) -> None:
    assert not depends(question)
    assert alone(question, FRANCE) == question


def test_a_chain_of_follow_ups_keeps_its_subject() -> None:
    whole = alone("And in 2021?", "What was the revenue in Spain in 2023?", "And in 2022?")
    assert whole == "What was the revenue in Spain in 2021?"


def test_without_a_question_before_nothing_changes() -> None:
    assert alone("And there?") == "And there?"
    assert alone("And there?", "?") == "And there?"


def test_what_is_carried_is_bounded() -> None:
    assert len(alone("Why?", "word " + " ".join(f"term{n}" for n in range(500)))) < 200
