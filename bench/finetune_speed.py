"""How fast LoRA and QLoRA train, in what memory, and what share of the device's own rate that is.

    python -m bench.finetune_speed FOLDER [--shape 8b|small] [--methods lora,qlora] [--rows 64] [--out FILE]

A Llama of random weights in the shape of one with 8 billion (or a small one, to try this where there is no GPU) is
written into FOLDER and trained by SFT as the product trains, in this process. Tokens a second are the median over the
steps after the first three. The device's rate is measured with products of bf16 matrices; of a token, LoRA's forward
and backward pass take four operations a weight (no gradients of the frozen ones), checkpointing's second forward pass
not counted: the share is of work that is wanted. FOLDER needs 17 GB for the large shape; QLoRA needs CUDA.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from bench.tiny_llama import read_tokenizer
from finetune.recipe import parse_recipe
from finetune.run_folder import RunFolder
from finetune.served import Served
from finetune.train import train

ROOT = Path(__file__).resolve().parent.parent
SHAPES: dict[str, dict[str, int]] = {
    "8b": {
        "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "vocab_size": 128_256,
    },
    "small": {
        "hidden_size": 128, "intermediate_size": 448, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 2_000,
    },
}  # fmt: skip
LENGTH = {"8b": 4_096, "small": 256}
BATCH, WARM, STEPS = 2, 3, 12
SIDE = {"cuda": 8_192, "cpu": 1_024}


def build(folder: Path, shape: str) -> int:
    """Writes the model with its tokenizer in bf16, unless it is there; its weights' number."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(**SHAPES[shape], max_position_embeddings=LENGTH[shape], dtype="bfloat16")
    if not (folder / "config.json").is_file():
        read_tokenizer(2_000).save_pretrained(folder)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.set_default_dtype(torch.bfloat16)
        with torch.device(device):
            model = LlamaForCausalLM(config)
        torch.set_default_dtype(torch.float32)
        model.save_pretrained(folder)
        del model
    with torch.device("meta"):
        return sum(each.numel() for each in LlamaForCausalLM(config).parameters())


def write_rows(path: Path, shape: str, count: int) -> None:
    """Rows of about the whole length."""
    words = " ".join(each.read_text("utf-8") for each in sorted((ROOT / "examples").rglob("*.md"))).split()
    take = LENGTH[shape] // 3
    rows = [{"prompt": " ".join(words[n : n + take]), "completion": " ".join(words[:40])} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def rate() -> float:
    """Floating-point operations a second of products of bf16 matrices, the best of five."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    side = SIDE[device]
    one, other = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for _ in range(6):
        began = time.perf_counter()
        for _ in range(10):
            one @ other
        if device == "cuda":
            torch.cuda.synchronize()
        best = max(best, 10 * 2 * side**3 / (time.perf_counter() - began))
    return best


def trained(folder: Path, model: Path, shape: str, method: str) -> dict[str, Any]:
    """Tokens a second and peak memory of one run."""
    import torch

    given = {
        "name": method, "method": "sft", "model": str(model), "data": str(folder / "rows.jsonl"), "lora": {"r": 16},
        "train": {
            "max_length": LENGTH[shape], "per_device_train_batch_size": BATCH, "gradient_accumulation_steps": 1,
            "max_steps": STEPS, "save_strategy": "no",
        },
        **({"quantization": "nf4"} if method == "qlora" else {}),
    }  # fmt: skip
    run = RunFolder.make(folder / f"{method}-{int(time.time())}", parse_recipe(json.dumps(given)), Served())
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    train(run)
    lines = [line for line in run.metrics() if "loss" in line and "num_tokens" in line]
    speeds = [
        (after["num_tokens"] - before["num_tokens"]) / (after["time"] - before["time"])
        for before, after in pairwise(lines[WARM:])
    ]
    peak = torch.cuda.max_memory_allocated() / 2**30 if cuda else None
    estimated = (run.report().get("memory") or {}) if cuda else {}
    return {
        "tokens a second": round(median(speeds), 1),
        "peak memory, GiB": peak and round(peak, 2),
        "estimated, GiB": round(sum(estimated.values()) / 2**30, 2) if estimated else None,
        "steps": len(lines),
    }


def main() -> None:
    """Measures, and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="8b")
    parser.add_argument("--methods", default="lora,qlora")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "finetune_speed.json")
    given = parser.parse_args()
    import torch

    given.folder.mkdir(parents=True, exist_ok=True)
    model = given.folder / given.shape
    weights = build(model, given.shape)
    write_rows(given.folder / "rows.jsonl", given.shape, given.rows)
    most = rate()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    found: dict[str, Any] = {"device": device, "weights": weights, "bf16 rate, TFLOP/s": round(most / 1e12, 2)}
    for method in given.methods.split(","):
        figures = trained(given.folder, model, given.shape, method)
        share = figures["tokens a second"] * 4 * weights / most
        found[method] = {**figures, "share of the rate": round(share, 4)}
        print(method, json.dumps(found[method]), flush=True)
    given.out.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
