"""Follow-ups made to stand alone by rule, in English and German."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from core.terms import terms
from core.types import Message
from serving.follow_up import Focus, depends, focus, stand_alone


def talk(*before: str) -> list[Message]:
    return [
        Message(role=role, content=text)  # type: ignore[arg-type]
        for asked in before
        for role, text in (("user", asked), ("assistant", "It says nothing of Paris."))
    ]


def alone(question: str, *before: str) -> str:
    return stand_alone(question, talk(*before))


def focused(question: str, *before: str) -> Focus | None:
    return focus(alone(question, *before), talk(*before))


def stems(*words: str) -> set[str]:
    return set(terms(" ".join(words)))


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
        ("Was regelt die Reiserichtlinie?", "Gilt das auch für Praktikanten?", {"Reiserichtlinie"}),
        ("Wie lange darf man mobil arbeiten?", "Muss ich das beantragen?", {"mobil", "arbeiten"}),
        ("Wie lange darf man mobil arbeiten?", "Wer entscheidet das?", {"mobil", "arbeiten"}),
        ("Wie lange darf man mobil arbeiten?", "Kostet es etwas?", {"mobil", "arbeiten"}),
        ("Wie lange darf man mobil arbeiten?", "Und die Unterlagen?", {"mobil", "arbeiten"}),
        ("How long is parental leave?", "Does that apply to interns?", {"parental", "leave"}),
        ("Where is the canteen?", "What can one eat there?", {"canteen"}),
        # every German noun has a capital: abroad is no week, part-time work no country
        ("Wie viele Tage in der Woche darf man mobil arbeiten?", "Und im Ausland?", {"mobil", "arbeiten"}),
        ("Wie viele Urlaubstage gibt es in Kiel?", "Und bei Teilzeit?", {"Urlaubstage", "Kiel"}),
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
        "Was kostet das Mittagessen?",
        "Wie funktioniert das neue System?",
        "Welche Kurse bieten Sie an?",
        "Gibt es eine Kantine?",
        "¿Cuál es la política?",
        "Is there a canteen?",
        "Which form do I need?",
        "Which employees have to hand in their laptops and badges?",
    ],
)
def test_what_stands_alone_is_left_alone(question: str) -> None:
    assert not depends(question)
    assert alone(question, FRANCE) == question


def test_what_is_asked_anew_is_told_from_what_is_carried() -> None:
    abroad = focused("Und im Ausland?", "Wie viele Tage in der Woche darf man mobil arbeiten?")
    assert abroad == Focus(terms=frozenset(stems("Ausland")), names=frozenset(stems("Ausland")))

    tokyo = focused("And in Tokyo?", "How many hours has a full-time week in Kiel?")
    assert tokyo == Focus(terms=frozenset(stems("Tokyo")), names=frozenset(stems("Tokyo")))

    year = focused("And for 2024?", "What was the bonus for 2025?")
    assert year is not None
    assert year.names == {"2024"}

    cost = focused("Kostet das etwas?", "Wie lange darf man mobil arbeiten?")
    assert cost == Focus(terms=frozenset(stems("kostet")), names=frozenset())

    day = focused("What about the full day?", "What is the hotel limit in Norway?", "And in Portugal?")
    assert day == Focus(terms=frozenset(stems("full day")), names=frozenset(), carried=frozenset(stems("Portugal")))


@pytest.mark.parametrize(("question", "figure"), [("Until when?", True), ("Und wie lange?", True), ("Why?", False)])
def test_a_question_without_words_of_its_own_has_an_empty_focus(question: str, figure: bool) -> None:
    found = focused(question, "Can I carry holidays over?")
    assert found is not None
    assert (found.terms, found.figure) == (frozenset(), figure)


@pytest.mark.parametrize(
    "question",
    [
        "Who is the CEO?",
        "How long is parental leave (weeks)?",
        "What is leave (the)",
        "How many vacation days are there?",
    ],
)
def test_a_question_that_stands_alone_has_no_focus(question: str) -> None:
    assert focus(question, []) is None
    assert focused(question, "Where is the canteen in Kiel?") is None


def test_a_chain_of_follow_ups_keeps_its_subject() -> None:
    whole = alone("And in 2021?", "What was the revenue in Spain in 2023?", "And in 2022?")
    assert whole == "What was the revenue in Spain in 2021?"


def test_without_a_question_before_nothing_changes() -> None:
    assert alone("And there?") == "And there?"
    assert alone("And there?", "?") == "And there?"


def test_what_is_carried_is_bounded() -> None:
    assert len(alone("Why?", "word " + " ".join(f"term{n}" for n in range(500)))) < 200


HOSTILE = [
    "in " + "a" * 3900 + " b c d e f",
    "And " + "A" * 3900 + "; x",
    "And in " + "Aa-B " * 780 + "; x",
    "in " + " " * 3900 + "a b c d e",
    "And 'in " * 480 + "X",
]


@pytest.mark.parametrize("question", HOSTILE, ids=lambda question: question[:8])
def test_no_question_keeps_the_server_from_all_others(question: str) -> None:
    """In a process of its own: an expression that tries every division of a word holds the interpreter for years."""
    code = """
import json, sys
from core.types import Message
from serving.follow_up import focus, stand_alone
question = json.load(sys.stdin)
for before in ("How much leave is there in Germany?", question):
    history = [Message(role="user", content=before), Message(role="assistant", content="28 days.")]
    focus(stand_alone(question, history), history)
print("over")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "over\n", done.stderr
