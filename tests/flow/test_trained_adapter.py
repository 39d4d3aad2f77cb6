"""What training made is what the engine serves: an adapter, from its recipe to its answers in a running vLLM.

Greedy answers are compared token by token with those that transformers and PEFT write in the engine's own bfloat16.
Two programs add up in different orders, so that rounding alone decides where a model wavers between two tokens; on
what these adapters were taught none wavers, which the test asserts instead of allowing for differences.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.adapters import Adapters, open_adapters
from app.finetune.keeper import TrainingKeeper, published
from app.finetune.versions import load_version
from app.settings import Settings
from finetune import child
from finetune.recipe import parse_recipe
from finetune.registry import Registry, Version
from finetune.runs import Runs
from finetune.served import Served
from serving.settings import ServingSettings
from tests.engine_process import Engine
from tests.finetune.conftest import NAMES, said, write_rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PROMPTS = [f"Where is {name} {number}?" for number, name in enumerate((*NAMES, *NAMES[:2]), start=10)]
WORDS = 64
"""Tokens of an answer, at most; what was taught is half as long."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Two versions of one title, and the model they were trained on."""

    registry: Registry
    versions: tuple[Version, Version]
    base: Path


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small sums are slower on two."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def trained(one_thread: None, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Both learn the same questions, one to cite source 1, the other source 2; the engine's own model is their base."""
    folder, base = tmp_path_factory.mktemp("served"), engine.folder / "base"
    served = Served(model=str(base), folder=base, context=256)
    keeper = TrainingKeeper(Runs(root=folder / "runs", served=served), Registry(root=folder / "registry"))
    handler = signal.getsignal(signal.SIGTERM)
    try:
        made = tuple(_train(keeper, folder, base, source) for source in ("1", "2"))
    finally:
        signal.signal(signal.SIGTERM, handler)
    return Trained(registry=keeper.registry, versions=(made[0], made[1]), base=base)


def _train(keeper: TrainingKeeper, folder: Path, base: Path, source: str) -> Version:
    """A run as the server makes it, but for the process: libraries are loaded here already."""
    rows = [{"prompt": prompt, "completion": said(prompt.split()[2], source)} for prompt in PROMPTS]
    data = write_rows(folder / f"{source}.jsonl", rows)
    train = {
        "max_steps": 30, "learning_rate": 1e-2, "warmup_steps": 0, "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 1, "max_length": 256, "gradient_checkpointing": False, "save_strategy": "no",
    }  # fmt: skip
    recipe: dict[str, Any] = {"name": "manner", "method": "sft", "model": str(base), "data": str(data), "train": train}
    recipe["lora"] = {"lora_dropout": 0.0}
    run = keeper.create(parse_recipe(json.dumps(recipe)), f"run-{source}", "root", start=False)
    assert child.main(str(run.path)) == 0, (run.path / "status.json").read_text()
    keeper.look()
    return keeper.registry.get(published(run)["version"])


@pytest.fixture
async def adapters(engine: Engine) -> AsyncIterator[Adapters]:
    serving = ServingSettings(generator="openai_compatible", endpoint=engine.endpoint())
    found = open_adapters(Settings(serving=serving), "tiny")
    yield found
    for name in (await found.listings())[0].adapters:
        if name.startswith("manner@"):  # a test that failed leaves none on an engine that others share
            await found.unload(name, "root")
    await found.close()


async def told(engine: Engine, name: str, prompt: str) -> tuple[list[int], list[int]]:
    """The tokens of a prompt and of the greedy answer; what the engine remembers of prompts is shared by all."""
    body = {
        "model": name, "messages": [{"role": "user", "content": prompt}], "temperature": 0, "max_tokens": WORDS,
        "return_token_ids": True, "cache_salt": "one group",
    }  # fmt: skip
    async with httpx.AsyncClient(timeout=200) as client:
        answer = await client.post(f"{engine.url}/chat/completions", json=body)
    answer.raise_for_status()
    found = answer.json()
    return found["prompt_token_ids"], found["choices"][0]["token_ids"]


class Reference:
    """transformers, with the adapter of a folder put on by PEFT."""

    def __init__(self, base: Path, adapter: Path) -> None:
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self._tokens: Any = AutoTokenizer.from_pretrained(str(base))
        model = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.bfloat16)
        self._model: Any = PeftModel.from_pretrained(model, str(adapter)).eval()

    def tell(self, prompt: str) -> tuple[list[int], list[int], float]:
        """The tokens of a prompt and of the greedy answer, and by how much the runner-up of a token fell short, at
        least."""
        import torch

        messages = [{"role": "user", "content": prompt}]
        asked = self._tokens.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        with torch.inference_mode():
            out = self._model.generate(
                torch.tensor([asked]), max_new_tokens=WORDS, do_sample=False, output_logits=True,
                return_dict_in_generate=True,
            )  # fmt: skip
        ahead = [float(best - second) for best, second in (step[0].float().topk(2).values for step in out.logits)]
        return list(asked), out.sequences[0, len(asked) :].tolist(), min(ahead)


async def test_greedy_answers_are_those_of_transformers_and_peft(
    engine: Engine, trained: Trained, adapters: Adapters
) -> None:
    untaught = [await told(engine, "tiny", prompt) for prompt in PROMPTS]
    answers = []
    for version in trained.versions:  # the second comes when the first has gone, under the same title
        assert await load_version(trained.registry, adapters, version.name, "root") == version.name
        reference = await asyncio.to_thread(Reference, trained.base, version.folder)
        written = [await asyncio.to_thread(reference.tell, prompt) for prompt in PROMPTS]
        assert min(ahead for _, _, ahead in written) > 1, "it has not learnt its lesson, and rounding would decide"
        assert [await told(engine, version.name, prompt) for prompt in PROMPTS] == [each[:2] for each in written]
        answers.append([answer for _, answer, _ in written])
        await adapters.unload(version.name, "root")
        with pytest.raises(httpx.HTTPStatusError, match="404"):
            await told(engine, version.name, PROMPTS[0])
    for one, other, (_, plain) in zip(*answers, untaught, strict=True):
        assert len({tuple(each) for each in (one, other, plain)}) == 3
