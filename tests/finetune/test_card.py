"""Model cards out of runs: where it comes from, what it can do, for people and for machines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.types import Example, Lineage, Message, Split
from finetune.card import card_of, card_text, curves, kind_of, licence
from finetune.dataset import Curated, write_dataset
from finetune.recipe import parse_recipe, recipe_text
from finetune.registry import Registry, trained
from finetune.rows import identified
from finetune.run_folder import RunFolder
from tests.finetune.conftest import SERVED, Make, rows_of
from tests.finetune.test_registry import adapter


@pytest.fixture
def ran(make: Make, tmp_path: Path) -> RunFolder:
    folder = RunFolder.make(tmp_path / "run", make("sft"), SERVED)
    folder.put("resolved.yaml", recipe_text(make("sft", lora={"r": 4})))
    folder.add_report(
        rows={"dataset": "leave@0123456789abcdef", "train": 48, "validation": 16, "left_out": [3], "limit": 256},
        before={"eval_loss": 9.0, "eval_runtime": 1.0},
        after={"eval_loss": 1.5, "eval_runtime": 2.0},
        findings=[{"message": "Rows over 64 tokens are left out."}],
        versions={"trl": "1.16.0"},
        seconds=3.5,
        steps=6,
    )
    folder.add_metrics({"step": 1, "loss": 9.0})
    return folder


def test_a_card_says_where_it_comes_from_and_what_it_can_do(ran: RunFolder) -> None:
    card = card_of(ran, measured={"right source cited": 0.9})
    assert (card["kind"], card["method"], card["name"]) == ("adapter", "sft", "sft")
    assert card["data"]["dataset"] == "leave@0123456789abcdef"
    assert card["settings"]["lora"] == {"r": 4}
    assert card["metrics"]["after"]["eval_loss"] == 1.5
    assert card["curves"] == [{"step": 1, "loss": 9.0}]
    assert card["base"]["served_as"] == "served-base"
    text = card_text(card)
    for said in (
        "An adapter trained with sft", "48 rows", "1 rows were longer than 256", "| loss | 9 | 1.5 |",
        "right source cited: 0.9", "Rows over 64 tokens", "licence: not stated",
    ):  # fmt: skip
        assert said in text
    assert "runtime" not in text


def test_a_card_goes_with_its_version(ran: RunFolder, tmp_path: Path) -> None:
    card = card_of(ran)
    registry = Registry(root=tmp_path / "registry")
    version = registry.publish("sft", kind_of(ran.recipe()), adapter(tmp_path / "a"), card, card_text(card))
    assert version.card()["data"]["dataset"] == "leave@0123456789abcdef"
    assert trained(registry.versions()) == {version.name: ("leave@0123456789abcdef",)}


def test_the_card_of_a_real_run_tells_all_of_it(
    make: Make, run: Callable[..., RunFolder], tiny: Path, tmp_path: Path
) -> None:
    base = shutil.copytree(tiny, tmp_path / "base")
    (base / "README.md").write_text("---\nlicense: apache-2.0\n---\nA small model.")
    splits: dict[Split, list[Example]] = {"train": examples(12, 1), "validation": examples(4, 2)}
    figures = {"licences": ["CC-BY-4.0"], "words": {"joined": 3}}
    dataset = write_dataset(tmp_path / "datasets", "leave", Curated(examples=splits, figures=figures))
    folder = run(make("sft", model=str(base), data=str(dataset.folder), train={"max_steps": 4}))
    card = card_of(folder)
    assert card["base"] == {"model": str(base), "licence": "apache-2.0", "served_as": "served-base"}
    assert card["data"]["dataset"] == dataset.version
    assert (card["data"]["train"], card["data"]["validation"]) == (12, 4)
    assert (card["data"]["licences"], card["data"]["figures"]) == (["CC-BY-4.0"], figures)
    assert card["settings"]["lora"]["r"] == 16  # what the recipe left out is there as well
    assert card["settings"]["train"]["max_steps"] == 4
    assert card["metrics"]["after"]["eval_loss"] < card["metrics"]["before"]["eval_loss"]
    assert [line["step"] for line in card["curves"] if "loss" in line][-1] == 4
    assert (card["cost"]["steps"], card["cost"]["seconds"] > 0) == (4, True)
    assert card["cost"]["machine"]
    assert set(card["versions"]) >= {"torch", "trl", "peft"}
    registry = Registry(root=tmp_path / "registry")
    version = registry.publish("sft", kind_of(folder.recipe()), folder.model, card, card_text(card))
    assert registry.sound(version.name).card() == json.loads(json.dumps(card))
    said = (version.folder / "card.md").read_text()
    assert "licence: apache-2.0" in said
    assert "Licences of imported rows: CC-BY-4.0." in said


def examples(count: int, seed: int) -> list[Example]:
    """Rows of a dataset."""
    return [
        identified(
            Example(
                id="", kind="sft", lineage=Lineage(maker="correction"), question="q",
                prompt=(Message(role="user", content=row["prompt"]),), completion=row["completion"],
            )
        )
        for row in rows_of("sft", count, seed)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("method: dpo", "adapter"),
        ("method: dpo\nlora: false", "model"),
        ("method: reward", "reward"),
        ("method: reranker", "reranker"),
        ("method: embedder", "embedder"),
    ],
)
def test_what_a_recipe_makes(given: str, kind: str) -> None:
    assert kind_of(parse_recipe(f"name: a\nmodel: b\ndata: c\n{given}")) == kind


def test_licences_are_read_from_the_model(tmp_path: Path) -> None:
    assert licence(tmp_path / "none") is None
    (tmp_path / "LICENSE").write_text("\nApache License\nVersion 2.0")
    assert licence(tmp_path) == "Apache License"
    (tmp_path / "README.md").write_text("---\nlanguage: en\nlicense: mit\n---\n# A model")
    assert licence(tmp_path) == "mit"


def test_long_curves_keep_their_ends() -> None:
    lines: list[dict[str, Any]] = [{"step": step} for step in range(1_000)]
    found = curves(lines)
    assert len(found) == 200
    assert (found[0]["step"], found[-1]["step"]) == (0, 999)
    assert curves(lines[:3]) == lines[:3]


def test_a_dataset_is_described_by_its_manifest(make: Make, tmp_path: Path) -> None:
    from tests.finetune.test_dataset import examples

    curated = Curated(examples=examples(), figures={"licences": ["CC-BY-4.0"]})
    dataset = write_dataset(tmp_path / "sets", "leave", curated)
    folder = RunFolder.make(tmp_path / "run", make("sft", data=str(dataset.folder)), SERVED)
    folder.put("resolved.yaml", recipe_text(folder.recipe()))
    card = card_of(folder)
    assert card["data"]["counts"]["sft"] == {"anchor": 1, "train": 1}
    card["data"] |= {"train": 1}
    card["cost"] |= {"steps": 1, "seconds": 1}
    assert "CC-BY-4.0" in card_text(card)
