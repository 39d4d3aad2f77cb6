"""People who read answers and say what they think of them, as honestly as is known: some of their words are wrong."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.flywheel.site import Site
from bench.flywheel.world import Question, Told, told

PEOPLE = 40
NOISE = 0.1
"""Share of words that say the opposite of what is so."""
CORRECTING = 0.8
"""Share of those who do not like an answer and take the time to write what it should have said."""
AT_ONCE = 12


def person(number: int) -> str:
    """The key of a person."""
    return f"person-{number:02d}-key-0123456789"


def asked(site: Site, questions: Sequence[Question]) -> list[dict[str, Any]]:
    """The answers to questions, each asked by the next person; one that fails is an answer without statements."""

    def ask(number: int) -> dict[str, Any]:
        response = site.request(
            "POST", "/v1/answers", person(number % PEOPLE), json={"question": questions[number].text}
        )
        found: dict[str, Any] = response.json() if response.is_success else {"statements": [], "sources": []}
        return found

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, range(len(questions))))


def rated(site: Site, questions: Sequence[Question], answers: Sequence[dict[str, Any]], seed: int) -> dict[str, int]:
    """Everybody's word on the answers they were given; how many of which."""
    rng = random.Random(seed)
    count = {"up": 0, "down": 0, "corrected": 0, "wrong": 0}
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        if "id" not in answer:
            continue
        wrong = rng.random() < NOISE
        word = _word(rng, question, told(question, answer), wrong)
        site.call("POST", "/v1/feedback", person(number % PEOPLE), json={"answer_id": answer["id"], **word})
        count["wrong"] += wrong
        count[word["rating"]] += 1
        count["corrected"] += "corrected" in word
    return count


def _word(rng: random.Random, question: Question, found: Told, wrong: bool) -> dict[str, str]:
    if found.good != wrong:
        return {"rating": "up"}
    if wrong or rng.random() > CORRECTING:
        return {"rating": "down"}
    return {"rating": "down", "corrected": question.corrected}
