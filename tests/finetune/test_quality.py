"""What is wrong with an example."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agents.schema import answer_schema
from agents.settings import OutputSettings
from core.types import Example, Lineage, Message
from finetune.quality import DETAILS, good, problem, repetition
from finetune.report import Report
from finetune.settings import QualitySettings
from finetune.target import Said, answer, written

SCHEMA = answer_schema(["1"], OutputSettings(max_statement_chars=200))
GOOD = Example(
    id="e1",
    kind="sft",
    lineage=Lineage(maker="correction"),
    question="How many days?",
    prompt=(Message(role="system", content="Cite."), Message(role="user", content="How many days?")),
    completion=written(answer([Said(text="Employees receive 28 days.", sources=("1",))]), SCHEMA),
    schema=SCHEMA,
)
WORSE = written(answer([]), SCHEMA)
PAIR = replace(GOOD, kind="preference", rejected=WORSE)
KTO = replace(GOOD, kind="kto", label=True)
PROMPT = replace(GOOD, kind="prompt", completion="")
PASSAGES = replace(
    GOOD, kind="retrieval", prompt=(), completion="", positives=("28 days a year.",), negatives=("Soup on Fridays.",)
)


def said(text: str) -> str:
    return written(answer([Said(text=text, sources=("1",))]), SCHEMA)


@pytest.mark.parametrize("example", [GOOD, PAIR, KTO, PROMPT, PASSAGES], ids=lambda each: each.kind)
def test_nothing_is_wrong_with_a_good_one(example: Example) -> None:
    assert problem(example, QualitySettings()) is None


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (replace(GOOD, prompt=()), "no_prompt"),
        (replace(GOOD, prompt=GOOD.prompt[:1]), "no_prompt"),
        (replace(GOOD, prompt=(Message(role="user", content=" ? "),)), "no_prompt"),
        (replace(GOOD, completion=said("Employ\ufffdes receive days.")), "broken_text"),
        (replace(GOOD, prompt=(Message(role="user", content="How many\x00 days?"),)), "broken_text"),
        (replace(GOOD, completion='{"answerable": true, "statements": ['), "broken_json"),
        (replace(GOOD, completion='{"answerable": true}'), "broken_schema"),
        (replace(GOOD, completion=GOOD.completion.replace('"1"', '"2"')), "broken_schema"),
        (replace(GOOD, completion=said("x" * 201)), "broken_schema"),
        (replace(GOOD, schema={"type": "nonsense"}), "no_schema"),
        (replace(GOOD, completion=said("Yes.")), "too_short"),
        (replace(GOOD, completion=said("a b c " * 20)), "repetitive"),
        (replace(GOOD, prompt=(Message(role="user", content="x" * 5_000),)), "too_long"),
        (replace(PAIR, rejected=""), "same"),
        (replace(PAIR, rejected=PAIR.completion), "same"),
        (replace(PAIR, rejected="{"), "broken_json"),
        (replace(KTO, completion="{"), "broken_json"),
        (replace(PROMPT, schema={"type": 3}), "no_schema"),
        (replace(PASSAGES, positives=()), "no_passages"),
        (replace(PASSAGES, negatives=()), "no_passages"),
        (replace(PASSAGES, negatives=PASSAGES.positives), "no_passages"),
        (replace(PASSAGES, negatives=("—",)), "too_short"),
        (replace(PASSAGES, question=" "), "no_prompt"),
    ],
)
def test_what_is_wrong_is_told(example: Example, expected: str) -> None:
    assert problem(example, QualitySettings(max_chars=4_000)) == expected
    report = Report()
    assert good([example], QualitySettings(max_chars=4_000), None, report) == []
    assert [(fate.subject, fate.reason) for fate in report.fates] == [("example:e1", expected)]
    assert expected in DETAILS


def test_a_number_alone_and_no_answer_at_all_are_enough() -> None:
    assert problem(replace(GOOD, completion=said("28.")), QualitySettings()) is None
    assert problem(replace(GOOD, completion=WORSE), QualitySettings()) is None


def test_a_bad_answer_may_be_as_bad_as_it_likes() -> None:
    assert problem(replace(KTO, label=False, completion=said("a b c " * 20)), QualitySettings()) is None
    assert problem(replace(KTO, completion=said("a b c " * 20)), QualitySettings()) == "repetitive"


def test_free_text_has_no_schema_to_keep_to() -> None:
    free = replace(GOOD, schema={}, completion="Employees receive 28 days.")
    assert problem(free, QualitySettings()) is None
    assert problem(replace(free, completion="Well"), QualitySettings()) == "too_short"


def test_an_answer_in_another_language_than_its_question() -> None:
    def language(text: str) -> str | None:
        return "de" if "Tage" in text else "en" if "days" in text else None

    german = said("Es sind 28 Tage im Jahr.")
    assert problem(replace(GOOD, completion=german), QualitySettings(), language) == "language"
    assert problem(replace(GOOD, completion=said("It is all 28 there is.")), QualitySettings(), language) is None
    assert problem(replace(GOOD, question="Wie viele Tage?", completion=german), QualitySettings(), language) is None


@pytest.mark.parametrize(
    ("text", "expected"), [("", 0.0), ("a b c a b c", 0.0), ("one two three four five six seven", 0.0)]
)
def test_short_texts_repeat_nothing(text: str, expected: float) -> None:
    assert repetition(text) == expected


def test_repetition_grows_with_what_is_said_again() -> None:
    once: Any = "The carry-over rule lets unused days be taken until the end of March."
    assert repetition(once) == 0
    assert 0.4 < repetition(f"{once} {once}") < 0.6
    assert repetition(f"{once} " * 8) > 0.8
