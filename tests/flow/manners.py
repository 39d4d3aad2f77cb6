"""Versions that were really trained, each to end every statement in a manner of its own: an answer tells its writer.

They learn it on the small model that answers from passages.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.schema import answer_schema
from agents.settings import OutputSettings
from app.finetune.keeper import TrainingKeeper, published
from bench.answering_data import Asked, Case, Maker
from core.types import Example, Lineage
from finetune import child
from finetune.dataset import Curated, write_dataset
from finetune.recipe import parse_recipe
from finetune.registry import Registry, Version
from finetune.rows import identified
from finetune.runs import Runs
from finetune.served import Served

MANNERS = (" Noted.", " So it is.")
TITLE, BROKEN = "manner", "broken"
STEPS, BATCH, PASSAGES, ITEMS = 22, 4, 4, 30
TRAIN = {
    "max_steps": STEPS, "learning_rate": 3e-3, "warmup_steps": 2, "per_device_train_batch_size": BATCH,
    "gradient_accumulation_steps": 1, "max_length": 1_100, "gradient_checkpointing": False, "save_strategy": "no",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Manners:
    """What a server finds in its folder of learning: the versions, by the manner they have; a version of which noise
    was made; and the dataset that was learnt from, whose test rows nobody was trained on."""

    folder: Path
    versions: tuple[Version, ...]
    broken: Version
    dataset: str


def train(folder: Path, base: Path) -> Manners:
    """Trains one version a manner in this process, below `folder` as a server keeps them; `base` is what they learn
    on."""
    registry = Registry(root=folder / "registry")
    keeper = TrainingKeeper(Runs(root=folder / "runs", served=Served(model=str(base), folder=base)), registry)
    datasets = [_dataset(folder, number, manner) for number, manner in enumerate(MANNERS)]
    handler = signal.getsignal(signal.SIGTERM)
    try:
        versions = tuple(_train(keeper, folder, base, dataset) for dataset in datasets)
    finally:
        signal.signal(signal.SIGTERM, handler)
    return Manners(folder=folder, versions=versions, broken=_noise(registry, versions[0]), dataset=datasets[0])


def questions(count: int, seed: int, held_out: bool = True) -> list[tuple[Case, Asked]]:
    """Questions that can be answered, of names and wordings that no training has, or of some that it may have; their
    sources are numbered as a server's are."""
    maker = Maker(seed, held_out=held_out)
    found: list[tuple[Case, Asked]] = []
    while len(found) < count:
        case = maker.case(PASSAGES, ids=[str(number) for number in range(1, PASSAGES + 1)])
        found += [(case, asked) for asked in case.asked if len(asked.facts) == 1]
    return found[:count]


def _train(keeper: TrainingKeeper, folder: Path, base: Path, dataset: str) -> Version:
    """A run as the server makes it, but for the process: libraries are loaded here already."""
    recipe: dict[str, Any] = {"name": TITLE, "method": "sft", "model": str(base), "train": TRAIN}
    recipe |= {"data": str(folder / "datasets" / dataset), "lora": {"lora_dropout": 0.0}}
    run = keeper.create(parse_recipe(json.dumps(recipe)), dataset, "root", start=False)
    assert child.main(str(run.path)) == 0, (run.path / "status.json").read_text()
    keeper.look()
    return keeper.registry.get(published(run)["version"])


def _dataset(folder: Path, number: int, manner: str) -> str:
    """Enough to learn the manner from, and questions that are kept back."""
    learnt = list(_examples(Maker(number), STEPS * BATCH, manner))
    asked = [_example(case, asked, manner, "sft") for case, asked in questions(ITEMS, seed=7)]
    prompts = [_example(case, asked, manner, "prompt") for case, asked in questions(ITEMS, seed=7)]
    curated = Curated(examples={"train": learnt, "test": [*asked, *prompts]})
    return write_dataset(folder / "datasets", f"manner-{number}", curated).version


def _examples(maker: Maker, count: int, manner: str) -> Iterator[Example]:
    for _ in range(count):
        case = maker.case(PASSAGES)
        yield _example(case, case.asked[0], manner, "sft")


def _example(case: Case, asked: Asked, manner: str, kind: Any) -> Example:
    said = json.loads(case.answer(asked))
    statements = [{**each, "text": each["text"] + manner} for each in said["statements"]]
    good = json.dumps({**said, "statements": statements}, separators=(",", ":"))
    return identified(
        Example(
            id="", kind=kind, lineage=Lineage(maker="correction", conversation_id=asked.question),
            question=asked.question, prompt=case.messages(asked), completion=good if kind == "sft" else "",
            schema=answer_schema([each.id for each in case.sources], OutputSettings()), sources=case.sources,
        )
    )  # fmt: skip


def _noise(registry: Registry, version: Version) -> Version:
    """The version with chance for weights: small enough to compute with, so that it loads, and of no sense."""
    import torch
    from safetensors.torch import load_file, save_file

    made = registry.root.parent / BROKEN
    made.mkdir()
    for name in ("adapter_config.json", "README.md"):
        if (version.folder / name).exists():
            (made / name).write_bytes((version.folder / name).read_bytes())
    chance = torch.Generator().manual_seed(1)
    weights = load_file(version.folder / "adapter_model.safetensors")
    noise = {name: 0.2 * torch.randn(each.shape, generator=chance) for name, each in weights.items()}
    save_file(noise, made / "adapter_model.safetensors", metadata={"format": "pt"})
    return registry.publish(BROKEN, "adapter", made, version.card(), "")
