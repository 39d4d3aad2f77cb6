"""Weights that are no numbers are found in files of every type, without a framework."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from finetune.finite import not_finite


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_named(kind: torch.dtype, value: float, tmp_path: Path) -> None:
    largest = torch.full((3, 5), torch.finfo(kind).max, dtype=kind)
    lost = torch.zeros(7, dtype=kind)
    lost[6] = value
    held = {"b.sound": largest, "c.lost": lost, "a.tiny": torch.full((1,), torch.finfo(kind).tiny, dtype=kind)}
    save_file(held, tmp_path / "weights.safetensors", metadata={"format": "pt"})
    assert not_finite(tmp_path / "weights.safetensors") == ["c.lost"]


def test_whole_numbers_and_empty_ones_are_numbers(tmp_path: Path) -> None:
    held = {"a": torch.full((3,), -1, dtype=torch.int8), "b": torch.zeros(0), "c": torch.ones(3)}
    save_file(held, tmp_path / "weights.safetensors")
    assert not_finite(tmp_path / "weights.safetensors") == []
    save_file({"a": torch.zeros(0)}, tmp_path / "empty.safetensors")
    assert not_finite(tmp_path / "empty.safetensors") == []


@pytest.mark.parametrize("content", [b"", b"12345678", (2).to_bytes(8, "little") + b"[]", b"\xff" * 40])
def test_what_is_no_such_file_is_said(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"no safetensors file|no whole safetensors|JSON|decode"):
        not_finite(tmp_path / "weights.safetensors")


def test_one_that_was_cut_off_is_said(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"a": torch.ones(64)}, path)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ValueError, match="no whole safetensors file"):
        not_finite(path)
