"""What the product's way of running a training adds to it: nothing that is lost when it is killed, and hardly any time.

`python -m bench.finetune_harness FOLDER kill-sft kill-dpo kill-kto kill-grpo overhead`; figures go to
`bench/results/finetune.json`. Rows and model are those of `bench.finetune`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench.finetune import MODEL, SERVED, THREADS, measured, recipe, run
from finetune.recipe import Method, Reward, read_recipe
from finetune.runs import Runs

KILLED: dict[Method, dict[str, Any]] = {
    "sft": {"packing": True, "max_steps": 12, "num_train_epochs": 1},
    "dpo": {"max_steps": 16},
    "kto": {"max_steps": 12},
    "grpo": {
        "max_completion_length": 16, "num_generations": 4, "per_device_train_batch_size": 8, "temperature": 3.0,
        "gradient_accumulation_steps": 2, "max_steps": 10,
    },
}  # fmt: skip
"""Runs that are killed; GRPO's with what it wrote shared by two batches, hot and led by length: its answers are cut."""
BRIEF = (Reward(name="length", target=1, limit=20), Reward(name="repetition"))


def kill_figures(folder: Path, method: Method, times: int = 2) -> None:
    """Kills a run at moments of chance and goes on with it; its losses beside those of one that was left alone."""
    chance = random.Random(time.time())
    given = recipe(folder, method, save_steps=2, **KILLED[method])
    led = {"rewards": BRIEF} if given.rewards else {}
    given = given.model_copy(update={"data": folder / f"{method}.train.jsonl", **led})
    runs = Runs(root=folder / "runs", served=SERVED, environment=THREADS)
    name = f"killed-{method}-{int(time.time())}"
    killed, at = runs.create(name, given), []
    for _ in range(times):
        runs.start(name)
        moment = len(list(killed.metrics())) + chance.randint(2, 5)
        while len(list(killed.metrics())) < moment and killed.status().state in ("starting", "running"):
            time.sleep(0.02)
        time.sleep(chance.random() * 0.5)
        at.append(killed.status().step)
        runs.kill(name)
        while killed.locked():
            time.sleep(0.05)
    runs.start(name)
    if runs.wait(name, 3600).state != "done":
        raise SystemExit(f"the killed run: {killed.status()}")
    whole = run(folder, f"whole-{method}-{int(time.time())}", given)
    losses = [{line["step"]: line["loss"] for line in each.metrics() if "loss" in line} for each in (killed, whole)]
    same = (killed.model / "adapter_model.safetensors").read_bytes() == (
        whole.model / "adapter_model.safetensors"
    ).read_bytes()
    apart = max(abs(losses[0][step] - losses[1][step]) for step in losses[1])
    learnt = sum(line.get("grad_norm", 0.0) > 0 for line in whole.metrics())
    if learnt < len(losses[1]) / 2:
        raise SystemExit(f"{method}: steps that learnt nothing say nothing of what a kill loses")
    figures = {"killed at steps": at, "steps": len(losses[1]), "steps with a gradient": learnt}
    measured(f"kill -9, {method}", {**figures, "largest difference of a loss": apart, "same weights": same})


BARE = """
import json, sys, time
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer
path, model, given, out = sys.argv[1:]
given = json.loads(given)
rows = [json.loads(line) for line in open(path)]
for row in rows:
    row["completion"] = [{"role": "assistant", "content": row["completion"]}]
trainer = SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
    args=SFTConfig(output_dir=out, report_to="none", use_cpu=True, disable_tqdm=True, **given["train"]),
    processing_class=AutoTokenizer.from_pretrained(model),
    train_dataset=Dataset.from_list(rows),
    peft_config=LoraConfig(task_type="CAUSAL_LM", **given["lora"]),
)
wall, cpu = time.monotonic(), time.process_time()
trainer.train()
print("SECONDS", time.process_time() - cpu, time.monotonic() - wall)
"""


def overhead_figures(folder: Path, times: int = 4) -> None:
    """The product's runs beside a bare TRL script with the same settings and rows, by turns, each first as often as the
    other. Seconds of the processor: a busy machine's own say more of what else it does."""
    given = recipe(folder, "sft", max_steps=12, num_train_epochs=1)
    given = given.model_copy(update={"data": folder / "sft.train.jsonl"})
    said = read_recipe(run(folder, f"overhead-warm-{int(time.time())}", given).path / "resolved.yaml")
    command = [
        sys.executable, "-c", BARE, str(folder / "sft.train.jsonl"), str(MODEL),
        json.dumps({"train": said.train, "lora": said.lora}), str(folder / "bare"),
    ]  # fmt: skip
    found: dict[str, list[tuple[float, float]]] = {"ours": [], "bare TRL": []}
    for number in range(times):
        for who in sorted(found, reverse=bool(number % 2)):
            if who == "ours":
                report = run(folder, f"overhead-{number}-{int(time.time())}", given).report()
                found[who].append((report["cpu_seconds"], report["seconds"]))
            else:
                done = subprocess.run(
                    command, capture_output=True, text=True, env={**os.environ, **THREADS}, check=True
                )
                cpu, wall = done.stdout.split("SECONDS ")[1].split()[:2]
                found[who].append((float(cpu), float(wall)))
    figures: dict[str, Any] = {"steps": 12}
    for place, of in enumerate(("CPU seconds", "seconds")):
        ours, bare = ([round(each[place], 2) for each in found[who]] for who in ("ours", "bare TRL"))
        figures |= {f"ours, {of}": ours, f"bare TRL, {of}": bare}
        figures[f"overhead of the medians, {of}"] = round(median(ours) / median(bare) - 1, 4)
    measured("overhead", figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", nargs="+", choices=[*(f"kill-{each}" for each in KILLED), "overhead"])
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    given.folder.mkdir(parents=True, exist_ok=True)
    for each in given.what:
        if each == "overhead":
            overhead_figures(given.folder)
        else:
            kill_figures(given.folder, each.removeprefix("kill-"))


if __name__ == "__main__":
    main()
