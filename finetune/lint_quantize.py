"""What keeps a model from being made smaller, said before time is spent."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from finetune.defaults import model_config
from finetune.fields import CALIBRATION
from finetune.lint_lora import Said
from finetune.machine import Machine
from finetune.recipe import Recipe
from finetune.result import ADAPTER_FILES


def quantize_findings(recipe: Recipe, machine: Machine) -> Iterator[Said]:
    """Findings on the model, its adapter and the scheme."""
    yield from _names(recipe)
    yield from _model(recipe)
    if recipe.adapter is not None:
        missing = [name for name in ADAPTER_FILES if not (recipe.adapter / name).is_file()]
        if missing:
            message = f"{recipe.adapter} holds no adapter: {missing[0]} is missing."
            yield "error", "no_adapter", message, "Name a folder that PEFT saved in `adapter`."
    if recipe.scheme == "awq-w4a16" and not machine.cuda:
        message = "llm-compressor makes AWQ on a GPU alone, and there is none."
        yield "error", "awq_needs_gpu", message, "Write `scheme: gptq-w4a16`, which has four bits as well."


def _names(recipe: Recipe) -> Iterator[Said]:
    if recipe.name.isdigit():
        message = f"{recipe.name!r} is a bare number: engines take such a name for a counter."
        yield "error", "name_number", message, "Put a letter into `name`."
    for name, value in recipe.train.items():
        if name not in CALIBRATION:
            near = get_close_matches(name, CALIBRATION, 1)
            remedy = f"Write `{near[0]}` instead." if near else f"Remove `{name}`."
            yield "error", "unknown_train", f"Quantizing knows no `{name}`.", remedy
        elif name != "attention" and (not isinstance(value, int) or value < 1):
            yield "error", "no_count", f"`{name}` is {value!r}.", "Write a number from 1 on."
    for name in ("quantization", "rewards", "trackers"):
        if getattr(recipe, name):
            yield "error", "not_trained", f"Nothing is trained: `{name}` has no meaning.", f"Remove `{name}`."


def _model(recipe: Recipe) -> Iterator[Said]:
    path, config = Path(recipe.model), model_config(recipe.model)
    if (path / ADAPTER_FILES[0]).is_file():
        message = f"{recipe.model} is an adapter."
        yield "error", "base_is_adapter", message, "Name its 16-bit base in `model`, and it in `adapter`."
    elif not config:
        yield "error", "no_model", f"There is no model in {recipe.model}.", "Name a folder in transformers' form."
    if config.get("quantization_config"):
        message = f"{recipe.model} is quantized already: a second time would round what was rounded."
        yield "error", "base_quantized", message, "Name the 16-bit model it was made from in `model`."
