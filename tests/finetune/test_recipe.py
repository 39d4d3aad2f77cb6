"""Recipes: read, filled in, written and read again as the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InvalidInput
from finetune.defaults import resolve
from finetune.machine import Machine
from finetune.recipe import KIND, DataFiles, Method, parse_recipe, read_recipe, recipe_text
from finetune.served import Served

BARE = "name: handbook\nmethod: {}\nmodel: tests/data/answering_model\ndata: rows.jsonl\n"
CPU = Machine(device="cpu", memory=8 << 30)
GPU = Machine(device="cuda", memory=80 << 30, devices=2, bf16=True)
SERVED = Served(context=4096)


@pytest.mark.parametrize("method", sorted(KIND))
def test_what_is_filled_in_reads_back_as_the_same(method: Method) -> None:
    scheme = "scheme: int8\n" if method == "quantize" else ""
    filled = resolve(parse_recipe(BARE.format(method) + scheme), SERVED, GPU)
    assert parse_recipe(recipe_text(filled)) == filled
    assert resolve(filled, SERVED, GPU) == filled


def test_defaults_are_those_of_the_literature_and_of_what_is_served() -> None:
    filled = resolve(parse_recipe(BARE.format("sft")), SERVED, GPU)
    assert filled.lora == {
        "r": 16, "lora_alpha": 32, "lora_dropout": 0.05, "target_modules": "all-linear", "bias": "none",
    }  # fmt: skip
    train = filled.train
    assert (train["max_length"], train["completion_only_loss"], train["packing"]) == (4096, True, True)
    assert (train["bf16"], train["gradient_checkpointing"], train["learning_rate"]) == (True, True, 2e-4)
    assert filled.processes == 2


def test_a_cpu_gets_what_it_can_do() -> None:
    train = resolve(parse_recipe(BARE.format("sft")), SERVED, CPU).train
    assert (train["bf16"], train["packing"], train["gradient_checkpointing"]) == (False, False, False)


def test_the_length_is_the_shorter_of_the_model_and_what_is_served() -> None:
    assert resolve(parse_recipe(BARE.format("dpo")), Served(context=99_999), CPU).train["max_length"] == 8192
    assert resolve(parse_recipe(BARE.format("dpo")), Served(), CPU).train["max_length"] == 8192


def test_what_is_given_stands() -> None:
    text = BARE.format("sft") + "lora: {r: 64}\ntrain: {learning_rate: 0.001, max_length: 128}\n"
    filled = resolve(parse_recipe(text), SERVED, GPU)
    assert filled.lora["r"] == 64  # type: ignore[index]
    assert filled.lora["lora_alpha"] == 128  # type: ignore[index]
    assert (filled.train["learning_rate"], filled.train["max_length"]) == (0.001, 128)


@pytest.mark.parametrize("said", ["1e-4", "1E-4", "1.0e-4", "0.0001"])
def test_a_rate_is_a_number_however_it_is_written(said: str) -> None:
    """YAML reads 1e-4 as text, and the optimizer would trip over it."""
    recipe = parse_recipe(BARE.format("sft") + f"train: {{learning_rate: {said}, optim: adamw_torch}}\n")
    assert recipe.train == {"learning_rate": 0.0001, "optim": "adamw_torch"}
    assert parse_recipe(recipe_text(recipe)) == recipe


def test_full_tuning_learns_slower() -> None:
    filled = resolve(parse_recipe(BARE.format("sft") + "lora: false\n"), SERVED, GPU)
    assert filled.lora is False
    assert filled.train["learning_rate"] == 2e-5


def test_models_that_search_are_trained_whole() -> None:
    assert parse_recipe(BARE.format("reranker")).lora is False
    assert parse_recipe(BARE.format("embedder")).lora is False


def test_ipo_is_dpo_with_its_own_loss() -> None:
    assert resolve(parse_recipe(BARE.format("ipo")), SERVED, CPU).train["loss_type"] == ["ipo"]
    assert resolve(parse_recipe(BARE.format("dpo")), SERVED, CPU).train["loss_type"] == ["sigmoid"]


def test_paths_count_from_the_recipes_folder(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    text = "name: a\nmethod: sft\nmodel: base\ndata: {train: rows.jsonl}\n"
    (tmp_path / "recipe.yaml").write_text(text)
    recipe = read_recipe(tmp_path / "recipe.yaml")
    assert recipe.model == str(tmp_path / "base")
    assert recipe.data == DataFiles(train=tmp_path / "rows.jsonl")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "no YAML"),
        ("- a", "mapping"),
        (BARE.format("ppo"), "method"),
        (BARE.format("sft") + "learning_rate: 1", "learning_rate"),
        (BARE.format("sft") + "rewards: [{name: schema}]", "rewards are for"),
        (BARE.format("grpo") + "rewards: [{name: model}]", "path"),
        (BARE.format("grpo") + "rewards: [{name: schema}, {name: schema}]", "twice"),
        (BARE.format("grpo") + "rewards: [{name: length, target: 9, limit: 9}]", "above"),
        (BARE.format("sft").replace("handbook", "a/b"), "name"),
        (BARE.format("sft") + "quantization: int2", "quantization"),
    ],
)
def test_what_cannot_be_followed_says_where(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        parse_recipe(text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_recipe(tmp_path / "none.yaml")
