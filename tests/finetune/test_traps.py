"""Each known trap of TRL, PEFT and vLLM, and where a run says so: before a model is loaded or a step is made."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.tiny_llama import build
from core.errors import ConfigurationError, InvalidInput
from finetune.defaults import resolve
from finetune.lint import errors, lint
from finetune.machine import Machine
from finetune.merge import merge
from finetune.recipe import Method, parse_recipe
from finetune.run_folder import RunFolder
from finetune.served import Served
from finetune.train import prepare, train
from tests.finetune.conftest import Make, rows_of, write_rows

SERVED = Served(model="served-base", context=256, max_lora_rank=16)
VLLM: dict[str, tuple[dict[str, Any], str]] = {
    "DoRA": ({"use_dora": True}, "use_dora"),
    "a bias inside the adapter": ({"lora_bias": True}, "lora_bias"),
    "biases of the base": ({"bias": "lora_only"}, "bias: none"),
    "PiSSA": ({"init_lora_weights": "pissa"}, "init_lora_weights"),
    "OLoRA": ({"init_lora_weights": "olora"}, "init_lora_weights"),
    "CorDA": ({"init_lora_weights": "corda"}, "init_lora_weights"),
    "LoftQ": ({"init_lora_weights": "loftq"}, "init_lora_weights"),
    "whole layers in the adapter": ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
    "an adapter on the head": ({"target_modules": ["lm_head"]}, "target_modules"),
    "an expression that reaches the head": ({"target_modules": ".*(q_proj|lm_head)"}, "target_modules"),
    "a rank above the engine's": ({"r": 32}, "--max-lora-rank 32"),
    "a rank above any": ({"r": 513}, "r: 512"),
    "a rank of single layers above the engine's": ({"r": 8, "rank_pattern": {"q_proj": 64}}, "--max-lora-rank 64"),
    "a start that needs data": ({"init_lora_weights": "eva"}, "gaussian"),
    "an adapter on the embeddings": ({"target_modules": ["embed_tokens"]}, "target_modules"),
    "single tokens": ({"trainable_token_indices": [1]}, "trainable_token_indices"),
    "replicated layers": ({"layer_replication": [[0, 2]]}, "layer_replication"),
}
TRL: dict[str, tuple[Method, dict[str, Any], str]] = {
    "KTO in batches of 1": ("kto", {"per_device_train_batch_size": 1}, "per_device_train_batch_size: 2"),
    "KTO shuffled anew": ("kto", {"train_sampling_strategy": "random"}, "train_sampling_strategy"),
    "KTO weighed on both sides": ("kto", {"desirable_weight": 2.0, "undesirable_weight": 2.0}, "rarer label"),
    "no length, cut at 1024": ("sft", {"max_length": None}, "max_length"),
    "a name that is gone": ("dpo", {"max_prompt_length": 128}, "max_prompt_length"),
    "IPO with another loss": ("ipo", {"loss_type": ["sigmoid"]}, "loss_type"),
    "a loss on prompts": ("sft", {"completion_only_loss": False}, "completion_only_loss"),
    "a template with tokens of its own": ("sft", {"chat_template_path": "another/model"}, "jinja"),
    "another tokenizer's tokens": ("sft", {"pad_token": "<x>"}, "pad_token"),
    "prompts cut at their beginning": ("dpo", {"truncation_mode": "keep_end"}, "truncation_mode"),
    "packing that cuts": ("sft", {"packing": True, "packing_strategy": "wrapped"}, "packing_strategy"),
    "a model's own code": ("sft", {"trust_remote_code": True}, "trust_remote_code"),
    "more workers than processors": ("sft", {"dataloader_num_workers": 100_000}, "dataloader_num_workers"),
    "groups that do not divide": ("grpo", {"num_generations": 7}, "multiple of 7"),
}


def refused(make: Make, tmp_path: Path, method: Method, **given: Any) -> str:
    folder = RunFolder.make(tmp_path / "run", make(method, **given), SERVED)
    with pytest.raises(InvalidInput) as found:
        train(folder)
    assert not folder.checkpoints.exists()
    assert not folder.model.exists()
    return found.value.message


@pytest.mark.parametrize("trap", VLLM)
def test_what_vllm_would_refuse_at_the_end(make: Make, tmp_path: Path, trap: str) -> None:
    lora, remedy = VLLM[trap]
    assert remedy in refused(make, tmp_path, "sft", lora=lora)


@pytest.mark.parametrize("trap", TRL)
def test_what_trl_trips_over(make: Make, tmp_path: Path, trap: str) -> None:
    method, settings, remedy = TRL[trap]
    assert remedy in refused(make, tmp_path, method, train=settings)


@pytest.mark.parametrize("method", ["ppo", "bco", "nash-md", "xpo", "cpo", "online-dpo", "gkd"])
def test_methods_that_trl_has_no_more(method: str) -> None:
    with pytest.raises(InvalidInput, match="method"):
        parse_recipe(json.dumps({"name": "a", "method": method, "model": "base", "data": "rows.jsonl"}))


@pytest.mark.parametrize(
    "lora",
    [
        {"use_rslora": True},
        {"init_lora_weights": "gaussian"},
        {"init_lora_weights": "orthogonal"},
        {"r": 8, "rank_pattern": {"q_proj": 16}},
    ],
)
def test_what_vllm_takes_is_not_refused(make: Make, lora: dict[str, Any]) -> None:
    machine = Machine(device="cpu", memory=8 << 30)
    assert errors(lint(resolve(make("sft", lora=lora), SERVED, machine), SERVED, machine)) == []


@pytest.mark.parametrize(
    ("quantized", "said"),
    [
        ({"quant_method": "awq"}, "come out broken"),
        ({"quant_method": "fp8"}, "come out broken"),
        ({"quant_method": "bitsandbytes"}, "no more in its core"),
        ({"quant_method": "gguf"}, "no more in its core"),
    ],
)
def test_bases_over_which_adapters_came_out_broken(
    make: Make, tiny: Path, tmp_path: Path, quantized: dict[str, str], said: str
) -> None:
    base = shutil.copytree(tiny, tmp_path / "quantized")
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "quantization_config": quantized}))
    served = replace(SERVED, folder=base)
    ready = prepare(make("sft"), served, folder := RunFolder.make(tmp_path / "run", make("sft"), served))
    assert ready.feed.train
    assert [said in each["message"] for each in folder.report()["findings"]] == [True]
    assert "16-bit" in refused(make, tmp_path / "over", "sft", model=str(base))


def test_a_base_that_is_not_the_one_served(make: Make, tmp_path: Path) -> None:
    other = build(tmp_path / "other", hidden=64)
    folder = RunFolder.make(tmp_path / "run", make("sft"), replace(SERVED, folder=other))
    with pytest.raises(InvalidInput, match=r"hidden_size 32 and 64.*16-bit original"):
        train(folder)


def test_several_processes_where_there_is_no_gpu(make: Make) -> None:
    """`accelerate launch --cpu` starts one, whatever it is asked for."""
    machine = Machine(device="cpu", memory=8 << 30)
    assert [each.code for each in errors(lint(make("sft", processes=2), SERVED, machine))][:1] == ["no_gpus"]
    many = make("sft", processes=64, train={"use_cpu": True, "max_length": 64})
    assert "few_cores" in [each.code for each in errors(lint(many, SERVED, machine))] or (os.cpu_count() or 1) >= 64


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("/var/runs", True),
        ("file:///var/runs", True),
        ("sqlite:///runs.db", False),
        ("https://mlflow", False),
        ("", False),
    ],
)
def test_a_bare_folder_that_mlflow_refuses(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, said: bool
) -> None:
    (tmp_path / "mlflow.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", where)
    machine = Machine(device="cpu", memory=8 << 30)
    findings = lint(resolve(make("sft", trackers=["mlflow"]), SERVED, machine), SERVED, machine)
    assert [each.code for each in findings] == ["mlflow_folder"] * said


def test_a_rate_that_yaml_reads_as_text() -> None:
    recipe = parse_recipe("{name: a, method: sft, model: base, data: rows.jsonl, train: {learning_rate: 1e-4}}")
    assert recipe.train["learning_rate"] == 1e-4


@pytest.mark.parametrize(("method", "loss"), [("dpo", ["sigmoid"]), ("ipo", ["ipo"])])
def test_the_loss_is_a_list_and_the_length_what_is_served(make: Make, method: Method, loss: list[str]) -> None:
    given = resolve(make(method), SERVED, Machine(device="cpu", memory=8 << 30)).train
    assert (given["loss_type"], given["beta"], given["max_length"]) == (loss, 0.1, 256)


def test_kto_wants_a_label(make: Make, tmp_path: Path) -> None:
    data = str(write_rows(tmp_path / "rows.jsonl", rows_of("sft", 4, 1)))
    assert "no label" in refused(make, tmp_path, "kto", data=data)


def test_nothing_is_merged_into_four_bits(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": {"quant_method": "awq"}}))
    with pytest.raises(ConfigurationError, match="16-bit"):
        merge(tmp_path, tmp_path / "adapter", tmp_path / "merged")


def test_the_base_is_named_as_the_engine_was_started(make: Make, tmp_path: Path) -> None:
    """vLLM's resolver compares the name with its `--model`, letter by letter."""
    data = str(write_rows(tmp_path / "rows.jsonl", rows_of("sft", 4, 1)))
    folder = RunFolder.make(tmp_path / "run", make("sft", data=data, train={"max_steps": 1}), SERVED)
    train(folder)
    said = json.loads((folder.model / "adapter_config.json").read_text())
    assert (said["base_model_name_or_path"], said["modules_to_save"]) == ("served-base", None)
