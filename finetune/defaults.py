"""What a recipe leaves out, filled in: the literature's values, and lengths that nothing is cut at unsaid.

LoRA on all linear layers and ten times full tuning's rate: Hu et al. 2021, Dettmers et al. 2023, Schulman et al. 2025
("LoRA Without Regret"). DPO's rates: Rafailov et al. 2023, Tunstall et al. 2023. KTO: Ethayarajh et al. 2024. ORPO:
Hong et al. 2024. GRPO and RLOO: Shao et al. 2024, Ahmadian et al. 2024.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from finetune.machine import Machine
from finetune.recipe import ONLINE, RETRIEVAL, Method, Recipe, Reward
from finetune.served import Served

RATES: dict[Method, tuple[float, float]] = {
    "sft": (2e-4, 2e-5),
    "dpo": (5e-6, 5e-7),
    "ipo": (5e-6, 5e-7),
    "kto": (5e-6, 5e-7),
    "orpo": (8e-5, 8e-6),
    "reward": (1e-4, 1e-5),
    "grpo": (1e-5, 1e-6),
    "rloo": (1e-5, 1e-6),
    "reranker": (2e-4, 2e-5),
    "embedder": (2e-4, 2e-5),
}
"""Learning rates: of LoRA, of every weight."""
LORA: dict[str, Any] = {"r": 16, "lora_dropout": 0.05, "target_modules": "all-linear", "bias": "none"}
REWARDS = (
    Reward(name="schema"),
    Reward(name="citations"),
    Reward(name="length", weight=0.5),
    Reward(name="repetition"),
)
_COMPLETION = 512
_CALIBRATED = 2_048


def resolve(recipe: Recipe, served: Served, machine: Machine) -> Recipe:
    """The recipe with nothing left out that decides what is learnt."""
    if recipe.method == "quantize":
        return recipe.model_copy(update={"train": {**_calibration(recipe, served), **recipe.train}, "processes": 1})
    lora = recipe.lora if recipe.lora is False else _lora(recipe)
    rewards = recipe.rewards or (REWARDS if recipe.method in ONLINE else ())
    processes = recipe.processes or (machine.devices if machine.cuda else 1)
    train = {**_common(recipe, machine), **_lengths(recipe, served), **_own(recipe, machine), **recipe.train}
    filled = {"lora": lora, "train": train, "rewards": rewards, "processes": processes}
    return recipe.model_copy(update=filled)


def _calibration(recipe: Recipe, served: Served) -> dict[str, Any]:
    """What a model is looked at with while it is made smaller (Frantar et al. 2023 take 128 texts of 2,048 tokens)."""
    known = [length for length in (served.context, window(recipe.model), _CALIBRATED) if length]
    return {"max_length": min(known), "num_calibration_samples": 256}


def window(model: str) -> int | None:
    """The longest text that a model in a folder can read, in tokens; None where that is not known."""
    found = model_config(model).get("max_position_embeddings")
    return found if isinstance(found, int) else None


def model_config(model: str) -> dict[str, Any]:
    """A model's own description; empty where it is not in a folder here."""
    try:
        found = json.loads((Path(model) / "config.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _lora(recipe: Recipe) -> dict[str, Any]:
    given = recipe.lora or {}
    alpha = {"lora_alpha": 2 * given.get("r", LORA["r"])}
    return {**LORA, **alpha, **given}


def _common(recipe: Recipe, machine: Machine) -> dict[str, Any]:
    low = recipe.lora is not False
    rate = RATES[recipe.method][0 if low else 1]
    return {
        "learning_rate": rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.05,
        "num_train_epochs": 1,
        "per_device_train_batch_size": 8 if recipe.method in ONLINE else 4,
        "gradient_accumulation_steps": 1 if recipe.method in RETRIEVAL else 4,
        "max_grad_norm": 1.0,
        "bf16": machine.bf16,
        "gradient_checkpointing": machine.cuda and recipe.method not in RETRIEVAL,
        "seed": 42,
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": 0.1,
        "save_total_limit": 2,
        "eval_strategy": "no",
    }


def _lengths(recipe: Recipe, served: Served) -> dict[str, Any]:
    """Whole rows, as long as what is served; searching models have a length of their own."""
    if recipe.method in RETRIEVAL:
        return {}
    known = [length for length in (served.context, window(recipe.model)) if length]
    longest = min(known) if known else None
    if recipe.method in ONLINE:
        return {"max_completion_length": min(_COMPLETION, longest // 2) if longest else _COMPLETION}
    return {"max_length": longest} if longest else {}


def _own(recipe: Recipe, machine: Machine) -> dict[str, Any]:
    """What only this method has."""
    if recipe.method == "sft":
        # Packed rows keep apart by their positions where attention knows lengths; on a CPU that would cost its square.
        return {"completion_only_loss": True, "packing": machine.cuda}
    if recipe.method in ("dpo", "ipo"):
        return {"loss_type": ["ipo" if recipe.method == "ipo" else "sigmoid"], "beta": 0.1}
    if recipe.method == "kto":
        return {"beta": 0.1}
    if recipe.method == "orpo":
        return {"beta": 0.1}
    if recipe.method == "reward":
        return {"center_rewards_coefficient": 0.01}
    if recipe.method in ONLINE:
        # An answer weighs by how much likelier it is than when it was written: dropout would make that chance.
        beta = 0.04 if recipe.method == "grpo" else 0.05
        return {"num_generations": 8, "beta": beta, "temperature": 1.0, "disable_dropout": True}
    return {"per_device_train_batch_size": 32 if recipe.method == "embedder" else 16}
