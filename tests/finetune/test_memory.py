"""How much a run takes, said before it starts, and the smallest change with which it would fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput
from finetune.defaults import resolve
from finetune.machine import Machine, free_memory
from finetune.memory import GIB, estimate, refusal
from finetune.recipe import Recipe, parse_recipe
from finetune.served import Served

CPU = Machine(device="cpu", memory=64 * GIB)
GPU = Machine(device="cuda", memory=80 * GIB, bf16=True)
LAYERS, HIDDEN, INNER, VOCABULARY = 32, 4096, 14336, 128_256


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shape of a Llama of 8 billion weights: a file with a header and holes."""
    folder = tmp_path_factory.mktemp("llama")
    config = {
        "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
        "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": VOCABULARY,
        "max_position_embeddings": 8192,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    shapes = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN), "lm_head.weight": (VOCABULARY, HIDDEN)}
    for layer in range(LAYERS):
        for name, shape in {
            "self_attn.q_proj": (HIDDEN, HIDDEN), "self_attn.k_proj": (1024, HIDDEN),
            "self_attn.v_proj": (1024, HIDDEN), "self_attn.o_proj": (HIDDEN, HIDDEN),
            "mlp.gate_proj": (INNER, HIDDEN), "mlp.up_proj": (INNER, HIDDEN), "mlp.down_proj": (HIDDEN, INNER),
        }.items():  # fmt: skip
            shapes[f"model.layers.{layer}.{name}.weight"] = shape
    header: dict[str, Any] = {}
    place = 0
    for name, (high, wide) in shapes.items():
        header[name] = {"dtype": "BF16", "shape": [high, wide], "data_offsets": [place, place + high * wide * 2]}
        place += high * wide * 2
    said = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(said).to_bytes(8, "little") + said)
        file.truncate(8 + len(said) + place)
    return folder


def recipe(model: Path, method: str = "sft", machine: Machine = GPU, **given: Any) -> Recipe:
    said = {"name": "a", "method": method, "model": str(model), "data": "rows.jsonl", **given}
    return resolve(parse_recipe(json.dumps(said)), Served(context=4096), machine)


def gib(given: Recipe, machine: Machine = GPU) -> float:
    found = estimate(given, machine)
    assert found is not None
    return found.total / GIB


def test_the_estimate_is_of_the_size_that_is_known_for_this_shape(llama: Path) -> None:
    """An adapter over 8 billion weights in 16 bits: 15 GiB of weights and some; all weights: 16 bytes each and more."""
    assert 18 < gib(recipe(llama)) < 40
    assert 8 < gib(recipe(llama, quantization="nf4")) < 24
    assert 120 < gib(recipe(llama, lora=False)) < 200


def test_what_takes_more_is_estimated_as_more(llama: Path) -> None:
    plain = gib(recipe(llama))
    assert gib(recipe(llama, train={"gradient_checkpointing": False})) > plain
    assert gib(recipe(llama, train={"per_device_train_batch_size": 16})) > plain
    assert gib(recipe(llama, lora={"r": 256})) > plain
    assert gib(recipe(llama, "dpo")) > plain
    assert gib(recipe(llama, "orpo")) > gib(recipe(llama, "dpo"))
    assert gib(recipe(llama, "grpo", train={"max_completion_length": 4096})) > gib(recipe(llama, "grpo"))
    assert gib(recipe(llama, "dpo", lora=False)) > gib(recipe(llama, lora=False)) + 20
    assert gib(recipe(llama, lora=False, train={"optim": "adamw_8bit"})) < gib(recipe(llama, lora=False)) - 30


def test_what_fits_is_not_refused(llama: Path) -> None:
    assert refusal(recipe(llama), GPU) is None


@pytest.mark.parametrize(
    ("memory", "given", "said"),
    [
        (40, {"train": {"gradient_checkpointing": False}}, "gradient_checkpointing: true"),
        (30, {}, "per_device_train_batch_size: 2"),
        (16, {}, "quantization: nf4"),
        (80, {"lora": False}, "Remove `lora: false`"),
    ],
)
def test_a_refusal_names_the_smallest_change_that_fits(
    llama: Path, memory: int, given: dict[str, Any], said: str
) -> None:
    small = Machine(device="cuda", memory=memory * GIB, bf16=True)
    told = refusal(recipe(llama, **given), small)
    assert told is not None
    assert said in told
    assert f"{memory}.0 GiB are free" in told


def test_where_nothing_fits_that_is_said(llama: Path) -> None:
    told = refusal(recipe(llama, machine=CPU), Machine(device="cpu", memory=2 * GIB))
    assert told is not None
    assert "smaller model" in told


def test_on_a_cpu_nobody_is_told_to_take_four_bits(llama: Path) -> None:
    told = refusal(recipe(llama, machine=CPU), Machine(device="cpu", memory=40 * GIB)) or ""
    assert "nf4" not in told


def test_a_model_that_is_not_here_cannot_be_told(tmp_path: Path) -> None:
    assert estimate(recipe(tmp_path / "none", train={"max_length": 64}), GPU) is None
    assert refusal(recipe(tmp_path / "none", train={"max_length": 64}), GPU) is None


def test_a_run_that_cannot_fit_does_not_start(llama: Path, tmp_path: Path) -> None:
    """Nothing of the model is loaded: it is all holes."""
    from finetune.train import prepare

    tokenizer = Path(__file__).parents[1] / "data" / "answering_model"
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (llama / name).write_bytes((tokenizer / name).read_bytes())
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"prompt": "a", "completion": "b"}))
    said = {"name": "a", "method": "sft", "model": str(llama), "data": str(rows), "lora": False}
    assert free_memory() < 120 * GIB, "the machine of this test is smaller than what it refuses"
    with pytest.raises(InvalidInput, match="GiB are free"):
        prepare(parse_recipe(json.dumps(said)), Served(context=512))
