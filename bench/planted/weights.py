"""What may become of an adapter's weights after training: damage, and what leaves it as good as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Change = Callable[[dict[str, Any]], dict[str, Any]]
FILE = "adapter_model.safetensors"


def changed(source: Path, folder: Path, change: Change) -> Path:
    """An adapter's files with other weights."""
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_bytes((source / "adapter_config.json").read_bytes())
    made = {name: each.contiguous() for name, each in change(load_file(source / FILE)).items()}
    save_file(made, folder / FILE, metadata={"format": "pt"})
    return folder


def cut_off(source: Path, folder: Path) -> Path:
    """The weights' file lacks its end."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_bytes((source / "adapter_config.json").read_bytes())
    whole = (source / FILE).read_bytes()
    (folder / FILE).write_bytes(whole[: len(whole) * 2 // 3])
    return folder


def chance(weights: dict[str, Any]) -> dict[str, Any]:
    """Noise of the size of weights that were trained."""
    import torch

    drawn = torch.Generator().manual_seed(1)
    return {name: 0.2 * torch.randn(each.shape, generator=drawn) for name, each in weights.items()}


def nothing(weights: dict[str, Any]) -> dict[str, Any]:
    """The base again."""
    return {name: each * 0 if "lora_B" in name else each for name, each in weights.items()}


def scaled(factor: float) -> Change:
    """Its effect so many times as large."""
    return lambda weights: {name: each * factor if "lora_B" in name else each for name, each in weights.items()}


def shuffled(weights: dict[str, Any]) -> dict[str, Any]:
    """Each matrix in the place of the next layer's."""
    names = list(weights)
    alike = {name: [each for each in names if weights[each].shape == weights[name].shape] for name in names}
    return {name: weights[alike[name][(alike[name].index(name) + 2) % len(alike[name])]] for name in names}


def rounded(bits: int) -> Change:
    """As a quantizer leaves them that has one scale for a whole matrix."""

    def change(weights: dict[str, Any]) -> dict[str, Any]:
        steps = 2 ** (bits - 1) - 1
        scales = {name: each.abs().max().clamp(min=1e-12) / steps for name, each in weights.items()}
        return {name: (each / scales[name]).round() * scales[name] for name, each in weights.items()}

    return change


def overflowing(weights: dict[str, Any]) -> dict[str, Any]:
    """As a broken quantizer leaves them: eight bits with a scale four times too small, where what is too large starts
    again from the other end."""
    scales = {name: each.abs().max().clamp(min=1e-12) / 4 / 127 for name, each in weights.items()}
    return {name: (((each / scales[name]).round() + 128) % 256 - 128) * scales[name] for name, each in weights.items()}


def brain(weights: dict[str, Any]) -> dict[str, Any]:
    """In 16 bits (bfloat16)."""
    import torch

    return {name: each.to(torch.bfloat16).to(each.dtype) for name, each in weights.items()}


def with_base(card: dict[str, Any], base: str) -> dict[str, Any]:
    """A card that says it was trained on another base."""
    return {**json.loads(json.dumps(card)), "base": {"model": base, "served_as": base}}
