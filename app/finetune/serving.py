"""What trained models will be served by, as far as the settings tell."""

from __future__ import annotations

from pathlib import Path

from app.settings import Settings
from finetune.defaults import window
from finetune.gate.identity import Base
from finetune.quantize import Tools
from finetune.served import Served


def served(settings: Settings) -> Served:
    """The model that answers, by the name its engine was started with. Where nothing answers that could serve an
    adapter, only the rank is known that `footnote engine` would be started with."""
    serving = settings.serving
    rank = serving.engine.max_lora_rank
    if serving.generator == "local":
        return _known(serving.local.model, None, None)
    if serving.generator == "openai_compatible":
        context = serving.endpoint.window or serving.engine.max_model_len
        return _known(serving.engine.model, context, rank)
    return Served(max_lora_rank=rank)


def served_base(settings: Settings, name: str) -> Base:
    """What is served under every adapter, as the gate knows it. `name` is what it is called where the settings name no
    model."""
    known, chosen = served(settings), settings.serving
    # On an engine the name that it is asked by stands for the same weights.
    names = [str(known.folder)] if known.folder is not None else []
    if chosen.generator == "openai_compatible":
        names.append(chosen.endpoint.model)
    quantization = chosen.engine.quantization
    if chosen.generator == "local":
        quantization = None if chosen.local.quantization == "none" else chosen.local.quantization
    return Base(model=known.model or name, also=tuple(names), quantization=quantization)


def configured_models(settings: Settings) -> tuple[str, ...]:
    """Models that the settings name, which a recipe may name as well."""
    named = (
        settings.serving.engine.model,
        settings.serving.local.model,
        settings.retrieval.embedder.model,
        settings.retrieval.reranker.model,
    )
    return tuple(name for name in named if name)


def tools(settings: Settings) -> Tools:
    """What models are made smaller with."""
    chosen = settings.finetune.runs
    return Tools(quantizer=chosen.quantizer.absolute(), converter=chosen.gguf_converter)


def _known(model: str, context: int | None, rank: int | None) -> Served:
    folder = Path(model) if model and Path(model).is_dir() else None
    return Served(
        model=model or None,
        folder=folder,
        context=context or (window(model) if folder else None),
        max_lora_rank=rank,
    )


__all__ = ["configured_models", "served", "served_base", "tools"]
