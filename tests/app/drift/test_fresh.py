"""Rows that no run learnt from: what is in the newest dataset and was not in the one that the last run was given."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.drift.fresh import built
from app.finetune.datasets import DatasetShelf
from core.types import Example, ExampleKind, Lineage, Message
from finetune.dataset import Curated, write_dataset
from finetune.recipe import Method
from finetune.rows import identified
from finetune.watch.expected import Run

AT = datetime(2030, 1, 1, tzinfo=UTC)


class NoVersions:
    """A registry without any."""

    def versions(self) -> tuple[Any, ...]:
        return ()


@pytest.fixture
def shelf(tmp_path: Path) -> DatasetShelf:
    return DatasetShelf(tmp_path, NoVersions())  # type: ignore[arg-type]


def rows(kind: ExampleKind, numbers: range) -> list[Example]:
    lineage, more = Lineage(maker="thumb"), {"rejected": "r"} if kind == "preference" else {"label": True}
    return [
        identified(
            Example(
                id="",
                kind=kind,
                lineage=lineage,
                prompt=(Message(role="user", content=f"{n}"),),
                completion="c",
                **more,
            )  # type: ignore[arg-type]
        )
        for n in numbers
    ]


def written(root: Path, name: str, sft: range, preference: range = range(0)) -> str:
    examples = [*rows("sft", sft), *rows("preference", preference)]
    return write_dataset(root, name, Curated(examples={"train": examples})).version


def run(day: int, method: Method, number: int, data: str | None) -> Run:
    return Run(name=f"r{day}", method=method, at=AT + timedelta(days=day), rows=number, data=data)


def test_all_rows_are_new_to_a_kind_that_no_run_learnt_from(shelf: DatasetShelf, tmp_path: Path) -> None:
    assert built(shelf, None, []) == {}
    written(tmp_path, "notes", range(30), range(20))
    assert built(shelf, shelf.all()[0], []) == {"sft": 30, "preference": 20}


def test_a_dataset_built_anew_is_new_by_its_new_rows_alone(shelf: DatasetShelf, tmp_path: Path) -> None:
    old = written(tmp_path, "old", range(30), range(20))
    version = written(tmp_path, "new", range(5, 42), range(20))
    newest = shelf.get(version)
    runs = [run(1, "sft", 30, old), run(0, "dpo", 20, version)]
    assert built(shelf, newest, runs) == {"sft": 12, "preference": 0}
    assert built(shelf, newest, runs[:1]) == {"sft": 12, "preference": 20}, "SFT learnt from no preference"


def test_of_two_runs_on_rows_of_a_kind_the_later_counts(shelf: DatasetShelf, tmp_path: Path) -> None:
    old = written(tmp_path, "old", range(30), range(20))
    version = written(tmp_path, "new", range(30), range(26))
    runs = [run(2, "reward", 20, old), run(1, "dpo", 26, version)]
    assert built(shelf, shelf.get(version), runs)["preference"] == 6


def test_of_a_dataset_that_is_gone_its_number_of_rows_is_known(shelf: DatasetShelf, tmp_path: Path) -> None:
    old = written(tmp_path, "old", range(30))
    newest = shelf.get(written(tmp_path, "new", range(42)))
    shutil.rmtree(tmp_path / old)
    assert built(shelf, newest, [run(1, "sft", 30, old)]) == {"sft": 12}
    assert built(shelf, newest, [run(1, "sft", 50, None)]) == {"sft": 0}
