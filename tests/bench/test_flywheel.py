"""What the wheel's figures rest on: which answers count as good, which show a habit, and what people say of them."""

from __future__ import annotations

from typing import Any

import pytest

from bench.flywheel.raters import NOISE, _word
from bench.flywheel.score import scored
from bench.flywheel.world import Question, company, questions, told

ONE = Question(text="How many keys has the Team Ada?", wanted=("The Team Ada has 3 keys.",))
TWO = Question(text="How many keys have both?", wanted=("The Team Ada has 3 keys.", "The Unit Bo has 5 keys."))
NONE = Question(text="How many keys has the Ward Cy?", wanted=())


def answer(*cited: str) -> dict[str, Any]:
    """Statements that cite these sources: 1 is of Ada, 2 of Bo, 3 of somebody else."""
    texts = (*TWO.wanted, "The Depot Di has 9 keys.")
    return {
        "sources": [{"id": str(number), "text": f"{text} It holds."} for number, text in enumerate(texts, start=1)],
        "statements": [{"text": "…", "sources": [each]} for each in cited],
    }


@pytest.mark.parametrize(
    ("question", "cited", "good", "verbose", "disordered"),
    [
        (ONE, "1", True, False, False),
        (ONE, "11", False, True, False),
        (ONE, "12", False, True, False),
        (ONE, "2", False, False, False),
        (ONE, "", False, False, False),
        (TWO, "12", True, False, False),
        (TWO, "21", False, False, True),
        (TWO, "22", False, True, True),
        (TWO, "1", False, False, False),
        (TWO, "123", False, True, False),
        (NONE, "", True, False, False),
        (NONE, "3", False, False, False),
        (NONE, "33", False, True, False),
    ],
)
def test_what_an_answer_is_worth(question: Question, cited: str, good: bool, verbose: bool, disordered: bool) -> None:
    found = told(question, answer(*cited))
    assert (found.good, found.verbose, found.disordered) == (good, verbose, disordered)


def test_nobody_is_asked_about_before_and_after_whom_feedback_told_of() -> None:
    made = company(1, 30)
    seen = questions(2, 60, made.facts[:20], made.absent)
    kept = questions(3, 30, made.facts[20:], made.absent)
    learnt = {sentence for each in seen for sentence in each.wanted}
    assert not learnt & {sentence for each in kept for sentence in each.wanted}
    assert len({each.text for each in (*seen, *kept)}) >= 88, "absent teams may be asked about twice"
    assert all(any(text in note for note in made.notes.values()) for each in seen for text in each.wanted)


def test_words_of_people_are_wrong_as_often_as_is_said() -> None:
    import random

    rng = random.Random(5)
    words = [_word(rng, ONE, told(ONE, answer("1")), rng.random() < NOISE) for _ in range(2_000)]
    assert sum(word["rating"] == "down" for word in words) / 2_000 == pytest.approx(NOISE, abs=0.03)
    bad = [_word(rng, ONE, told(ONE, answer("12")), wrong=False) for _ in range(500)]
    assert {word["rating"] for word in bad} == {"down"}
    assert {word["corrected"] for word in bad if "corrected" in word} == {"The Team Ada has 3 keys."}


def test_shares_have_intervals_and_differences_are_paired() -> None:
    asked = [ONE, TWO] * 20
    before, after = [answer("1", "2")] * 40, [answer("1"), answer("1", "2")] * 20
    found = scored(asked, before, after)
    assert found["before"]["habit"][0] == 0.5
    assert found["after"]["good"][0] == 1.0
    assert found["habit_fell_by"][0] == 0.5
    assert 0.3 < found["habit_fell_by"][1] < 0.5 < found["habit_fell_by"][2] < 0.7
