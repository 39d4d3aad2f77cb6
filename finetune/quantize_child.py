"""Runs in llm-compressor's own environment, by path: `python quantize_child.py JOB.json`. It imports nothing of
Footnote's; `finetune.quantize` writes the job, to quantize or to measure, and reads what comes of it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

GROUPS = (128, 64, 32)
WRITTEN, TOKENS = 5, 24
"""Prompts that are written on to tell the speed, and tokens for each."""


def main(path: str) -> None:
    """Does what the job says."""
    job = json.loads(Path(path).read_text("utf-8"))
    (_measure if job["what"] == "measure" else _quantize)(job)


def _quantize(job: dict[str, Any]) -> None:
    import torch
    from datasets import Dataset
    from llmcompressor import oneshot
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if job["scheme"].startswith("awq") and not torch.cuda.is_available():
        raise SystemExit("llm-compressor's AWQ pins memory for a GPU, and there is none. Take gptq-w4a16.")
    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype="auto", trust_remote_code=False)
    tokenizer = AutoTokenizer.from_pretrained(job["model"], trust_remote_code=False)
    given: dict[str, Any] = {"model": model, "recipe": _recipe(job["scheme"], job["attention"], model)}
    if job["scheme"] != "fp8":
        ids = [_ids(tokenizer, text, job["length"]) for text in job["texts"]]
        rows = Dataset.from_list([{"input_ids": each, "attention_mask": [1] * len(each)} for each in ids])
        given |= {"dataset": rows, "max_seq_length": job["length"], "num_calibration_samples": len(ids)}
    oneshot(**given)
    model.save_pretrained(job["folder"], save_compressed=True)
    tokenizer.save_pretrained(job["folder"])


def _ids(tokenizer: Any, text: str, length: int) -> list[int]:
    """The texts are rendered with all special tokens they have."""
    found: list[int] = tokenizer(text, add_special_tokens=False, truncation=True, max_length=length)["input_ids"]
    return found


def _measure(job: dict[str, Any]) -> None:
    found = [_measured(model, job["rows"]) for model in job["models"]]
    (Path(job["folder"]) / "measured.json").write_text(json.dumps(found), "utf-8")


def _measured(path: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    import torch
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(path, dtype="auto", trust_remote_code=False)
    model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    lost, count, chosen = 0.0, 0, []
    with torch.inference_mode():
        for row in rows:
            ids = torch.tensor([row["ids"]], device=model.device)
            scores = model(input_ids=ids).logits[0, row["start"] - 1 : -1].float()
            target = ids[0, row["start"] :]
            lost += float(torch.nn.functional.cross_entropy(scores, target, reduction="sum"))
            count += len(target)
            chosen.append(scores.argmax(-1).tolist())
        speed = _speed(model, [row["ids"][: row["start"]] for row in rows[:WRITTEN]])
    return {"loss": lost / max(1, count), "tokens": count, "chosen": chosen, "speed": speed}


def _speed(model: Any, prompts: list[list[int]]) -> float:
    """Tokens a second, one prompt at a time, the first one to warm up."""
    import torch

    tokens, seconds = 0, 0.0
    for number, prompt in enumerate(prompts):
        ids = torch.tensor([prompt], device=model.device)
        began = time.perf_counter()
        written = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=TOKENS,
            min_new_tokens=TOKENS,
            do_sample=False,
            pad_token_id=0,
        )
        if number or len(prompts) == 1:
            tokens, seconds = tokens + written.shape[1] - len(prompt), seconds + time.perf_counter() - began
    return tokens / seconds if seconds else 0.0


def _recipe(scheme: str, attention: bool, model: Any) -> Any:
    from llmcompressor.modifiers.gptq import GPTQModifier
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from llmcompressor.modifiers.transform.awq import AWQModifier

    left = ["lm_head"] if attention else ["lm_head", "re:.*self_attn.*"]
    given = {"targets": "Linear", "ignore": left}
    if scheme == "gptq-w4a16":
        return [GPTQModifier(config_groups={"group_0": _grouped("W4A16", model)}, ignore=left)]
    if scheme == "awq-w4a16":
        groups = {"group_0": _grouped("W4A16_ASYM", model)}
        return [AWQModifier(), QuantizationModifier(config_groups=groups, ignore=left)]
    if scheme == "fp8":
        return [QuantizationModifier(scheme="FP8_DYNAMIC", **given)]
    return [GPTQModifier(scheme="W8A8", **given)]


def _grouped(name: str, model: Any) -> Any:
    """A scheme of 4 bits with the largest groups that divide every layer's columns."""
    from compressed_tensors.quantization import preset_name_to_scheme
    from torch.nn import Linear

    scheme = preset_name_to_scheme(name, ["Linear"])
    columns = {layer.in_features for layer in model.modules() if isinstance(layer, Linear)}
    size = next((size for size in GROUPS if not any(each % size for each in columns)), None)
    if size is None:
        raise SystemExit(f"No groups of {', '.join(map(str, GROUPS))} divide this model's layers. Take fp8 or int8.")
    scheme.weights.group_size = size
    return scheme


if __name__ == "__main__":
    main(sys.argv[1])
