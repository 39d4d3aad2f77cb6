"""A model of a few hundred thousand weights, rows that it can learn in seconds, and support as it is measured."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agents.settings import VerifySettings
from agents.verify import SimilarityVerifier
from bench.tiny_llama import build
from finetune.recipe import KIND, Method, Recipe, parse_recipe
from finetune.run_folder import RunFolder
from finetune.served import Served
from tests.contracts.models.conftest import make_cross_encoder, tiny_embedding_model, tiny_tokenizer  # noqa: F401

NAMES = ("alpha", "beta", "gamma", "delta", "omega", "kappa")
SERVED = Served(model="served-base", context=256)


def rows_of(kind: str, count: int, seed: int) -> list[dict[str, Any]]:
    """Rows whose lesson is the same in each: to answer as JSON that cites source 1 and not 2."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        name = chance.choice(NAMES)
        prompt, good, bad = f"Where is {name} {chance.randrange(99)}?", said(name, "1"), said(name, "2")
        others = [f"Nobody has ever seen {each} here" for each in NAMES]
        found.append(
            {
                "sft": {"prompt": prompt, "completion": good},
                "preference": {"prompt": prompt, "chosen": good, "rejected": bad},
                "kto": {"prompt": prompt, "completion": good if number % 2 else bad, "label": bool(number % 2)},
                "prompt": {"prompt": prompt},
                "retrieval": {
                    "query": prompt,
                    "positives": [f"The place {name} lies by the river"],
                    "negatives": others,
                },
            }[kind]
        )
    return found


def said(name: str, source: str) -> str:
    return json.dumps({"statements": [{"text": name, "sources": [source]}]})


def write_rows(path: Path, rows: Sequence[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers with random weights."""
    return build(tmp_path_factory.mktemp("tiny") / "model", hidden=32)


Make = Callable[..., Recipe]


@pytest.fixture
def make(tiny: Path, tmp_path: Path) -> Make:
    """A recipe for the tiny model and rows of its method."""

    def made(method: Method, **given: Any) -> Recipe:
        kind = KIND[method]
        files = {
            split: str(write_rows(tmp_path / f"{kind}.{split}.jsonl", rows_of(kind, count, seed)))
            for split, count, seed in (("train", 48, 1), ("validation", 16, 2))
        }
        train = {"learning_rate": 1e-2, "per_device_train_batch_size": 8, "gradient_accumulation_steps": 1}
        said = {"name": method, "method": method, "model": str(tiny), "data": files, **given}
        return parse_recipe(json.dumps({**said, "train": {**train, **given.get("train", {})}}))

    return made


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., RunFolder]:
    """Trains in this process: once the libraries are loaded that takes seconds."""
    from finetune.train import train

    def trained(recipe: Recipe, name: str = "run", served: Served = SERVED) -> RunFolder:
        folder = RunFolder.make(tmp_path / "runs" / name, recipe, served)
        train(folder)
        return folder

    return trained


@pytest.fixture
def support(word_embedder: Any) -> SimilarityVerifier:
    """The product's own measure of support, on an embedder of words."""
    return SimilarityVerifier(word_embedder, VerifySettings())
