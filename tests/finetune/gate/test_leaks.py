from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from core.types import DocumentVersion, Example, Lineage, Message
from finetune.dataset import Curated, write_dataset
from finetune.gate.items import Item
from finetune.gate.leaks import leaks, lineage, training_rows
from tests.finetune.gate.world import SCHEMA, answer

LONG = "Employees in Germany receive twenty-eight days of paid vacation in every calendar year, and unused days expire."
ITEM = Item(
    id="i1",
    kind_of_set="held_out",
    messages=(),
    question="How many days of vacation do employees in Germany receive each year?",
    cluster="c",
    schema=SCHEMA,
    reference=answer(LONG, "1"),
    documents=frozenset({"d1"}),
)


def row(question: str, said: str = "Something else.", document: str = "d9", **given: object) -> Example:
    versions = (DocumentVersion(document_id=document, version_id="v"),)
    bare = Example(
        id=f"row of {question[:20]}", kind="sft", question=question, completion=answer(said, "1"),
        prompt=(Message(role="user", content=question),), lineage=Lineage(maker="correction", documents=versions),
    )  # fmt: skip
    return replace(bare, **given)  # type: ignore[arg-type]


def test_a_question_that_is_nearly_the_same_is_a_leak() -> None:
    found = leaks([ITEM], [row("How many days of vacation do the employees in Germany receive each year ?")], 0.8)
    assert [(each.item, each.what) for each in found.found] == [("i1", "question")]
    assert found.share == 1


def test_another_number_is_another_question() -> None:
    asked = replace(ITEM, question="What was the revenue of the whole group in 2022?")
    assert not leaks([asked], [row("What was the revenue of the whole group in 2023?")], 0.8).found


def test_a_long_reference_is_a_leak_unless_both_rest_on_one_document() -> None:
    assert leaks([ITEM], [row("When do days expire?", LONG)], 0.8).found[0].what == "reference"
    assert not leaks([ITEM], [row("When do days expire?", LONG, "d1")], 0.8).found
    assert not leaks([ITEM], [row("Who?", LONG, "d8"), row("When do days expire?", LONG, "d1")], 0.8).found


def test_short_answers_and_bad_ones_give_nothing_away() -> None:
    short = replace(ITEM, reference=answer("28 days", "1"))
    assert not leaks([short], [row("Something else?", "28 days")], 0.8).found
    assert not leaks([ITEM], [row("When?", LONG, kind="kto", label=False)], 0.8).found


def test_refusing_a_harmful_prompt_may_be_learnt() -> None:
    harmful = replace(ITEM, kind_of_set="harmful", expect="refuse")
    found = leaks([harmful], [row(ITEM.question)], 0.8)
    assert (found.items, found.found) == (0, ())


def test_the_card_tells_what_was_trained_on(tmp_path: Path) -> None:
    kept = row("Kept back?", id="kept")
    learnt = row("Learnt?", id="learnt")
    made = write_dataset(tmp_path, "handbook", Curated(examples={"train": [learnt], "test": [kept]}))
    shelf = {made.version: made}
    rows, unread = training_rows({"data": {"dataset": made.version}}, shelf)
    assert ([each.id for each in rows], unread) == (["learnt"], ())
    assert training_rows({"data": {"dataset": "gone@1"}}, shelf) == ([], ("gone@1",))
    assert training_rows({"data": {"files": ["x.jsonl"]}}, shelf) == ([], ("",))
    assert training_rows({}, shelf) == ([], ("",))


def test_what_a_version_was_made_on_top_of_is_followed() -> None:
    first, second, small = "hr@00000000000000a1", "hr@00000000000000a2", "hr@00000000000000a3"
    lost = "law@00000000000000a4"
    cards: dict[str, dict[str, Any]] = {
        first: {"method": "sft", "base": {"model": f"/models/{lost}/files"}, "data": {"dataset": "one@1"}},
        small: {"method": "quantize", "settings": {"adapter": f"/registry/{first}"}, "data": {}},
        "other@00000000000000a5": {"data": {"dataset": "other@1"}},
    }
    card = {"method": "dpo", "base": {"model": f"/registry/{small}"}, "settings": {"name": second}, "data": {}}
    found, gone = lineage(second, card, cards)
    assert found == [card, cards[first]]
    assert gone == (lost,)
    turning: dict[str, dict[str, Any]] = {first: {"base": {"model": second}}, second: {"base": {"model": first}}}
    assert lineage(first, turning[first], turning) == ([turning[first], turning[second]], ())


def test_the_dataset_that_a_recipe_names_is_no_version_that_is_lost() -> None:
    name = "manner@aaaaaaaaaaaaaaaa"
    card = {
        "data": {"dataset": "rows@bbbbbbbbbbbbbbbb"},
        "settings": {"data": "/learning/datasets/rows@bbbbbbbbbbbbbbbb"},
    }
    assert lineage(name, card, {name: card}) == ([card], ())
