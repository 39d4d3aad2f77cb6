"""What is wrong between what is trained and what is served."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finetune.defaults import model_config
from finetune.lint_lora import Said
from finetune.recipe import RETRIEVAL, Recipe
from finetune.served import Served

_SHAPE = (
    "model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "head_dim", "vocab_size",
)  # fmt: skip
_FOUR_BITS = "quantization_config"
_PLUGINS = ("bitsandbytes", "gguf")
_DELICATE = ("awq", "fp8", "fbgemm_fp8")


def serving_findings(recipe: Recipe, served: Served) -> Iterator[Said]:
    """Findings on names, bases and templates."""
    if recipe.name.isdigit():
        message = f"{recipe.name!r} is a bare number: engines take such a name for an adapter's own counter."
        yield "error", "name_number", message, "Put a letter into `name`."
    config = model_config(recipe.model)
    yield from _base(recipe, config)
    if recipe.method in (*RETRIEVAL, "reward"):
        return
    yield from _template(recipe)
    if served.folder is not None and config:
        yield from _mismatch(recipe, served.folder, config)
        yield from _quantized(served.folder)
    length = recipe.train.get("max_length")
    if served.context and isinstance(length, int) and length < served.context:
        message = f"Rows over {length} tokens are left out, while {served.context} are served."
        yield "warning", "length_below_context", message, f"Write `max_length: {served.context}`, or remove it."
    if served.context and isinstance(length, int) and length > served.context:
        message = f"Rows up to {length} tokens are learnt from, and only {served.context} are ever served."
        yield "warning", "length_above_context", message, f"Write `max_length: {served.context}`, or remove it."


def _base(recipe: Recipe, config: dict[str, Any]) -> Iterator[Said]:
    path = Path(recipe.model)
    if path.is_dir() and (path / "adapter_config.json").exists():
        message = f"{recipe.model} is an adapter: TRL would train over it and lose it."
        yield "error", "base_is_adapter", message, "Merge it into its base first, and name the merged model."
    elif path.is_absolute() and not path.is_dir():
        yield "error", "no_model", f"There is no model in {recipe.model}.", "Name a model's folder, or one on the hub."
    elif path.is_dir() and not config and recipe.method not in RETRIEVAL:
        yield "error", "no_model", f"{recipe.model} holds no config.json.", "Name a folder in transformers' form."
    if config.get(_FOUR_BITS):
        message = f"{recipe.model} is quantized: gradients do not pass through it, and merging would round."
        yield "error", "base_quantized", message, "Train on the 16-bit model; write `quantization: nf4` to save memory."


def _template(recipe: Recipe) -> Iterator[Said]:
    given = recipe.train.get("chat_template_path")
    if given and Path(str(given)).suffix not in (".jinja", ".j2"):
        message = "A chat template taken from another model brings tokens of its own: TRL then saves whole layers with "
        message += "the adapter, and vLLM refuses it."
        yield "error", "template_adds_tokens", message, "Name a .jinja file that uses the model's own tokens."
    elif given:
        message = "The engine renders prompts by the model's own template, not by this one."
        yield "warning", "template_differs", message, "Start vLLM with the same `--chat-template`."
    if "eos_token" in recipe.train or "pad_token" in recipe.train:
        message = "Changing special tokens changes the tokenizer that the served base has."
        yield "error", "tokens_changed", message, "Remove `eos_token` and `pad_token` from `train`."


def _mismatch(recipe: Recipe, folder: Path, config: dict[str, Any]) -> Iterator[Said]:
    served = model_config(str(folder))
    if not served:
        return
    unlike = [name for name in _SHAPE if served.get(name) != config.get(name)]
    if unlike:
        said = ", ".join(f"{name} {config.get(name)} and {served.get(name)}" for name in unlike)
        message = f"{recipe.model} is not the model that is served from {folder}: {said}."
        yield "error", "base_mismatch", message, "Train on the 16-bit original of the model that is served."
        return
    if _tokens(Path(recipe.model)) != _tokens(folder):
        message = f"{recipe.model} and the served {folder} have different tokens."
        yield "error", "tokenizer_mismatch", message, "Train on the 16-bit original of the model that is served."


def _quantized(folder: Path) -> Iterator[Said]:
    """What engines make of adapters over a quantized base."""
    given = model_config(str(folder)).get(_FOUR_BITS) or {}
    method = str(given.get("quant_method", ""))
    if method in _PLUGINS:
        message = f"The base served from {folder} is quantized by {method}, which vLLM has no more in its core."
        yield "warning", "served_by_plugin", message, "Serve one made by llm-compressor, or install vLLM's plugin."
    elif method in _DELICATE or str(given.get("format", "")).startswith("float"):
        message = f"The base served from {folder} is {method}: adapters over such bases have come out broken."
        yield "warning", "served_delicate", message, "Measure this very pair on the engine before it is served."


def _tokens(folder: Path) -> str | None:
    """A digest of what tokens there are; None where no tokenizer lies there."""
    try:
        found = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    kept = [found.get("model", {}).get("vocab"), found.get("added_tokens")]
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
