"""A disk that is full ends nothing but what wrote to it, and what was whole before is whole after."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.finetune.builds import FULL
from app.finetune.files import ImportedFiles
from app.finetune.keeper import TrainingKeeper, published
from core.errors import Conflict, DiskFull, FileTooLarge
from finetune.callbacks import WHOLE, last_whole
from finetune.dataset import Curated, read_dataset, write_dataset
from finetune.imports import read_examples
from finetune.recipe import parse_recipe
from finetune.registry import Registry
from finetune.report import Report
from finetune.runs import Runs
from finetune.settings import ImportSettings
from tests.finetune.conftest import rows_of, write_rows
from tests.small_disk import SmallDisk, small_disk

MIB = 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 24) as made:
        yield made


async def sent(data: bytes) -> AsyncIterator[bytes]:
    yield data


def lines(count: int) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows_of("sft", count, 1)).encode()


def test_a_run_stops_with_a_sentence_and_goes_on_once_there_is_room(
    disk: SmallDisk, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    data = write_rows(tmp_path / "rows.jsonl", rows_of("sft", 16, 1))
    train = {
        "max_steps": 24, "save_steps": 2, "save_total_limit": 3, "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 1, "max_length": 256,
    }  # fmt: skip
    given = {"name": "manner", "method": "sft", "model": str(tiny), "data": str(data), "train": train}
    runs = Runs(root=disk.path / "runs")
    keeper = TrainingKeeper(runs, Registry(root=disk.path / "registry"))
    folder = keeper.create(parse_recipe(json.dumps(given)), "one", "root")
    keeper.look()
    while last_whole(folder.checkpoints) is None:
        assert folder.status().state in ("starting", "running"), folder.status()
        time.sleep(0.01)
    pid = folder.status().pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    [*before] = sorted(path.parent.name for path in folder.checkpoints.glob(f"*/{WHOLE}"))
    with disk.full(pid):
        os.kill(pid, signal.SIGCONT)
        status = runs.wait("one", 240)
        assert status.state == "failed", status
        assert (status.error or "").startswith("The disk is full. Make room, and resume the run"), status.error
        found = last_whole(folder.checkpoints)
        assert found
        assert found.name in before
        assert (found / "optimizer.pt").stat().st_size
        if disk.mounted:
            disk.fill()
            with pytest.raises(DiskFull, match="Make room"):
                keeper.resume("one", "root")
            with pytest.raises(DiskFull, match="Make room"):
                keeper.create(parse_recipe(json.dumps(given)), "two", "root")
    keeper.resume("one", "root")
    keeper.look()
    assert runs.wait("one", 240).error is None
    assert folder.report()["resumed_at"] >= 2
    assert [line["step"] for line in folder.metrics() if "loss" in line] == list(range(1, 25))
    keeper.look()
    assert [each.name for each in keeper.registry.versions()] == [published(folder)["version"]]
    with disk.full():
        keeper.remove("one", "root")
    assert runs.names() == []


async def test_an_import_that_finds_no_room_leaves_what_was_there(disk: SmallDisk) -> None:
    files = ImportedFiles(disk.path / "files")
    kept = await files.put("rows.jsonl", sent(lines(4)))
    with disk.full(), pytest.raises(DiskFull, match="Make room"):
        await files.put("rows.jsonl", sent(lines(2000)))
    assert files.all() == [kept]
    assert files.path("rows.jsonl").read_bytes() == lines(4)
    assert len(list((disk.path / "files").iterdir())) == 2
    assert (await files.put("rows.jsonl", sent(lines(2000)))).rows > kept.rows


def test_a_dataset_that_finds_no_room_is_written_once_there_is_some(disk: SmallDisk) -> None:
    report = Report()
    rows = write_rows(disk.path / "rows.jsonl", rows_of("sft", 2000, 1))
    curated = Curated(examples={"train": read_examples(rows, "import", report)})
    root = disk.path / "datasets"
    root.mkdir()
    with disk.full(), pytest.raises(OSError) as said:
        write_dataset(root, "manner", curated)
    assert said.value.errno in FULL
    assert list(root.iterdir()) == []
    made = write_dataset(root, "manner", curated)
    assert read_dataset(made.folder).manifest["counts"]


async def test_so_many_imported_files_are_kept_and_no_more(tmp_path: Path) -> None:
    files = ImportedFiles(tmp_path / "files", ImportSettings(files=2, max_bytes=MIB))
    long = json.dumps({"prompt": "Why?", "completion": "x" * 600_000}).encode()
    await files.put("a.jsonl", sent(long))
    with pytest.raises(FileTooLarge, match="FOOTNOTE_FINETUNE__IMPORTS__MAX_BYTES"):
        await files.put("b.jsonl", sent(long))
    await files.put("a.jsonl", sent(long))  # in its own place
    await files.put("b.jsonl", sent(lines(1)))
    with pytest.raises(Conflict, match="FOOTNOTE_FINETUNE__IMPORTS__FILES"):
        await files.put("c.jsonl", sent(lines(1)))
    files.remove("b.jsonl")
    await files.put("c.jsonl", sent(lines(1)))
    assert [each.name for each in files.all()] == ["a.jsonl", "c.jsonl"]
    assert len(list((tmp_path / "files").iterdir())) == 4
