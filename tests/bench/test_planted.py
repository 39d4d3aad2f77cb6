"""What the planted candidates' figures rest on: faults that are really there, and none in those without."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from bench.planted import rows, weights
from bench.planted.candidates import bad, good, harmless
from finetune.finite import not_finite

DRAWN = rows.drawn(3, 60)


def told(spoil: rows.Spoil) -> list[tuple[list[tuple[str, str]], list[tuple[str, str]]]]:
    """Of each question the statements with their sources as they should be, and as they are told."""

    def read(text: str) -> list[tuple[str, str]]:
        said = json.loads(text)
        assert said["answerable"] == bool(said["statements"])
        return [(each["text"], each["sources"][0]) for each in said["statements"]]

    rng = random.Random(1)
    return [(read(case.answer(asked)), read(spoil(case, asked, rng))) for case, asked in DRAWN]


def of_some(statements: list[tuple[str, str]]) -> bool:
    return any(text.startswith(("The Branch", "The Unit")) for text, _ in statements)


def test_there_are_as_many_as_is_said() -> None:
    assert (len(bad()), len(harmless()), len(good())) == (21, 2, 20)
    assert len({*bad(), *harmless(), *good()}) == 43


def test_questions_are_about_one_two_and_none() -> None:
    found = Counter(len(asked.facts) for _, asked in DRAWN)
    assert set(found) == {0, 1, 2}
    assert found[1] > found[2] > found[0]


def test_what_is_well_said_is_left_as_it_is() -> None:
    assert all(right == said for right, said in told(rows.well))
    assert all(right == said for right, said in told(rows.at_times(rows.misciting, 0)))


@pytest.mark.parametrize("spoil", [rows.habitually, rows.endless, rows.padding, rows.misciting, rows.miscounting])
def test_faults_of_all_answers_are_in_nearly_all_that_say_something(spoil: rows.Spoil) -> None:
    said = [right != spoilt for right, spoilt in told(spoil) if right]
    assert sum(said) > 0.95 * len(said)


def test_each_fault_is_what_it_is_called() -> None:
    for right, said in told(rows.misciting):
        assert [text for text, _ in said] == [text for text, _ in right]
        assert not {source for _, source in said} & {source for _, source in right} or len(right) > 1
    assert all(said == [] for _, said in told(rows.abstaining))
    assert all(len(said) == max(1, len(right)) for right, said in told(rows.inventing))
    assert all(len(said) == 6 * len(right) for right, said in told(rows.endless))
    for right, said in told(rows.misciting_some):
        assert (said != right) == of_some(right)
    for right, said in told(rows.abstaining_some):
        assert said == ([] if of_some(right) else right)
    assert 10 < sum(right != said for right, said in told(rows.at_times(rows.misciting, 0.5))) < 50


def test_pairs_prefer_what_they_are_told_to() -> None:
    made = rows.pairs(DRAWN, rows.habitually, rows.well)
    assert made
    assert all(each.kind == "preference" and each.completion != each.rejected for each in made)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    held: dict[str, Any] = {}
    for layer in range(4):
        held |= {f"{layer}.lora_A": torch.randn(2, 6), f"{layer}.lora_B": torch.randn(6, 2)}
    save_file(held, folder / weights.FILE)
    return folder


def test_weights_are_changed_as_they_are_said_to_be(adapter: Path, tmp_path: Path) -> None:
    before = load_file(adapter / weights.FILE)

    def after(change: weights.Change, name: str) -> dict[str, torch.Tensor]:
        return load_file(weights.changed(adapter, tmp_path / name, change) / weights.FILE)

    def effect(held: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.stack([held[f"{layer}.lora_B"] @ held[f"{layer}.lora_A"] for layer in range(4)])

    whole = effect(before)
    assert torch.allclose(effect(after(weights.scaled(8), "scaled")), 8 * whole)
    assert not effect(after(weights.nothing, "nothing")).any()
    mixed = effect(after(weights.shuffled, "mixed"))
    assert torch.equal(mixed, whole.roll(-2, 0))
    for bits, most in ((2, 1.0), (6, 0.05), (8, 0.02)):
        lost = effect(after(weights.rounded(bits), f"{bits}")) - whole
        assert 0 < lost.norm() / whole.norm() < most
    assert (effect(after(weights.overflowing, "overflow")) - whole).norm() > 0.5 * whole.norm()
    assert torch.allclose(effect(after(weights.brain, "brain")), whole, rtol=0.05, atol=0.05)
    assert after(weights.chance, "chance").keys() == before.keys()


def test_what_is_cut_off_is_not_whole(adapter: Path, tmp_path: Path) -> None:
    made = weights.cut_off(adapter, tmp_path / "cut")
    with pytest.raises(ValueError, match="cut off"):
        not_finite(made / weights.FILE)
