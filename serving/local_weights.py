"""A model's weights and tokenizer into memory, in the type and on the device that the settings name."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError
from serving.local_errors import is_memory
from serving.settings import LocalSettings

log = logging.getLogger("footnote.generator")


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A model, its layers and its tokenizer; the tokens that end an output; the weights' type in short."""

    model: Any
    layers: tuple[Any, ...]
    tokenizer: Any
    ends: tuple[int, ...]
    kind: str


def load_weights(settings: LocalSettings, folder: Path) -> Weights:
    """Loads both. Raises `ConfigurationError` for what cannot be loaded here, and what torch raises without memory."""
    import torch
    from transformers import GenerationConfig
    from transformers.modeling_layers import GradientCheckpointingLayer
    from transformers.utils import logging as words

    words.disable_progress_bar()  # type: ignore[no-untyped-call]
    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = _device(settings.device)
    since = time.monotonic()
    model, tokenizer = _read(settings, folder, device)
    model.eval()
    if tokenizer.chat_template is None:
        raise ConfigurationError(f"The model in {folder} has no chat template. Name an instruction-tuned model.")
    ends = _ends(model, tokenizer, folder)
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        eos_token_id=list(ends), pad_token_id=ends[0]
    )
    kind = settings.quantization if settings.quantization != "none" else str(model.dtype).removeprefix("torch.")
    log.info("the model in %s is loaded on %s (%s) after %.1f s", folder, device, kind, time.monotonic() - since)
    layers = tuple(part for part in model.modules() if isinstance(part, GradientCheckpointingLayer))
    return Weights(model=model, layers=layers, tokenizer=tokenizer, ends=ends, kind=kind)


def _read(settings: LocalSettings, folder: Path, device: str) -> tuple[Any, Any]:
    """The model and its tokenizer, all weights from the files."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    quantized = _quantized(settings)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=settings.dtype if settings.dtype == "auto" else getattr(torch, settings.dtype),
            device_map={"": device},
            quantization_config=quantized,
            output_loading_info=True,
        )
    except Exception as error:  # broken files fail in as many ways as there are parts of transformers
        if is_memory(error):
            raise
        log.warning("the model in %s does not load: %r", folder, error)
        raise ConfigurationError(
            f"The model in {folder} cannot be loaded: {str(error)[:300]} Set FOOTNOTE_SERVING__LOCAL__MODEL to a "
            "causal language model that this version of transformers reads."
        ) from error
    model, told = loaded
    if lacking := sorted(told["missing_keys"]):  # transformers would make them up
        raise ConfigurationError(
            f"The files in {folder} lack weights that the model has ({len(lacking)}, for one {lacking[0]}). Copy the "
            "model again, whole."
        )
    return model, tokenizer


def _device(named: str) -> str:
    import torch

    if named == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(named)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        log.warning("the device %s cannot be used: %s", named, error)
        raise ConfigurationError(
            f"torch cannot use the device {named!r} here. Set FOOTNOTE_SERVING__LOCAL__DEVICE to cpu or auto, or "
            "install the torch that fits this machine's GPU."
        ) from None
    return str(device)


def _quantized(settings: LocalSettings) -> Any:
    """What transformers is told about quantizing weights while it loads them. Raises `ConfigurationError`."""
    if settings.quantization == "none":
        return None
    if find_spec("bitsandbytes") is None:
        raise ConfigurationError(
            f"FOOTNOTE_SERVING__LOCAL__QUANTIZATION={settings.quantization} needs bitsandbytes. Install it with "
            "pip install 'bitsandbytes>=0.50.2,<0.51', or set none."
        )
    import torch
    from transformers import BitsAndBytesConfig

    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns of each layer's type
    if settings.quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)  # type: ignore[no-untyped-call]
    # NormalFloat with quantized constants: QLoRA (Dettmers et al. 2023), which adapters of 4-bit bases are trained on.
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _ends(model: Any, tokenizer: Any, folder: Path) -> tuple[int, ...]:
    """The tokens that end an output: the tokenizer's first, which is the one that the grammar admits."""
    if tokenizer.eos_token_id is None:
        raise ConfigurationError(
            f"The tokenizer in {folder} names no token that ends an output (eos_token), without which answers would "
            "have no end. Name it in tokenizer_config.json."
        )
    others = model.generation_config.eos_token_id
    found = others if isinstance(others, list) else [] if others is None else [others]
    return tuple(dict.fromkeys([tokenizer.eos_token_id, *found]))
