"""What making a model smaller costs and brings, scheme by scheme: size, quality, and speed where it is served.

    python -m bench.quantize [--schemes int8,gptq-w4a16,fp8] [--out bench/results/quantize.json]

Quality is that of the small model in tests/data that learned to answer, on answers to questions that it never saw: the
loss of a token, and the share of places with the same likeliest token. Speed is vLLM's, of a Llama of random weights
that is large enough to be slowed down by them: tokens a second of 16 answers at a time, the median of three. Both need
`make engine quantizer`. What an engine does not serve is told with its own words.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bench.finetune import answer, cases, turns
from bench.tiny_llama import build
from finetune.quantize import Tools, measured, quantize, size
from finetune.recipe import Scheme

ROOT = Path(__file__).resolve().parent.parent
ANSWERING = ROOT / "tests" / "data" / "answering_model"
TOOLS = Tools(quantizer=ROOT / ".venv-quantizer" / "bin" / "python")
ENGINE = ROOT / ".venv-engine" / "bin" / "python"
HIDDEN, LAYERS = 512, 8
_SPEED = """
import json, sys, time
from vllm import LLM, SamplingParams
llm = LLM(model=sys.argv[1], max_model_len=512, enforce_eager=True, seed=1)
wanted = SamplingParams(max_tokens=64, min_tokens=64, temperature=0, ignore_eos=True)
prompts = [{"prompt_token_ids": [7 + n, 11, 13, 17] * 16} for n in range(16)]
def once():
    began = time.perf_counter()
    done = llm.generate(prompts, wanted, use_tqdm=False)
    return sum(len(each.outputs[0].token_ids) for each in done) / (time.perf_counter() - began)
once()
print("SPEED", json.dumps([once() for _ in range(3)]))
"""


def conversations(count: int, held_out: bool) -> list[tuple[str, str]]:
    """Prompts of the product's own with their answers, as the model reads them: what it was trained to write."""
    from transformers import AutoTokenizer

    render = AutoTokenizer.from_pretrained(ANSWERING).apply_chat_template
    found = []
    for case, asked in cases(count, held_out):
        said, told = turns(case, asked), {"role": "assistant", "content": answer(case, asked)}
        prompt = str(render(said, tokenize=False, add_generation_prompt=True))
        found.append((prompt, str(render([*said, told], tokenize=False))))
    return found


def rows(told: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Each conversation's tokens; the answer's count."""
    from transformers import AutoTokenizer

    read = AutoTokenizer.from_pretrained(ANSWERING)
    return [
        {
            "ids": read(whole, add_special_tokens=False)["input_ids"],
            "start": len(read(prompt, add_special_tokens=False)["input_ids"]),
        }
        for prompt, whole in told
    ]


def quality(scheme: Scheme, folder: Path) -> dict[str, Any]:
    """Size and quality of the answering model, before and after."""
    shown = [whole for _, whole in conversations(96, held_out=False)]
    made = quantize(TOOLS, ANSWERING, folder / "answering", scheme, shown, length=1_024)
    kept_back = rows(conversations(32, held_out=True))
    before, after = measured(TOOLS, [ANSWERING, made.folder], kept_back, folder / "measuring")
    same = [
        one == other
        for ours, theirs in zip(before["chosen"], after["chosen"], strict=True)
        for one, other in zip(ours, theirs, strict=True)
    ]
    return {
        "bytes": [made.before, made.after],
        "loss": [round(before["loss"], 4), round(after["loss"], 4)],
        "same likeliest token": round(sum(same) / len(same), 4),
        "places": len(same),
    }


def speed(model: Path) -> dict[str, Any]:
    """Tokens a second in vLLM; or why it does not serve it."""
    environment = {
        **os.environ,
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    done = subprocess.run(
        [str(ENGINE), "-c", _SPEED, str(model)], capture_output=True, text=True, env=environment, cwd=model, check=False
    )
    told = [line.removeprefix("SPEED ") for line in done.stdout.splitlines() if line.startswith("SPEED ")]
    if not told:
        why = [line for line in done.stderr.splitlines() if "Error" in line]
        return {"not served": (why or ["no word"])[-1][-300:]}
    return {"tokens a second": round(statistics.median(json.loads(told[0])), 1), "bytes": size(model)}


def sixteen(model: Path) -> Path:
    """The same folder, its weights in 16 bits."""
    import torch
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16).save_pretrained(model)
    return model


def main() -> None:
    """Measures, and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schemes", default="int8,gptq-w4a16,fp8")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "quantize.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        whole = sixteen(build(Path(folder) / "16", hidden=HIDDEN, layers=LAYERS))
        found: dict[str, Any] = {"machine": platform.processor() or platform.machine(), "16 bits": speed(whole)}
        for scheme in given.schemes.split(","):
            here = Path(folder) / scheme
            here.mkdir()
            found[scheme] = quality(scheme, here)
            texts = [whole for _, whole in conversations(16, held_out=False)]
            made = quantize(TOOLS, whole, here / "served", scheme, texts, length=256, attention=True)
            found[scheme]["served"] = speed(made.folder)
            print(scheme, json.dumps(found[scheme]), flush=True)
            given.out.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
