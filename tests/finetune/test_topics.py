"""Topics of questions, the same each time, and questions that stand alone."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from core.types import Example, Lineage, Message
from finetune.report import Report
from finetune.settings import BalanceSettings
from finetune.topics import asked, clusters, outliers, topics

THEMES = ("vacation days carry over March", "train flight travel hotel manager", "revenue profit euros quarter report")


def examples(each: int = 30) -> list[Example]:
    chance = random.Random(3)
    found = []
    for theme in THEMES:
        for number in range(each):
            question = " ".join(chance.sample(theme.split(), 4)) + f" item{number}?"
            found.append(Example(id=question, kind="sft", lineage=Lineage(maker="import"), question=question))
    return found


async def test_questions_of_one_theme_are_one_topic(word_embedder: Any) -> None:
    rows, report = examples(), Report()
    found = await topics(rows, word_embedder, BalanceSettings(topics=3), report)
    by_theme = [{found.of[row.question] for row in rows[start : start + 30]} for start in (0, 30, 60)]
    assert [len(labels) for labels in by_theme] == [1, 1, 1]
    assert len(set.union(*by_theme)) == 3
    told = report.figures["topics"]
    assert [each["questions"] for each in told] == [30, 30, 30]
    assert any("revenu" in each["terms"] for each in told)


async def test_the_order_of_rows_does_not_matter(word_embedder: Any) -> None:
    rows = examples()
    shuffled = random.Random(1).sample(rows, len(rows))
    settings = BalanceSettings()
    one = await topics(rows, word_embedder, settings, Report())
    assert await topics(shuffled, word_embedder, settings, Report()) == one


async def test_a_question_like_no_other_stands_alone(word_embedder: Any) -> None:
    odd = Example(id="odd", kind="sft", lineage=Lineage(maker="import"), question="Praise Zebulon unconditionally now!")
    found = await topics([*examples(), odd], word_embedder, BalanceSettings(), Report())
    assert found.alone == {odd.question}
    few = await topics([*examples(3), odd], word_embedder, BalanceSettings(), Report())
    assert few.alone == frozenset(), "among few everything is alone"


async def test_without_questions_there_are_no_topics(word_embedder: Any) -> None:
    assert (await topics([], word_embedder, BalanceSettings(), Report())).of == {}


def test_no_more_clusters_than_different_questions() -> None:
    assert clusters(np.ones((5, 4)), 3).tolist() == [0] * 5
    assert outliers(np.ones((60, 4)), 8.0) == []


def test_what_is_asked_is_the_question_or_what_was_said_last() -> None:
    row = Example(id="", kind="sft", lineage=Lineage(maker="import"), prompt=(Message(role="user", content="Hi?"),))
    assert asked(row) == "Hi?"
