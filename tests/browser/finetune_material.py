"""What a server has learnt, written by the product's own writers in a moment: datasets, runs, versions, and damage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.finetune.keeper import TrainingKeeper
from core.types import DocumentVersion, Example, ExampleKind, GeneratorInfo, Lineage, Maker, Message
from finetune.dataset import Curated, Dataset, write_dataset
from finetune.recipe import parse_recipe
from finetune.registry import Registry, Version
from finetune.report import Fate
from finetune.rows import identified
from finetune.runs import Runs
from tests.scripted_engine import adapter_folder

ANSWER = "3c1f9e57-5b6e-4b0c-8a58-0d6c8a9b1c22"
QUESTION = "How many days of paid leave does an employee have in the first year?"
REASON = "unsupported_correction"
CORRECTION = "No source carries what the correction says."
LONG = "a-title-that-somebody-chose-without-a-thought-for-small-screens"
FIGURES = {
    "words": {"given": 12, "joined": 12, "people": 3},
    "agreement": {"alpha": 0.4123, "raters": 3, "shared": 5, "units": 9},
    "agreement_trusted": {"alpha": 0.8, "raters": 2, "shared": 4, "units": 7},
    "blame": {"generation": 4, "none": 6, "refused": 1, "retrieval": 0, "unclear": 1},
    "topics": [{"topic": 0, "questions": 9, "terms": ["leave"]}],
    "masked": {"of": 8, "rows": 2},
    "replay": {"sft": {"wanted": 2, "there": 2, "used": 2}},
}
TRAINED = [
    {"step": 0, "time": 1e9, "eval_loss": 2.5, "eval_runtime": 3.0},
    *({"step": step, "time": 1e9 + step, "loss": 2.4 - step / 10, "learning_rate": 1e-4} for step in range(1, 11)),
    {"step": 10, "time": 1e9 + 20, "eval_loss": 1.25, "eval_runtime": 3.0},
]
CARD: dict[str, Any] = {
    "method": "sft",
    "base": {"model": "/models/llama", "licence": "apache-2.0"},
    "settings": {"train": {"learning_rate": 0.0002}},
    "metrics": {"before": {"eval_loss": 2.5, "eval_runtime": 3.0}, "after": {"eval_loss": 1.25, "eval_runtime": 3.0}},
    "curves": TRAINED,
    "cost": {
        "seconds": 200.0,
        "steps": 10,
        "memory": {"weights": 7_000_000},
        "machine": {"device": "cpu", "devices": 1},
    },
    "warnings": ["The base is served in AWQ: measure the adapter over it."],
    "versions": {"trl": "1.16.0"},
}


def said(text: str, source: str = "1") -> str:
    """An answer as the product has it written."""
    return json.dumps({"answerable": True, "statements": [{"text": text, "sources": [source]}]})


def example(kind: ExampleKind, document: str = "", **more: Any) -> Example:
    """A row with what a row comes from; one of a document that is not there is withheld."""
    maker: Maker = "correction"
    lineage = Lineage(
        maker=maker,
        answer_id=ANSWER,
        person="ana",
        at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
        documents=(DocumentVersion(document_id=document, version_id="v1"),) if document else (),
        generator=GeneratorInfo(name="vllm", fingerprint="fp-1", adapter="hr@0123"),
    )
    prompt = (Message(role="system", content="Answer from the sources."), Message(role="user", content=QUESTION))
    return identified(Example(id="", kind=kind, lineage=lineage, question=QUESTION, prompt=prompt, **more))


def dataset(root: Path, name: str = "leave") -> Dataset:
    """Rows of every kind, and what was refused."""
    pairs = [
        example("preference", completion=said(f"28 days, and {n} more."), rejected=said("30 days.", "2"))
        for n in range(24)
    ]
    rows = [
        example("sft", completion="Twenty-eight days."),
        *pairs,
        example("kto", "gone", completion=said("28 days."), label=True),
        example("retrieval", positives=("Leave is 28 days.",), negatives=("Trains are paid.",)),
    ]
    fates = [
        Fate(
            subject=f"feedback:{n}",
            stage="blame",
            outcome="refused",
            reason="unsupported_correction",
            detail=CORRECTION,
        )
        for n in range(3)
    ]
    kept = {"train": rows, "validation": [example("sft", completion="28 days of leave.")]}
    return write_dataset(root, name, Curated(examples=kept, fates=fates, figures=FIGURES))  # type: ignore[arg-type]


def version(root: Path, trained_on: str, title: str = "leave", weights: bytes = b"weights") -> Version:
    """An adapter with a whole card."""
    source = adapter_folder(root.parent / f"made-{title}", weights)
    card = {**CARD, "data": {"dataset": trained_on, "train": 73, "validation": 1, "left_out": [4]}}
    return Registry(root=root).publish(title, "adapter", source, card, f"# {title}")


def changed(path: Path) -> None:
    """As if something had written into it."""
    with path.open("ab") as file:
        file.write(b" ")


def rewarded() -> Iterator[dict[str, float]]:
    """Curves in which a reward is cheated: it rises, answers grow, and the judge falls."""
    for step in range(1, 21):
        yield {
            "step": step, "time": 1e9 + step, "loss": 0.1, "reward": step / 20, "rewards/support/mean": 1 - step / 20,
            "completions/mean_length": 20.0 * step,
        }  # fmt: skip


def runs(root: Path, registry: Path, trained_on: str) -> None:
    """A run that failed, and one whose reward was cheated until it was stopped."""
    keeper = TrainingKeeper(Runs(root=root), Registry(root=registry), at_once=0)
    recipe = f"{{name: {LONG}, method: sft, model: /models/llama, data: {trained_on}}}"
    failed = keeper.create(parse_recipe(recipe), None, "root", start=False)
    message = "20 rows are longer than 256 tokens. Raise `max_length`."
    failed.change_status(state="failed", error=message, started_at=1e9, ended_at=1e9 + 4, attempts=1)
    (failed.path / "log.txt").write_text("Rows:  50%|##\rRows: 100%|####\nthe last words of a process\n")
    rewards = "[{name: length, target: 20, limit: 80}, {name: support, weight: 0}]"
    recipe = f"{{name: cheated, method: grpo, model: /models/llama, data: {trained_on}, rewards: {rewards}}}"
    cheated = keeper.create(parse_recipe(recipe), "cheated", "root", start=False)
    for line in rewarded():
        cheated.add_metrics(line)
    cheated.change_status(state="cancelled", step=20, steps=40, started_at=1e9, ended_at=1e9 + 40, attempts=2)


def everything(folder: Path) -> dict[str, str]:
    """All of it below a folder; the names of what is there."""
    whole = dataset(folder / "datasets")
    broken = dataset(folder / "datasets", "broken")
    changed(broken.folder / "sft.train.jsonl")
    sound = version(folder / "registry", whole.version)
    damaged = version(folder / "registry", whole.version, LONG, b"others")
    changed(damaged.folder / "adapter_model.safetensors")
    runs(folder / "runs", folder / "registry", str(whole.folder))
    return {"dataset": whole.version, "broken": broken.version, "sound": sound.name, "damaged": damaged.name}
