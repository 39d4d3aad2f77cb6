"""lm-eval itself, asking a real vLLM: it comes to its end, and scores what the models' own likelihoods say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from finetune.gate.lm_eval import Harness
from tests.engine_process import ANSWERING, Engine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ITEMS = 24
WORDS = ("river", "harbour", "winter", "copper", "seven", "window", "garden", "letter")
LM_EVAL = Path(__file__).resolve().parents[3] / ".venv-lm-eval" / "bin" / "python"


def items() -> list[dict[str, Any]]:
    """Questions that nobody can know the answer of: what counts is which choice is likeliest."""
    return [
        {
            "question": f"Which word belongs to number {number}?",
            "choices": [WORDS[(number + step) % len(WORDS)] for step in (0, 3, 5)],
            "answer": number % 3,
        }
        for number in range(ITEMS)
    ]


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """A folder with one task that compares likelihoods and one that has something written."""
    data = tmp_path / "words.jsonl"
    data.write_text("\n".join(map(json.dumps, items())) + "\n", "utf-8")
    shared = {
        "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(data)}}, "test_split": "test",
        "doc_to_text": "Question: {{question}}\nAnswer:",
    }  # fmt: skip
    chosen = {
        "task": "chosen_words", "output_type": "multiple_choice", "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{answer}}", "metric_list": [{"metric": "acc"}], **shared,
    }  # fmt: skip
    written = {
        "task": "written_words", "output_type": "generate_until", "doc_to_target": "{{choices[answer]}}",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 8, "do_sample": False},
        "metric_list": [{"metric": "exact_match"}], **shared,
    }  # fmt: skip
    for task in (chosen, written):
        (tmp_path / f"{task['task']}.yaml").write_text(yaml.safe_dump(task), "utf-8")
    return tmp_path


def likeliest(base: Path, adapter: Path | None) -> list[dict[str, float]]:
    """The log-likelihood of each item's choices by transformers (and PEFT)."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter)
    model.eval()

    def likelihood(context: str, end: str) -> float:
        whole = tokenizer(context + end, add_special_tokens=False, return_tensors="pt").input_ids
        start = len(tokenizer(context, add_special_tokens=False).input_ids)
        with torch.no_grad():
            told = model(whole).logits[0].log_softmax(-1)
        return float(sum(told[at - 1, whole[0, at]] for at in range(start, whole.shape[1])))

    asked = [(f"Question: {each['question']}\nAnswer:", each["choices"]) for each in items()]
    return [{choice: likelihood(context, f" {choice}") for choice in choices} for context, choices in asked]


async def test_both_versions_are_asked_at_once_and_scored_by_their_own_likelihoods(
    trained_engine: Engine, tasks: Path
) -> None:
    assert LM_EVAL.exists(), "lm-eval is not installed: `make lm-eval` installs it"
    harness = Harness(
        python=LM_EVAL, base_url=trained_engine.url, tokenizer=ANSWERING, tasks=("chosen_words", "written_words"),
        items=ITEMS, seconds=240, at_once=4, folder=tasks, models={"champion": "tiny"},
    )  # fmt: skip
    champion, candidate = await asyncio.gather(harness.scores("champion"), harness.scores("a"))
    _agree(champion, likeliest(ANSWERING, None))
    _agree(candidate, likeliest(ANSWERING, trained_engine.folder / "a"))
    assert champion["chosen_words"] != candidate["chosen_words"], "they are told apart"
    assert trained_engine.process.poll() is None


def _agree(scores: Mapping[str, Mapping[str, float]], likely: list[dict[str, float]]) -> None:
    assert {task: len(each) for task, each in scores.items()} == {"chosen_words": ITEMS, "written_words": ITEMS}
    for number, (item, by_choice) in enumerate(zip(items(), likely, strict=True)):
        first, second = sorted(by_choice.values(), reverse=True)[:2]
        if first - second > 1.5:  # nearer than that, its eight bits may decide
            right = max(by_choice, key=by_choice.__getitem__) == item["choices"][item["answer"]]
            assert scores["chosen_words"][str(number)] == right, (number, by_choice)
