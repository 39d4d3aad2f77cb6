"""A model's feed-forward layers in eight bits, in the form that vLLM serves: compressed-tensors W8A8.

`python -m bench.int8 FROM TO`. Attention stays as it is, for adapters: where a CPU has no AMX, vLLM's layers in eight
bits keep no weights that an adapter could be put beside. Weights are rounded to the nearest of 255 steps of each output
channel; activations are quantized while it runs, each token by its own range. In large models that loses too much: take
llm-compressor's GPTQ or SmoothQuant for those, which write the same form.
https://github.com/vllm-project/compressed-tensors
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

STEPS = 127
LEFT = ("lm_head", "re:.*self_attn.*")
"""The linear layers that stay as they are."""


def quantize(model: Path, folder: Path) -> Path:
    """Writes the quantized model with its tokenizer into a folder, and returns the folder."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.md"))
    weights: dict[str, Any] = {}
    for name, weight in load_file(model / "model.safetensors").items():
        if ".mlp." not in name:
            weights[name] = weight
            continue
        scale = weight.float().abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / STEPS
        weights[name] = (weight.float() / scale).round().clamp(-STEPS, STEPS).char()
        weights[f"{name}_scale"] = scale
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["quantization_config"] = _described()
    (folder / "config.json").write_text(json.dumps(config, indent=2), "utf-8")
    return folder


def _described() -> dict[str, Any]:
    eight_bits = {"num_bits": 8, "type": "int", "symmetric": True}
    return {
        "quant_method": "compressed-tensors",
        "format": "int-quantized",
        "quantization_status": "compressed",
        "ignore": list(LEFT),
        "config_groups": {
            "group_0": {
                "targets": ["Linear"],
                "weights": {**eight_bits, "strategy": "channel", "dynamic": False},
                "input_activations": {**eight_bits, "strategy": "token", "dynamic": True},
            }
        },
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    print(quantize(given.model, given.folder))
