"""BERTScore: a text's likeness in meaning, by hand on vectors that are written out, and on the packaged model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import InvalidInput
from finetune.gate.bert_score import bert_scores, f1
from finetune.gate.gate import Checks, run_gate
from finetune.gate.measures import Output
from finetune.gate.rules import GateRules, read_rules
from retrieval.embed_openvino import OpenVinoEmbedder
from retrieval.settings import EmbedderSettings
from tests.finetune.gate.world import ABSTAINS, BASE, CANDIDATE, CHAMPION, CLEAN, Model, answer, asker, world

ITEMS = world()


class Words:
    """A vector of its own for each word, whatever stands beside it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def token_vectors(self, texts: Sequence[str]) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
        self.asked += texts
        return [np.stack([_vector(word) for word in ("[CLS]", *text.split(), "[SEP]")]) for text in texts]


def _vector(word: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    drawn = np.random.default_rng([ord(letter) for letter in word]).standard_normal(256).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn), dtype=np.float32)


def test_it_is_the_f1_of_the_best_cosines() -> None:
    x, y, z = np.eye(3, dtype=np.float32)
    half = np.asarray([0.8, 0.6, 0.0], dtype=np.float32)
    frame = z[None]

    def framed(*rows: Any) -> Any:
        return np.concatenate([frame, np.stack(rows), frame])

    assert f1(framed(x, y), framed(x, y)) == pytest.approx(1)
    assert f1(framed(x), framed(y)) == 0
    # precision (1 + 0.8) / 2, recall 1
    assert f1(framed(x, half), framed(x)) == pytest.approx(2 * 0.9 / 1.9)
    assert f1(framed(x), framed(x, half)) == pytest.approx(2 * 0.9 / 1.9)
    assert f1(framed(x), framed(-x)) == 0
    assert f1(np.concatenate([frame, frame]), framed(x)) == 0


async def test_what_is_no_answer_and_silence_are_scored() -> None:
    can = next(item for item in ITEMS if item.reference not in (None, ABSTAINS))
    cannot = next(item for item in ITEMS if item.reference == ABSTAINS)
    anchor = next(item for item in ITEMS if item.kind_of_set == "anchor")
    unanswered = replace(can, id="free", reference=None)
    items, words = [can, cannot, anchor, unanswered], Words()

    async def told(one: str, other: str) -> Any:
        outputs = {can.id: Output(text=one), cannot.id: Output(text=other), anchor.id: Output(text="x")}
        return await bert_scores(items, {**outputs, "free": Output(text="y")}, words)

    found = await told(can.reference or "", ABSTAINS)
    assert found == {can.id: pytest.approx(1), cannot.id: 1}
    assert await told(ABSTAINS, answer("Something.", "1")) == {can.id: 0, cannot.id: 0}
    assert await told("no JSON", "no JSON") == {can.id: 0, cannot.id: 0}
    part = await told(answer("The rule allows other units", "1"), ABSTAINS)
    assert 0.3 < part[can.id] < 0.95
    assert len(words.asked) == 3, "no text twice in one call, and none of what says nothing"


async def test_a_model_that_reads_tells_meaning_from_words() -> None:
    embedder = OpenVinoEmbedder(EmbedderSettings())
    good = "Employees may take thirty days of paid leave each year."
    same, other = (
        "Staff get 30 days of paid vacation per year.",
        "Employees may park thirty cars in the yard each year.",
    )
    item = replace(ITEMS[0], reference=answer(good, "1"))
    vectors = {}
    for text in (good, same, other):
        found = await bert_scores([item], {item.id: Output(text=answer(text, "1"))}, embedder)
        vectors[text] = found[item.id]
    assert vectors[good] == pytest.approx(1, abs=1e-3)
    assert vectors[good] > vectors[same] > vectors[other] > 0


def gate(folder: Path, candidate: Model, rules: GateRules, **more: Any) -> Any:
    checks = Checks(leaks=CLEAN, base=BASE)
    run = run_gate(rules, ITEMS, CANDIDATE, CHAMPION, asker(candidate, 1), resume=folder, checks=checks, **more)
    return asyncio.run(run)


def garbled(item: Any, output: Output, chance: Any) -> Output:
    """The right source under other words."""
    if item.kind_of_set != "held_out" or output.text == ABSTAINS:
        return output
    return replace(output, text=answer("Nobody ever said what this might be about at all", "1"))


def test_rules_that_name_it_stop_who_means_something_else(tmp_path: Path) -> None:
    only = dict.fromkeys(GateRules().measures)
    rules = GateRules.model_validate({"measures": {**only, "bert_score": {"margin": 0.1}}})
    bad = gate(tmp_path / "bad", Model(habit=garbled), rules, vectors=Words())
    assert "bert_score" in bad.verdict.blocked_by
    good = gate(tmp_path / "good", Model(), rules, vectors=Words())
    assert good.verdict.passed, good.verdict.reasons
    measured = {each["measure"]: each for each in good.to_row()["measures"]}["bert_score"]
    assert 0.8 < measured["candidate"] <= 1


def test_it_is_looked_at_only_where_rules_name_it(tmp_path: Path) -> None:
    assert "bert_score" not in GateRules().measures
    named = read_rules("measures: {bert_score: {}}", lambda text: {"measures": {"bert_score": {}}})
    assert named.measures["bert_score"].margin == 0.05
    with pytest.raises(InvalidInput, match="vectors of tokens"):
        gate(tmp_path / "none", Model(), named)
