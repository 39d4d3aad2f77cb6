"""An adapter folded into its 16-bit base: a model of its own, to be served or quantized again.

Merging into a base in 4 bits would round what was learnt; that is refused.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError, Conflict
from finetune.defaults import model_config


def merge(base: Path, adapter: Path, folder: Path) -> Path:
    """Writes the base with the adapter in it, and its tokenizer, into `folder`. Takes the memory of the base.

    Raises `ConfigurationError` where the base is quantized or the adapter is none of its, `Conflict` where `folder` is
    there.
    """
    if folder.exists():
        raise Conflict(f"{folder} is there already. Take another folder.")
    if model_config(str(base)).get("quantization_config"):
        raise ConfigurationError(f"{base} is quantized; merging would round. Name the 16-bit model it was made from.")
    making = folder.with_name(f".{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    model, tokenizer = _merged(base, adapter)
    model.save_pretrained(making)
    tokenizer.save_pretrained(making)
    making.rename(folder)
    return folder


def _kept(base: Path) -> Any:
    """The numbers' form in the base; what is kept in 32 bits is served in 16."""
    import torch

    config = model_config(str(base))
    return torch.float16 if config.get("dtype", config.get("torch_dtype")) == "float16" else torch.bfloat16


def _merged(base: Path, adapter: Path) -> tuple[Any, Any]:
    import torch
    from peft import PeftModel
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        # The sum is formed in 32 bits and rounded once.
        model = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32, trust_remote_code=False)
        wrapped = PeftModel.from_pretrained(model, str(adapter))
        merged = wrapped.merge_and_unload(safe_merge=True).to(_kept(base))
        return merged, AutoTokenizer.from_pretrained(str(base), trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ConfigurationError(f"{adapter} cannot be merged into {base}: {error}") from error
