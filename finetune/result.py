"""What a run leaves: the adapter or the model, nothing else, and the same bytes for the same weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from finetune.recipe import Recipe
from finetune.run_folder import RunFolder
from finetune.served import Served

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
_UNWANTED = ("README.md", "training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")


def save_result(trainer: Any, recipe: Recipe, folder: RunFolder, served: Served, first: bool) -> None:
    """Puts what was trained into `model/`, whole or not at all."""
    making = folder.path / ".model"
    if first:
        shutil.rmtree(making, ignore_errors=True)
    trainer.save_model(str(making))
    if not first:
        return
    if recipe.lora is False:
        for name in _UNWANTED:
            (making / name).unlink(missing_ok=True)
    else:
        _only_adapter(making)
        describe(making / ADAPTER_FILES[0], base(recipe, served))
    shutil.rmtree(folder.model, ignore_errors=True)
    making.rename(folder.model)


def base(recipe: Recipe, served: Served) -> str:
    """The name of the base that an adapter is for: resolvers match it with the name vLLM was started with, letter by
    letter. A reward model is not served by it, and stays by its own."""
    return recipe.model if recipe.method == "reward" or served.model is None else served.model


def describe(config: Path, model: str) -> None:
    """Names the base, and writes what PEFT keeps as sets in order: the same adapter has the same digest."""
    found = json.loads(config.read_text("utf-8"))
    found["base_model_name_or_path"] = model
    for name, value in found.items():
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            found[name] = sorted(value)
    config.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", "utf-8")


def _only_adapter(folder: Path) -> None:
    for path in list(folder.iterdir()):
        if path.name not in ADAPTER_FILES:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
