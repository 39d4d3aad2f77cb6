"""What TRL's trainers would trip over, or do in silence."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from finetune.defaults import model_config
from finetune.fields import train_fields
from finetune.lint_lora import Said
from finetune.machine import Machine
from finetune.recipe import ONLINE, RETRIEVAL, Recipe

_GONE = {
    "max_prompt_length": "TRL has it no more; `max_length` counts prompt and completion together",
    "dataset_text_field": "rows come as prompt and completion",
    "formatting_func": "rows come as prompt and completion",
}
_OURS = ("output_dir", "resume_from_checkpoint", "report_to", "logging_dir", "push_to_hub", "hub_token", "run_name")
_LOSSES = {"dpo": ("sigmoid",), "ipo": ("ipo",)}


def train_findings(recipe: Recipe, machine: Machine) -> Iterator[Said]:
    """Findings on `train`, `quantization` and `trackers`."""
    train = recipe.train
    yield from _names(recipe)
    yield from _precision(recipe, machine)
    yield from _workers(train)
    yield from _silence(recipe)
    if recipe.method == "kto":
        yield from _kto(train)
    if recipe.method in ONLINE:
        yield from _online(recipe)
    if recipe.method in _LOSSES:
        yield from _loss(recipe)
    if recipe.method == "reranker" and _headless(recipe.model):
        message = f"{recipe.model} has no head that scores: it begins with random weights, and a thousand questions do "
        message += "not teach it to order passages better than search does."
        yield "warning", "no_head", message, "Begin at a reranker, such as BAAI/bge-reranker-v2-m3."
    if recipe.method == "orpo" and recipe.quantization:
        yield "warning", "orpo_experimental", "ORPO is an experiment of TRL's.", "Take dpo where this fails."
    for tracker in recipe.trackers:
        if importlib.util.find_spec(tracker) is None:
            yield "error", "no_tracker", f"{tracker} is not installed.", f"pip install {tracker}, or remove it."
        elif tracker == "mlflow" and _bare_folder():
            message = "MLflow 3 refuses a bare folder (MLFLOW_TRACKING_URI)."
            yield "warning", "mlflow_folder", message, "Name a database, such as sqlite:////var/lib/mlflow.db."


def _bare_folder() -> bool:
    """Whether MLflow is to write files into a folder, which nobody allowed it."""
    where = os.environ.get("MLFLOW_TRACKING_URI", "")
    folder = where.startswith("file:") or (bool(where) and "://" not in where and where != "databricks")
    return folder and os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() not in ("true", "1")


def _headless(model: str) -> bool:
    """Whether a model in a folder only encodes; unknown of one on the hub."""
    names = model_config(model).get("architectures") or []
    return bool(names) and all(str(name).endswith(("Model", "ForMaskedLM")) for name in names)


def _names(recipe: Recipe) -> Iterator[Said]:
    known = train_fields(recipe.method)
    for name in recipe.train:
        if name in _GONE:
            yield "error", "gone", f"`{name}` has no meaning: {_GONE[name]}.", f"Remove `{name}`."
        elif name in _OURS:
            yield "error", "ours", f"`{name}` is the run's own to set.", f"Remove `{name}` from `train`."
        elif name not in known:
            near = get_close_matches(name, known, 1)
            remedy = f"Write `{near[0]}` instead." if near else f"Remove `{name}`."
            yield "error", "unknown_train", f"The trainer of {recipe.method} knows no `{name}`.", remedy
    if recipe.train.get("trust_remote_code"):
        yield "error", "remote_code", "A model's own code is never run.", "Remove `trust_remote_code`."


def _precision(recipe: Recipe, machine: Machine) -> Iterator[Said]:
    train = recipe.train
    if recipe.quantization and not machine.cuda:
        yield "error", "nf4_needs_cuda", "Training over 4 bits needs a GPU.", "Remove `quantization`."
    if recipe.quantization and importlib.util.find_spec("bitsandbytes") is None:
        yield "error", "no_bitsandbytes", "nf4 needs bitsandbytes.", "pip install bitsandbytes, or remove it."
    if recipe.quantization and recipe.lora is False:
        yield (
            "error",
            "full_over_nf4",
            "Weights in 4 bits cannot be trained.",
            "Remove one of the two.",
        )
    if recipe.quantization and recipe.method in RETRIEVAL:
        yield "error", "nf4_retrieval", "What searches is trained as it is.", "Remove `quantization`."
    if train.get("bf16") and train.get("fp16"):
        yield "error", "two_precisions", "bf16 and fp16 exclude each other.", "Remove `fp16`."
    elif train.get("bf16") and machine.cuda and not machine.bf16:
        yield "error", "no_bf16", "This GPU has no bf16.", "Write `bf16: false` and `fp16: true`."
    elif train.get("fp16") and not machine.cuda:
        yield "error", "no_fp16", "fp16 needs a GPU.", "Remove `fp16`."
    elif train.get("fp16") and machine.bf16:
        yield "warning", "fp16_over_bf16", "fp16 overflows where bf16 does not.", "Write `bf16: true`."
    cores = os.cpu_count() or 1
    if not machine.cuda and recipe.processes > cores and train.get("use_cpu"):
        message = f"{recipe.processes} processes are asked for, and there are {cores} processors."
        yield "error", "few_cores", message, f"Write `processes: {cores}` or less."
    elif not machine.cuda and recipe.processes > 1 and not train.get("use_cpu"):
        message = f"{recipe.processes} processes are asked for, and there is no GPU."
        yield "error", "no_gpus", message, "Remove `processes`."
    elif machine.cuda and recipe.processes > machine.devices:
        message = f"{recipe.processes} processes are asked for, and there are {machine.devices} GPUs."
        yield "error", "few_gpus", message, f"Write `processes: {machine.devices}`."


def _workers(train: dict[str, Any]) -> Iterator[Said]:
    """Each is a process with the rows in its memory."""
    cores = os.cpu_count() or 1
    for name in ("dataloader_num_workers", "dataset_num_proc"):
        asked = train.get(name) or 0
        if asked > cores:
            message = f"`{name}` asks for {asked} processes, and there are {cores} processors."
            yield "error", "workers", message, f"Remove `{name}`, or write {cores} or less."


def _silence(recipe: Recipe) -> Iterator[Said]:
    """What would cut or count otherwise without a word."""
    train, method = recipe.train, recipe.method
    if method not in (*ONLINE, *RETRIEVAL) and not isinstance(train.get("max_length"), int):
        message = "Without `max_length` TRL cuts rows at 1024 tokens in silence (or, with null, at nothing)."
        yield "error", "no_length", message, "Write the serving context as `max_length`."
    if train.get("truncation_mode") == "keep_end":
        yield "error", "keep_end", "Cutting a prompt's beginning cuts its rules.", "Remove `truncation_mode`."
    if method == "sft" and train.get("completion_only_loss") is False:
        message = "The loss would count on the prompt: the model would learn to write sources and questions."
        yield "error", "loss_on_prompt", message, "Remove `completion_only_loss`."
    if method == "sft" and train.get("packing") and train.get("packing_strategy", "bfd") == "wrapped":
        message = "Wrapped packing cuts rows in two wherever a pack ends."
        yield "error", "packing_wrapped", message, "Remove `packing_strategy`."
    if train.get("packing") and train.get("packing_strategy") in ("bfd_split", "bfd-requeue"):
        yield "error", "packing_splits", "This packing cuts rows in two.", "Remove `packing_strategy`."
    if train.get("auto_find_batch_size"):
        message = "A batch that shrinks in silence changes what is learnt, and breaks groups."
        yield "error", "auto_batch", message, "Remove `auto_find_batch_size`; the estimate says what fits."
    if recipe.lora is not False and train.get("sync_ref_model"):
        message = "With an adapter there is no reference model to bring up to date: it is the adapter switched off."
        yield "error", "sync_ref", message, "Remove `sync_ref_model`, or write `lora: false`."
    if train.get("save_strategy") in ("no", "best"):
        yield "warning", "no_checkpoints", "A run that is killed begins anew.", "Remove `save_strategy`."
    if train.get("save_total_limit") == 1:
        message = "With one checkpoint, one that was being written when it was killed is all there is."
        yield "error", "one_checkpoint", message, "Write `save_total_limit: 2` or more."
    if train.get("save_only_model"):
        message = "Without the optimizer's state a run that goes on is not the run that was."
        yield "error", "save_only_model", message, "Remove `save_only_model`."


def _kto(train: dict[str, Any]) -> Iterator[Said]:
    if train.get("per_device_train_batch_size", 2) < 2:
        message = "In batches of 1 the KL term of KTO is the reward itself, and nothing is learnt."
        yield "error", "kto_batch", message, "Write `per_device_train_batch_size: 2` or more."
    if train.get("train_sampling_strategy", "sequential") != "sequential":
        message = "The KL term of KTO pairs neighbouring rows: they come in a fixed order, shuffled once."
        yield "error", "kto_order", message, "Remove `train_sampling_strategy`."
    if train.get("desirable_weight", 1.0) != 1.0 and train.get("undesirable_weight", 1.0) != 1.0:
        message = "One side of KTO is weighed against the other: both weights at once only change the rate."
        yield "error", "kto_weights", message, "Keep the one of the rarer label."


def _online(recipe: Recipe) -> Iterator[Said]:
    train = recipe.train
    group = train.get("num_generations", 8)
    if group < 2:
        yield "error", "group", "A group of 1 has nothing to be better than.", "Write `num_generations: 8`."
        return
    if "generation_batch_size" in train and "steps_per_generation" in train:
        message = "`generation_batch_size` and `steps_per_generation` say the same thing twice."
        yield "error", "generation_twice", message, "Remove one of them."
        return
    steps = train.get("steps_per_generation", train.get("gradient_accumulation_steps", 1))
    batch = train.get("per_device_train_batch_size", 8) * max(recipe.processes, 1) * steps
    batch = train.get("generation_batch_size", batch)
    if batch % group:
        message = f"{batch} answers are written at a time, which are no whole groups of {group}."
        yield "error", "group_size", message, f"Make batch x processes x accumulation a multiple of {group}."
    if train.get("eval_strategy", "no") != "no" and train.get("per_device_eval_batch_size", 8) % group:
        message = f"A batch of {train.get('per_device_eval_batch_size', 8)} is no whole groups of {group}."
        yield "error", "eval_group", message, f"Write `per_device_eval_batch_size: {group}`."
    yield from _reused(train, batch, max(recipe.processes, 1))
    if not any(reward.weight for reward in recipe.rewards):
        yield "error", "no_reward", "No reward has a weight: nothing would be learnt.", "Give one a weight above 0."
    names = {reward.name for reward in recipe.rewards}
    if "model" in names and "length" not in names:
        message = "A reward model alone is soon pleased by length."
        yield "warning", "no_length_reward", message, "Add `{name: length}` to `rewards`."
    if recipe.method == "rloo" and train.get("disable_dropout") is False:
        message = (
            "RLOO weighs an answer by how much likelier it is than when it was written; dropout makes that chance."
        )
        yield "warning", "rloo_dropout", message, "Remove `disable_dropout`."
    if train.get("use_vllm") and train.get("vllm_mode", "colocate") == "colocate":
        yield "warning", "vllm_colocate", "vLLM pins other versions than TRL.", "Let vLLM run as a server of its own."


def _reused(train: dict[str, Any], batch: int, processes: int) -> Iterator[Said]:
    """What was written for several steps is not in a checkpoint between them."""
    step = train.get("per_device_train_batch_size", 8) * train.get("gradient_accumulation_steps", 1) * processes
    if batch > step or train.get("num_iterations", 1) > 1:
        message = "Answers are learnt from over several steps, and no checkpoint holds them: a run that is taken up "
        message += "again writes others."
        yield "warning", "answers_reused", message, "Remove `num_iterations` and `steps_per_generation`."


def _loss(recipe: Recipe) -> Iterator[Said]:
    given = recipe.train.get("loss_type")
    said = [given] if isinstance(given, str) else given
    if recipe.method == "ipo" and said != ["ipo"]:
        yield (
            "error",
            "loss_type",
            f"`method: ipo` with the loss {given}.",
            "Remove `loss_type`.",
        )
    if recipe.method == "dpo" and said == ["ipo"]:
        yield "error", "loss_type", "`method: dpo` with IPO's loss.", "Write `method: ipo`."
