"""Expressions for layers are tried where they can be ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from finetune.defaults import resolve
from finetune.expressions import expressions_of, try_expressions
from finetune.lint import lint
from finetune.machine import Machine
from finetune.recipe import parse_recipe
from finetune.served import Served

MODEL = Path(__file__).parents[1] / "data" / "answering_model"
ENDLESS = "(([a-z_.0-9]*)*)*!"


def test_an_expression_is_held_against_names() -> None:
    [heads, none, wrong, deep] = try_expressions([r"model\..*_head", "x", "(q_proj", "(" * 3000], ["model.lm_head"])
    assert heads.matched == {"model.lm_head"}
    assert (none.matched, none.error, none.endless) == (frozenset(), None, False)
    assert wrong.error
    assert deep.error


def test_one_without_an_end_is_ended_and_told() -> None:
    found = try_expressions(["a", ENDLESS, "b"], seconds=5.0)
    assert [each.endless for each in found] == [False, True, True]


def test_plain_names_are_no_expressions() -> None:
    assert expressions_of({"target_modules": "all-linear", "rank_pattern": {"layers.0.mlp": 8}}) == []
    assert expressions_of({"target_modules": ["q_proj", "(a+)+"], "layers_pattern": "h"}) == []
    assert expressions_of({"rank_pattern": {"a+": 4}}) == [("rank_pattern", r"(.*\.)?(a+)")]


@pytest.mark.parametrize(
    ("lora", "code"),
    [
        ({"target_modules": ENDLESS}, "endless_pattern"),
        ({"rank_pattern": {ENDLESS: 8}}, "endless_pattern"),
        ({"alpha_pattern": {"(a": 8}}, "pattern"),
        ({"target_modules": r".*\.(q|v)_proj", "alpha_pattern": {r".*\.q_proj": 8}}, None),
    ],
)
def test_what_a_recipe_names_layers_with_comes_to_an_end(
    lora: dict[str, Any], code: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if code == "endless_pattern":
        monkeypatch.setattr("finetune.expressions.SECONDS", 2.0)
    served = Served(model="base", folder=MODEL, context=4096, max_lora_rank=16)
    machine = Machine(device="cpu", memory=8 << 30)
    said = {"name": "a", "method": "sft", "model": str(MODEL), "data": "rows.jsonl", "lora": lora}
    found = lint(resolve(parse_recipe(json.dumps(said)), served, machine), served, machine)
    assert [each.code for each in found] == ([code] if code else [])
