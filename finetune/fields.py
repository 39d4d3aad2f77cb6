"""The names that TRL's and PEFT's own settings have, read from their source: importing them would take seconds."""

from __future__ import annotations

import ast
import importlib.util
from functools import lru_cache
from pathlib import Path

from finetune.recipe import Method

_TRAINING = ("transformers", "training_args.py")
_TRL: dict[str, tuple[str, ...]] = {
    "sft": ("trl", "trainer/sft_config.py"),
    "dpo": ("trl", "trainer/dpo_config.py"),
    "ipo": ("trl", "trainer/dpo_config.py"),
    "kto": ("trl", "trainer/kto_config.py"),
    "orpo": ("trl", "experimental/orpo/orpo_config.py"),
    "reward": ("trl", "trainer/reward_config.py"),
    "grpo": ("trl", "trainer/grpo_config.py"),
    "rloo": ("trl", "trainer/rloo_config.py"),
    "reranker": ("sentence_transformers", "base/training_args.py"),
    "embedder": ("sentence_transformers", "base/training_args.py"),
}
CALIBRATION = frozenset({"max_length", "num_calibration_samples", "attention"})
"""What quantize may be set to: tokens of a text and texts to look at, and whether attention is made smaller as well."""
_LORA = (("peft", "tuners/lora/config.py", "LoraConfig"), ("peft", "config.py", "PeftConfig"))


@lru_cache(maxsize=16)
def train_fields(method: Method) -> frozenset[str]:
    """What may stand under `train`. For searching models also `max_length`, which is a setting of the model there."""
    if method == "quantize":
        return CALIBRATION
    own = {"max_length"} if method in ("reranker", "embedder") else set()
    package, path = _TRL[method]
    return frozenset(own | _fields(*_TRAINING, None) | _fields(package, path, None))


@lru_cache(maxsize=1)
def lora_fields() -> frozenset[str]:
    """What PEFT's LoRA may be set to."""
    return frozenset(set().union(*(_fields(*place) for place in _LORA)) - {"peft_type"})


def _fields(package: str, path: str, name: str | None) -> set[str]:
    """The annotated names of a module's classes, or of one of them."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        return set()
    source = (Path(next(iter(spec.submodule_search_locations))) / path).read_text("utf-8")
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return {
        line.target.id
        for each in classes
        if name in (None, each.name)
        for line in each.body
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and not line.target.id.startswith("_")
    }
