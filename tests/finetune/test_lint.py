"""Every trap of TRL, PEFT and vLLM that is known, said before time is spent, with what to change."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finetune.defaults import resolve
from finetune.fields import lora_fields, train_fields
from finetune.lint import Finding, errors, lint
from finetune.machine import Machine
from finetune.recipe import KIND, Method, parse_recipe
from finetune.served import RANKS, Served

MODEL = Path(__file__).parents[1] / "data" / "answering_model"
CPU = Machine(device="cpu", memory=8 << 30)
GPU = Machine(device="cuda", memory=80 << 30, devices=2, bf16=True)
TRAINED = sorted(set(KIND) - {"quantize"})
SERVED = Served(model="base", folder=MODEL, context=4096, max_lora_rank=16)


def found(method: Method, machine: Machine = GPU, served: Served = SERVED, **given: Any) -> list[Finding]:
    said = {"name": "handbook", "method": method, "model": str(MODEL), "data": "rows.jsonl", **given}
    return lint(resolve(parse_recipe(json.dumps(said)), served, machine), served, machine)


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


@pytest.mark.parametrize("machine", [CPU, GPU], ids=["cpu", "gpu"])
@pytest.mark.parametrize("method", TRAINED)
def test_the_defaults_are_right(method: Method, machine: Machine) -> None:
    assert found(method, machine) == []


@pytest.mark.parametrize(
    ("code", "lora"),
    [
        ("use_dora", {"use_dora": True}),
        ("lora_bias", {"lora_bias": True}),
        ("bias", {"bias": "all"}),
        ("modules_to_save", {"modules_to_save": ["embed_tokens"]}),
        ("target_head", {"target_modules": ["q_proj", "lm_head"]}),
        ("target_head", {"target_modules": ["model.embed_tokens"]}),
        ("target_head", {"target_modules": r".*(q_proj|lm_head)"}),
        ("target_pattern", {"target_modules": "(q_proj"}),
        ("init_lora_weights", {"init_lora_weights": "pissa"}),
        ("init_lora_weights", {"init_lora_weights": "pissa_niter_16"}),
        ("init_lora_weights", {"init_lora_weights": "olora"}),
        ("init_lora_weights", {"init_lora_weights": "corda"}),
        ("init_lora_weights", {"init_lora_weights": "loftq"}),
        ("init_lora_weights", {"init_lora_weights": "eva"}),
        ("init_lora_weights", {"init_lora_weights": False}),
        ("loftq_config", {"loftq_config": {"loftq_bits": 4}}),
        ("rank_served", {"r": 32}),
        ("rank_served", {"r": 8, "rank_pattern": {"q_proj": 64}}),
        ("rank", {"r": 1024}),
        ("rank", {"r": 0}),
        ("lora_alpha", {"lora_alpha": 0}),
        ("layer_replication", {"layer_replication": [[0, 2]]}),
        ("alora_invocation_tokens", {"alora_invocation_tokens": [1]}),
        ("trainable_token_indices", {"trainable_token_indices": [1]}),
        ("unknown_lora", {"rank": 8}),
    ],
)
def test_adapters_that_would_not_be_served(code: str, lora: dict[str, Any]) -> None:
    wrong = errors(found("sft", lora=lora))
    assert codes(wrong) == [code]
    assert wrong[0].message
    assert wrong[0].remedy.endswith(".")


@pytest.mark.parametrize(
    "lora",
    [{"use_rslora": True}, {"init_lora_weights": "gaussian"}, {"r": 8}, {"target_modules": r".*\.(q|v)_proj"}],
)
def test_adapters_that_are_served(lora: dict[str, Any]) -> None:
    assert found("sft", lora=lora) == []


def test_a_rank_is_refused_with_what_the_engine_must_be_started_with() -> None:
    finding = found("sft", lora={"r": 100})[0]
    assert "--max-lora-rank 128" in finding.remedy
    assert found("sft", served=replace(SERVED, max_lora_rank=128), lora={"r": 100}) == []
    assert list(RANKS) == sorted(RANKS)


@pytest.mark.parametrize(
    ("code", "method", "train"),
    [
        ("kto_batch", "kto", {"per_device_train_batch_size": 1}),
        ("kto_order", "kto", {"train_sampling_strategy": "random"}),
        ("kto_weights", "kto", {"desirable_weight": 2.0, "undesirable_weight": 3.0}),
        ("gone", "dpo", {"max_prompt_length": 512}),
        ("unknown_train", "dpo", {"learning_rat": 1e-4}),
        ("no_length", "sft", {"max_length": None}),
        ("loss_on_prompt", "sft", {"completion_only_loss": False}),
        ("packing_wrapped", "sft", {"packing": True, "packing_strategy": "wrapped"}),
        ("packing_splits", "sft", {"packing": True, "packing_strategy": "bfd_split"}),
        ("unknown_train", "dpo", {"packing": True}),
        ("keep_end", "dpo", {"truncation_mode": "keep_end"}),
        ("loss_type", "ipo", {"loss_type": ["sigmoid"]}),
        ("loss_type", "dpo", {"loss_type": "ipo"}),
        ("group", "grpo", {"num_generations": 1}),
        ("group_size", "rloo", {"num_generations": 7}),
        ("generation_twice", "grpo", {"generation_batch_size": 64, "steps_per_generation": 4}),
        ("eval_group", "grpo", {"eval_strategy": "steps", "per_device_eval_batch_size": 3}),
        ("auto_batch", "grpo", {"auto_find_batch_size": True}),
        ("sync_ref", "dpo", {"sync_ref_model": True}),
        ("save_only_model", "sft", {"save_only_model": True}),
        ("one_checkpoint", "sft", {"save_total_limit": 1}),
        ("two_precisions", "sft", {"bf16": True, "fp16": True}),
        ("tokens_changed", "sft", {"pad_token": "<x>"}),
        ("template_adds_tokens", "sft", {"chat_template_path": "another/model"}),
        ("ours", "sft", {"output_dir": "/tmp/x"}),
        ("remote_code", "sft", {"trust_remote_code": True}),
    ],
)
def test_settings_that_a_trainer_trips_over(code: str, method: Method, train: dict[str, Any]) -> None:
    wrong = errors(found(method, train=train))
    assert codes(wrong) == [code]
    assert wrong[0].remedy.endswith(".")


def test_a_misspelt_setting_is_told_its_name() -> None:
    assert "learning_rate" in found("dpo", train={"learning_rat": 1e-4})[0].remedy
    assert "lora_alpha" in found("dpo", lora={"alpha": 8})[0].remedy


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("nf4_needs_cuda", {"quantization": "nf4"}),
        ("no_fp16", {"train": {"fp16": True}}),
        ("no_gpus", {"processes": 2}),
    ],
)
def test_a_cpu_cannot_do_everything(code: str, given: dict[str, Any]) -> None:
    assert codes(errors(found("sft", CPU, **given))) == [code]


def test_weights_in_four_bits_are_not_trained() -> None:
    assert "full_over_nf4" in codes(found("sft", quantization="nf4", lora=False))
    assert errors(found("sft", quantization="nf4")) == []


def test_bf16_only_where_there_is_any() -> None:
    old = replace(GPU, bf16=False)
    assert codes(found("sft", old, train={"bf16": True})) == ["no_bf16"]
    assert found("sft", old) == []


def test_more_processes_than_gpus() -> None:
    assert codes(found("sft", processes=3)) == ["few_gpus"]


def test_a_bare_number_is_no_name() -> None:
    assert codes(found("sft", name="17")) == ["name_number"]


def test_a_tracker_must_be_there() -> None:
    assert codes(found("sft", trackers=["mlflow"])) == ["no_tracker"]


def test_rewards_must_teach_something() -> None:
    assert codes(found("grpo", rewards=[{"name": "schema", "weight": 0}])) == ["no_reward"]
    alone = found("grpo", rewards=[{"name": "model", "path": "/rm"}])
    assert [(each.level, each.code) for each in alone] == [("warning", "no_length_reward")]


@pytest.mark.parametrize(
    ("architecture", "said"),
    [("BertModel", ["no_head"]), ("XLMRobertaForMaskedLM", ["no_head"]), ("BertForSequenceClassification", [])],
)
def test_a_reranker_that_begins_without_a_head(tmp_path: Path, architecture: str, said: list[str]) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    findings = found("reranker", model=str(tmp_path))
    assert [(each.level, each.code) for each in findings] == [("warning", code) for code in said]
    assert found("embedder", model=str(tmp_path)) == []


def test_dropout_where_an_answers_weight_would_be_chance() -> None:
    said = found("rloo", train={"disable_dropout": False})
    assert [(each.level, each.code) for each in said] == [("warning", "rloo_dropout")]
    assert found("grpo", train={"disable_dropout": False}) == []


def changed(tmp_path: Path, **config: Any) -> Path:
    folder = tmp_path / "other"
    shutil.copytree(MODEL, folder)
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**said, **config}))
    return folder


def test_a_base_that_is_not_the_one_served(tmp_path: Path) -> None:
    other = changed(tmp_path, hidden_size=256)
    finding = found("sft", served=replace(SERVED, folder=other))[0]
    assert finding.code == "base_mismatch"
    assert "hidden_size 192 and 256" in finding.message


def test_a_base_with_other_tokens_than_the_one_served(tmp_path: Path) -> None:
    other = changed(tmp_path)
    said = json.loads((other / "tokenizer.json").read_text())
    said["model"]["vocab"]["<new>"] = 1023
    (other / "tokenizer.json").write_text(json.dumps(said))
    assert codes(found("sft", served=replace(SERVED, folder=other))) == ["tokenizer_mismatch"]


def test_the_same_base_in_fewer_bits_is_the_same_base(tmp_path: Path) -> None:
    quantized = changed(tmp_path, quantization_config={"quant_method": "compressed-tensors"})
    assert found("sft", served=replace(SERVED, folder=quantized)) == []
    assert codes(found("sft", model=str(quantized))) == ["base_quantized"]


@pytest.mark.parametrize(
    ("quantized", "code"),
    [
        ({"quant_method": "awq"}, "served_delicate"),
        ({"quant_method": "fp8"}, "served_delicate"),
        ({"quant_method": "compressed-tensors", "format": "float-quantized"}, "served_delicate"),
        ({"quant_method": "bitsandbytes"}, "served_by_plugin"),
    ],
)
def test_adapters_over_bases_that_engines_have_trouble_with(
    tmp_path: Path, quantized: dict[str, str], code: str
) -> None:
    served = replace(SERVED, folder=changed(tmp_path, quantization_config=quantized))
    said = found("sft", served=served)
    assert [(each.level, each.code) for each in said] == [("warning", code)]


@pytest.mark.parametrize("train", [{"num_iterations": 2}, {"steps_per_generation": 8}, {"generation_batch_size": 256}])
def test_answers_that_no_checkpoint_holds(train: dict[str, Any]) -> None:
    assert [(each.level, each.code) for each in found("grpo", **{"processes": 1, "train": train})] == [
        ("warning", "answers_reused")
    ]


def test_what_is_no_model(tmp_path: Path) -> None:
    assert codes(found("sft", model=str(tmp_path / "none"))) == ["no_model"]
    (tmp_path / "adapter_config.json").write_text("{}")
    assert "base_is_adapter" in codes(found("sft", model=str(tmp_path), train={"max_length": 64}))


def test_lengths_unlike_what_is_served_are_said() -> None:
    assert codes(found("sft", train={"max_length": 512})) == ["length_below_context"]
    assert codes(found("sft", train={"max_length": 8192})) == ["length_above_context"]
    assert errors(found("sft", train={"max_length": 512})) == []


def test_the_names_are_those_of_the_installed_packages() -> None:
    assert {"r", "lora_alpha", "use_rslora", "target_modules"} <= lora_fields()
    for method in TRAINED:
        assert {"learning_rate", "max_steps", "seed"} <= train_fields(method)
    assert "max_prompt_length" not in train_fields("dpo")


def test_nothing_heavy_is_loaded_for_it() -> None:
    code = (
        "import sys, finetune.lint, finetune.runs, finetune.registry, finetune.card, finetune.advise, finetune.memory\n"
        "import finetune.bucket_registry\n"
        "from finetune.fields import train_fields; train_fields('sft')\n"
        "print({'torch', 'transformers', 'trl', 'peft', 'datasets', 'boto3'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
