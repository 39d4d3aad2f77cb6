"""How much memory a run will take, told before it starts, and the smallest change with which it would fit.

Counted from the model's own files: weights, gradients, the optimizer's state (Adam keeps two numbers a weight), what
the backward pass needs (Korthikanti et al. 2022, attention without its square), and what generating takes. It is an
estimate: a tenth is added for what the allocator cannot use.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.defaults import model_config
from finetune.machine import Machine
from finetune.recipe import ONLINE, RETRIEVAL, Recipe
from finetune.weights import matrices

GIB = 1 << 30
_NF4 = 0.53
"""Bytes a weight in NF4 with quantized constants."""
_SLACK = 1.1
_CHUNK = 4096
"""Tokens whose scores over the vocabulary lie in memory at a time, where a trainer does not keep them all."""
_PROCESS = {"cpu": 1.2 * GIB, "cuda": 1.0 * GIB}
"""What the libraries take before anything is loaded."""
_BLOCK = 7
"""Linear layers of a transformer's block."""
_OPTIMIZERS = {"adamw_8bit": 2, "paged_adamw_8bit": 2, "adamw_bnb_8bit": 2, "adafactor": 0.1, "sgd": 0}
"""Bytes of state a trained weight; all others keep 8."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """Bytes on each device."""

    weights: int
    trained: int
    activations: int
    generation: int
    process: int

    @property
    def total(self) -> int:
        """All of it, with what the allocator cannot use."""
        return int(_SLACK * (self.weights + self.trained + self.activations + self.generation) + self.process)


def estimate(recipe: Recipe, machine: Machine, longest: int | None = None) -> Estimate | None:
    """What a resolved recipe will take; None where the model's files are not at hand. `longest` is the longest row in
    tokens, where it is known."""
    config, weights = model_config(recipe.model), matrices(recipe.model)
    if not config or not weights:
        return None
    if recipe.method == "quantize":
        return _smaller(recipe, machine, weights)
    return Estimate(
        weights=_weights(recipe, machine, weights),
        trained=_trained(recipe, weights),
        activations=_activations(recipe, config, longest),
        generation=_generation(recipe, config, longest),
        process=int(_PROCESS[machine.device]),
    )


def _smaller(recipe: Recipe, machine: Machine, weights: dict[str, tuple[int, ...]]) -> Estimate:
    """Merging is done in 32 bits. GPTQ keeps the square of its columns for each layer of a block."""
    widest = max((shape[1] for name, shape in weights.items() if _linear(name, shape)), default=0)
    count = sum(math.prod(shape) for shape in weights.values())
    return Estimate(
        weights=count * (4 if recipe.adapter else 2),
        trained=_BLOCK * widest * widest * 4,
        activations=0,
        generation=0,
        process=int(_PROCESS[machine.device]),
    )


def refusal(recipe: Recipe, machine: Machine, longest: int | None = None) -> str | None:
    """Why it cannot fit, and the smallest change with which it would; None where it fits or nobody can tell."""
    needed = estimate(recipe, machine, longest)
    if needed is None or needed.total <= machine.memory:
        return None
    said = f"This needs about {_said(needed.total)} on each device, and {_said(machine.memory)} are free."
    for change, changed in changes(recipe, machine):
        smaller = estimate(changed, machine, longest)
        if smaller is not None and smaller.total <= machine.memory:
            return f"{said} {change} (about {_said(smaller.total)})."
    return f"{said} No setting makes it fit: take a smaller model or a larger device."


def changes(recipe: Recipe, machine: Machine) -> Iterator[tuple[str, Recipe]]:
    """Changes from the smallest to the largest, each by itself, then all so far together."""
    single = list(_changes(recipe, machine))
    for said, names in single:
        yield f"{said} and it fits", _changed(recipe, names)
    together: dict[str, Any] = {}
    words: list[str] = []
    for said, names in single:
        together |= names
        words = [each for each in words if each.split(":")[0] != said.split(":")[0]] + [said]
        yield f"{'; '.join(words)}: then it fits", _changed(recipe, together)


def _changes(recipe: Recipe, machine: Machine) -> Iterator[tuple[str, dict[str, Any]]]:
    train = recipe.train
    if recipe.method == "quantize":
        return
    if not train.get("gradient_checkpointing") and recipe.method not in RETRIEVAL:
        yield "Write `gradient_checkpointing: true`", {"gradient_checkpointing": True}
    batch, steps = int(train.get("per_device_train_batch_size", 4)), int(train.get("gradient_accumulation_steps", 1))
    least = 2 if recipe.method == "kto" else 1
    while batch // 2 >= least and batch % 2 == 0:
        batch, steps = batch // 2, steps * 2
        said = f"Write `per_device_train_batch_size: {batch}` and `gradient_accumulation_steps: {steps}`"
        yield said, {"per_device_train_batch_size": batch, "gradient_accumulation_steps": steps}
    if machine.cuda and recipe.lora is not False and recipe.quantization is None:
        yield "Write `quantization: nf4`", {"quantization": "nf4"}
    if recipe.lora is False and recipe.method not in RETRIEVAL:
        yield "Remove `lora: false`", {"lora": {"r": 16, "lora_alpha": 32, "target_modules": "all-linear"}}
    length = train.get("max_length")
    if isinstance(length, int) and length >= 1024:
        yield f"Write `max_length: {length // 2}`, which leaves longer rows out", {"max_length": length // 2}


def _changed(recipe: Recipe, names: dict[str, Any]) -> Recipe:
    own = {name: value for name, value in names.items() if name in ("quantization", "lora")}
    train = {**recipe.train, **{name: value for name, value in names.items() if name not in own}}
    return recipe.model_copy(update={**own, "train": train})


def _weights(recipe: Recipe, machine: Machine, weights: dict[str, tuple[int, ...]]) -> int:
    count = sum(math.prod(shape) for shape in weights.values())
    if recipe.quantization == "nf4":
        linear = sum(math.prod(shape) for name, shape in weights.items() if _linear(name, shape))
        return int(linear * _NF4 + (count - linear) * 2)
    if recipe.lora is not False:
        return count * (2 if machine.bf16 else 4)
    copies = 2 if _reference(recipe) else 1
    return count * 4 * copies + (count * 2 if recipe.train.get("bf16") else 0)


def _reference(recipe: Recipe) -> bool:
    """Whether a second model is kept to compare with; with an adapter it is the same one, the adapter switched off."""
    if recipe.method in ONLINE:
        return bool(recipe.train.get("beta"))
    return recipe.method in ("dpo", "ipo", "kto") and not recipe.train.get("precompute_ref_log_probs")


def _trained(recipe: Recipe, weights: dict[str, tuple[int, ...]]) -> int:
    """Gradients and the optimizer's state; of an adapter its own weights, too."""
    state = _OPTIMIZERS.get(str(recipe.train.get("optim", "adamw_torch")), 8)
    if recipe.lora is False:
        return int(sum(math.prod(shape) for shape in weights.values()) * (4 + state))
    targets, rank = recipe.lora.get("target_modules"), int(recipe.lora.get("r", 8))
    named = [targets] if isinstance(targets, str) else list(targets or ())
    chosen = [
        shape
        for name, shape in weights.items()
        if _linear(name, shape) and ("all-linear" in named or name.split(".")[-2] in named)
    ]
    return int(sum(rank * sum(shape) for shape in chosen) * (8 + state))


def _linear(name: str, shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 and name.endswith(".weight") and not any(each in name for each in ("embed", "lm_head"))


def _activations(recipe: Recipe, config: dict[str, Any], longest: int | None) -> int:
    train = recipe.train
    tokens = int(train.get("per_device_train_batch_size", 4)) * _sequences(recipe) * _length(recipe, config, longest)
    size = 2 if train.get("bf16") or train.get("fp16") else 4
    hidden, inner = int(config.get("hidden_size", 0)), int(config.get("intermediate_size", 0))
    layers = int(config.get("num_hidden_layers", 0))
    layer = (18 * hidden + 6 * inner) * size
    kept = layers * hidden * size + layer if train.get("gradient_checkpointing") else layers * layer
    return tokens * kept + _scores(recipe, config, tokens)


def _scores(recipe: Recipe, config: dict[str, Any], tokens: int) -> int:
    """What is computed over the vocabulary. TRL's experiments keep it all, its trainers a part at a time."""
    if recipe.method in (*RETRIEVAL, "reward"):
        return 0
    copies = 4 if recipe.method == "orpo" else 3
    return (tokens if recipe.method == "orpo" else min(tokens, _CHUNK)) * int(config.get("vocab_size", 0)) * 4 * copies


def _sequences(recipe: Recipe) -> int:
    """Texts that a row is."""
    if recipe.method == "embedder":
        return 2 + recipe.negatives
    return 2 if recipe.kind in ("preference", "kto") else 1


def _length(recipe: Recipe, config: dict[str, Any], longest: int | None) -> int:
    if recipe.method in RETRIEVAL:
        return int(recipe.train.get("max_length") or min(512, int(config.get("max_position_embeddings", 512))))
    if recipe.method in ONLINE:
        return (longest or 1024) + int(recipe.train["max_completion_length"])
    limit = int(recipe.train["max_length"])
    return limit if longest is None or recipe.train.get("packing") else min(limit, longest)


def _generation(recipe: Recipe, config: dict[str, Any], longest: int | None) -> int:
    """Keys and values of all answers written at a time, and a reward model's weights."""
    if recipe.method not in ONLINE:
        return 0
    train = recipe.train
    batch = int(train.get("per_device_train_batch_size", 8)) * int(train.get("gradient_accumulation_steps", 1))
    heads = int(config.get("num_key_value_heads") or config.get("num_attention_heads", 1))
    size = int(
        config.get("head_dim") or config.get("hidden_size", 0) // max(1, int(config.get("num_attention_heads", 1)))
    )
    each = 2 * int(config.get("num_hidden_layers", 0)) * heads * size * (2 if train.get("bf16") else 4)
    judges = sum(_judge(reward.path) for reward in recipe.rewards if reward.path)
    return batch * _length(recipe, config, longest) * each + judges


def _judge(path: Path) -> int:
    """A reward model's bytes: its own, or those of what its adapter was made for."""
    config = path / "adapter_config.json"
    weights = matrices(_base_of(config) if config.exists() else str(path))
    return sum(math.prod(shape) for shape in weights.values()) * 4


def _base_of(config: Path) -> str:
    """The base that an adapter names."""
    return str(json.loads(config.read_text("utf-8")).get("base_model_name_or_path", ""))


def _said(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
