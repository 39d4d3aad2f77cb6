"""Each method: a seed makes the same bytes, also where the run was ended on its way and taken up again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from finetune.recipe import KIND, RETRIEVAL, Method
from finetune.run_folder import RunFolder
from finetune.train import train
from tests.finetune.conftest import SERVED, Make, rows_of, write_rows

SHORT = {"max_completion_length": 4, "num_generations": 2, "gradient_accumulation_steps": 2}
OWN: dict[str, dict[str, Any]] = {"grpo": SHORT, "rloo": SHORT, "sft": {"packing": True}}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small sums are slower on two."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def trained(folder: RunFolder) -> dict[str, bytes]:
    train(folder)
    return {
        str(path.relative_to(folder.model)): path.read_bytes()
        for path in sorted(folder.model.rglob("*"))
        if path.suffix in (".safetensors", ".json")
    }


@pytest.mark.parametrize("method", sorted(set(KIND) - {"quantize"}))  # which trains nothing
def test_a_seed_makes_the_same_bytes_also_after_a_stop(
    make: Make, tmp_path: Path, method: Method, tiny_embedding_model: Path, make_cross_encoder: Callable[[int], Path]
) -> None:
    data = str(write_rows(tmp_path / "only.jsonl", rows_of(KIND[method], 16, 1)))
    model = {"embedder": str(tiny_embedding_model), "reranker": str(make_cross_encoder(1))}.get(method)
    steps = {"max_steps": 3, "per_device_train_batch_size": 4, "save_steps": 10, **OWN.get(method, {})}
    recipe = make(method, data=data, train=steps, **({"model": model} if method in RETRIEVAL else {}))
    whole = trained(RunFolder.make(tmp_path / "whole", recipe, SERVED))
    stopped = RunFolder.make(tmp_path / "stopped", recipe, SERVED)
    stopped.cancel.touch()
    train(stopped)
    assert not stopped.model.exists()
    stopped.cancel.unlink()
    assert trained(stopped) == whole
    assert stopped.report()["resumed_at"] == 1
    assert any(name.endswith(".safetensors") for name in whole)
