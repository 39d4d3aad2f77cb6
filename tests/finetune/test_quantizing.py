"""Runs that make a model smaller: what is said before, what is measured, and what a kill or a cancel leaves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.tiny_llama import build_adapter
from core.errors import InvalidInput
from finetune.defaults import resolve
from finetune.lint import errors, lint
from finetune.machine import Machine
from finetune.memory import estimate
from finetune.quantize import Tools
from finetune.recipe import Recipe, parse_recipe
from finetune.runs import Runs
from finetune.served import Served
from tests.finetune.conftest import rows_of, write_rows
from tests.finetune.test_quantize import MODEL, REAL, script

CPU = Machine(device="cpu", bf16=False, devices=1, memory=8 << 30)
Make = Callable[..., Recipe]


@pytest.fixture
def smaller(tmp_path: Path) -> Make:
    """A recipe for the model that learned to answer, on rows of that kind."""
    files = {
        split: str(write_rows(tmp_path / f"{split}.jsonl", rows_of("sft", count, seed)))
        for split, count, seed in (("train", 16, 1), ("validation", 6, 2))
    }

    def made(**given: Any) -> Recipe:
        said = {"name": "small", "method": "quantize", "model": str(MODEL), "data": files, "scheme": "int8", **given}
        return parse_recipe(json.dumps(said))

    return made


def codes(recipe: Recipe) -> list[str]:
    return [each.code for each in errors(lint(resolve(recipe, Served(), CPU), Served(), CPU))]


def test_what_cannot_be_quantized_is_said_before(smaller: Make, tmp_path: Path) -> None:
    assert codes(smaller()) == []
    assert codes(smaller(name="12")) == ["name_number"]
    assert codes(smaller(scheme="awq-w4a16")) == ["awq_needs_gpu"]
    assert codes(smaller(model=str(tmp_path))) == ["no_model"]
    assert codes(smaller(adapter=str(tmp_path))) == ["no_adapter"]
    assert codes(smaller(train={"max_lenght": 12})) == ["unknown_train"]
    assert codes(smaller(train={"max_length": 0})) == ["no_count"]
    assert codes(smaller(trackers=["mlflow"])) == ["not_trained"]
    (tmp_path / "adapter_config.json").write_text("{}")
    assert codes(smaller(model=str(tmp_path))) == ["base_is_adapter"]
    quantized = {**json.loads((MODEL / "config.json").read_text()), "quantization_config": {"bits": 8}}
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "config.json").write_text(json.dumps(quantized))
    assert codes(smaller(model=str(tmp_path / "small"))) == ["base_quantized"]


@pytest.mark.parametrize(
    "given",
    [{"scheme": None}, {"scheme": "int3"}, {"lora": {"r": 8}}, {"method": "sft"}, {"method": "dpo", "adapter": "a"}],
)
def test_recipes_that_make_no_sense_are_refused(smaller: Make, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        smaller(**given)


def test_what_it_takes_is_estimated(smaller: Make, tmp_path: Path) -> None:
    plain, merged = (
        estimate(resolve(each, Served(), CPU), CPU) for each in (smaller(), smaller(adapter=str(tmp_path)))
    )
    assert plain is not None
    assert merged is not None
    assert merged.weights == 2 * plain.weights > 0


@pytest.mark.timeout(900)
def test_an_adapter_is_merged_and_made_smaller_with_its_figures(smaller: Make, tmp_path: Path) -> None:
    adapter = build_adapter(tmp_path / "adapter", MODEL, 1)
    runs = Runs(root=tmp_path / "runs", tools=REAL)
    folder = runs.create("q", smaller(adapter=str(adapter), train={"max_length": 256}))
    runs.start("q")
    assert runs.wait("q", 800).state == "done", (folder.path / "log.txt").read_text()
    report = folder.report()
    before, after = report["before"], report["after"]
    assert after["size"] < 0.7 * before["size"]
    assert report["base"]["size"] == before["size"]
    assert report["base"]["eval_loss"] != before["eval_loss"]
    assert after["eval_loss"] == pytest.approx(before["eval_loss"], rel=0.1)
    assert 0.3 < after["agreement"] <= 1.0  # the adapter is noise: many words are about as likely
    assert before["speed"] > 0 < after["speed"]
    assert json.loads((folder.model / "config.json").read_text())["quantization_config"]
    assert not (folder.path / "aside").exists()


def test_cancelled_or_killed_it_leaves_nothing_half_made(smaller: Make, tmp_path: Path) -> None:
    slow = script(tmp_path / "slow", f"echo $$ >> {tmp_path}/pids; exec sleep 300")
    runs = Runs(root=tmp_path / "runs", tools=Tools(quantizer=slow))
    folder = runs.create("q", smaller())
    runs.start("q")
    measuring(folder)
    runs.kill("q")
    assert runs.wait("q", 60).state == "interrupted"
    runs.start("q")
    measuring(folder)
    runs.cancel("q")
    assert runs.wait("q", 60).state == "cancelled"
    assert not folder.model.exists()
    assert not (folder.path / "aside").exists()
    for pid in (tmp_path / "pids").read_text().split():
        assert not Path("/proc", pid).exists()


def measuring(folder: Any) -> None:
    """Waits until the program is at work."""
    deadline = time.monotonic() + 120
    while folder.status().stage != "measuring before":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
