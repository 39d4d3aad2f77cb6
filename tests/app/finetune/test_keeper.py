"""Runs are kept going: queued, taken up again, registered once, whatever is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.finetune.audit import AUDIT, note, rows
from app.finetune.keeper import TrainingKeeper, published
from app.finetune.run_view import eta, log_lines, view
from core.errors import Conflict, NotFound
from finetune.bucket_registry import BucketRegistry
from finetune.recipe import Recipe, parse_recipe
from finetune.registry import Registry
from finetune.result import ADAPTER_FILES
from finetune.run_folder import RunFolder, Status
from finetune.runs import Runs
from tests.s3_server import S3, Wire

ROOT = Path(__file__).resolve().parents[3]
RECIPE = parse_recipe("{name: manner, method: sft, model: /none, data: /none.jsonl}")


@pytest.fixture
def keeper(tmp_path: Path) -> TrainingKeeper:
    return TrainingKeeper(Runs(root=tmp_path / "runs"), Registry(root=tmp_path / "registry"))


@pytest.fixture
def full(tmp_path: Path) -> TrainingKeeper:
    """One that has no place for any run."""
    return TrainingKeeper(Runs(root=tmp_path / "runs"), Registry(root=tmp_path / "registry"), at_once=0)


def until(done: Callable[[], Any], seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def trained(folder: RunFolder) -> None:
    """What a run leaves behind that came to its end."""
    folder.model.mkdir()
    for name in ADAPTER_FILES:
        (folder.model / name).write_text('{"r": 8}' if name.endswith("json") else "weights")
    folder.put("resolved.yaml", (folder.path / "recipe.yaml").read_text())
    folder.add_report(before={"eval_loss": 2.0}, after={"eval_loss": 1.0}, seconds=3.0, steps=4)
    folder.change_status(state="done", step=4, steps=4, started_at=10.0, ended_at=13.0)


def test_a_run_waits_is_cancelled_resumed_and_deleted(full: TrainingKeeper) -> None:
    folder = full.create(RECIPE, None, "root")
    assert (folder.path.name, folder.status().state) == ("manner-1", "queued")
    assert full.create(RECIPE, None, "root").path.name == "manner-2"
    with pytest.raises(Conflict, match="already"):
        full.create(RECIPE, "manner-1", "root")
    full.look()
    assert folder.status().state == "queued"
    assert full.counts["queued"] == 2
    with pytest.raises(Conflict, match="cannot be resumed"):
        full.resume("manner-1", "root")
    full.cancel("manner-1", "root")
    assert folder.status().state == "cancelled"
    with pytest.raises(Conflict, match="ended already"):
        full.cancel("manner-1", "root")
    full.resume("manner-1", "ana")
    assert folder.status().state == "queued"
    full.remove("manner-1", "root")
    assert full.runs.names() == ["manner-2"]
    with pytest.raises(NotFound):
        full.cancel("manner-1", "root")
    told, _ = rows(full.runs.root.parent)
    assert [(row["by"], row["did"]) for row in told if row["run"] == "manner-1"] == [
        ("root", "created"), ("root", "cancelled"), ("ana", "resumed"), ("root", "deleted"),
    ]  # fmt: skip


def test_a_run_at_work_cannot_be_deleted_and_is_asked_to_end(full: TrainingKeeper) -> None:
    folder = full.create(RECIPE, "one", "root")
    folder.change_status(state="running", pid=os.getpid())
    with folder.working():
        with pytest.raises(Conflict, match="Cancel it first"):
            full.remove("one", "root")
        full.cancel("one", "root")
        assert folder.cancel.exists()
    full.look()
    assert folder.status().state == "cancelled"  # its process died before it could say so


def test_a_run_whose_process_died_waits_again_until_it_dies_at_the_same_step(full: TrainingKeeper) -> None:
    folder = full.create(RECIPE, "one", "root")
    for step in (3, 7, 7):
        folder.change_status(state="running", step=step)
        full.look()
        assert folder.status().state == "queued"
    folder.change_status(state="running", step=7)
    full.look()
    status = folder.status()
    assert status.state == "failed"
    assert "killed 3 times at step 7" in (status.error or "")
    full.resume("one", "root")
    folder.change_status(state="running", step=7)
    full.look()
    assert folder.status().state == "queued"


def test_what_came_of_a_run_is_registered_once(keeper: TrainingKeeper) -> None:
    folder = keeper.create(RECIPE, "one", "root")
    trained(folder)
    keeper.look()
    [version] = keeper.registry.versions()
    assert version.title == "manner"
    assert version.card()["metrics"]["after"] == {"eval_loss": 1.0}
    assert published(folder) == {"version": version.name}
    (folder.path / "published.json").unlink()  # as if the server had been killed before it could say so
    keeper.look()
    assert [each.name for each in keeper.registry.versions()] == [version.name]
    assert view(folder)["published"] == version.name
    told, _ = rows(keeper.runs.root.parent)
    assert (told[1]["by"], told[1]["did"], told[1]["version"]) == ("root", "published", version.name)


def test_what_a_bucket_does_not_take_now_is_registered_once_it_answers(s3: S3, tmp_path: Path) -> None:
    with Wire(to=s3.port, up=0).strung() as wire:
        settings = s3.settings("keeper", endpoint=f"http://127.0.0.1:{wire.port}")
        keeper = TrainingKeeper(Runs(root=tmp_path / "runs"), BucketRegistry(settings, tmp_path / "fetched"))
        folder = keeper.create(RECIPE, "one", "root")
        trained(folder)
        keeper.look()
        assert (published(folder), view(folder)["error"]) == ({}, None)
        wire.up = None
        keeper._later.clear()  # as if the pause were over
        keeper.look()
        [version] = keeper.registry.versions()
        assert published(folder) == {"version": version.name}


def test_what_cannot_be_registered_says_why(keeper: TrainingKeeper) -> None:
    folder = keeper.create(RECIPE, "one", "root")
    trained(folder)
    (folder.model / ADAPTER_FILES[0]).unlink()
    keeper.look()
    assert published(folder)["version"] is None
    assert "is missing" in view(folder)["error"]


def test_so_many_runs_wait_and_no_more(full: TrainingKeeper) -> None:
    few = TrainingKeeper(full.runs, full.registry, at_once=0, waiting=1)
    few.create(RECIPE, "one", "root")
    for ask in (lambda: few.create(RECIPE, "two", "root"), lambda: few.create(RECIPE, None, "root", start=False)):
        with pytest.raises(Conflict, match="1 runs wait already"):
            ask()
    few.cancel("one", "root")
    few.create(RECIPE, "two", "root")
    with pytest.raises(Conflict, match="1 runs wait already"):
        few.resume("one", "root")


def test_a_torn_row_of_the_audit_hides_no_other(tmp_path: Path) -> None:
    assert rows(tmp_path, 3) == ([], 3)
    note(tmp_path, "ana", "created", run="one")
    with (tmp_path / AUDIT).open("a") as file:
        file.write('{"by": "a')
    assert rows(tmp_path)[1] == 1
    note(tmp_path, "bert", "pinned", version="a@b", why="it is good")
    found, known = rows(tmp_path)
    assert [(row["by"], row["did"]) for row in found] == [("ana", "created"), ("bert", "pinned")]
    assert (rows(tmp_path, 2)[0], rows(tmp_path, known)) == (found[1:], ([], 3))


def test_runs_that_are_held_back_do_not_begin(keeper: TrainingKeeper) -> None:
    folder = keeper.create(RECIPE, "one", "root", start=False)
    keeper.look()
    assert (folder.status().state, folder.status().attempts) == ("queued", 0)


def test_one_keeper_keeps_a_folder(full: TrainingKeeper, tmp_path: Path) -> None:
    folder = full.create(RECIPE, "one", "root")
    full.look()
    other = TrainingKeeper(full.runs, full.registry, at_once=0)
    trained(folder)
    other.look()
    assert published(folder) == {}
    full._let_go()
    other.look()
    assert published(folder)["version"]


def test_ends_are_told_once(full: TrainingKeeper) -> None:
    folder = full.create(RECIPE, "one", "root")
    full.look()
    folder.change_status(state="failed", started_at=10.0, ended_at=12.5)
    full.look()
    full.look()
    assert full.take_ended() == [("sft", "failed", 2.5)]
    assert full.take_ended() == []


def test_time_left_is_that_of_the_latest_steps(tmp_path: Path) -> None:
    status = Status(state="running", step=10, steps=20)
    lines = [{"step": step, "time": 2.0 * step + (500 if step > 5 else 0), "loss": 1.0} for step in range(1, 11)]
    assert eta(status, lines) == 20.0  # the pause between two processes counts for nothing
    assert eta(status, lines[:2]) is None
    assert eta(replace(status, state="queued"), lines) is None


def test_a_long_log_is_told_from_its_end(full: TrainingKeeper) -> None:
    folder = full.create(RECIPE, "one", "root")
    assert log_lines(folder) == []
    (folder.path / "log.txt").write_text("".join(f"line {number}\n" for number in range(100_000)))
    assert log_lines(folder)[-1] == "line 99999"
    assert len(log_lines(folder)) == 200


def test_a_full_disk_is_said_and_the_run_can_be_resumed(full: TrainingKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    from finetune import child

    def trains(folder: RunFolder, first: bool = True) -> None:
        raise OSError(28, "No space left on device")

    folder = full.create(Recipe.model_validate(RECIPE.model_dump()), "one", "root")
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(child, "train", trains)
    try:
        assert child.main(str(folder.path)) == 1
    finally:
        signal.signal(signal.SIGTERM, handler)
    status = folder.status()
    assert status.state == "failed"
    assert "The disk is full. Make room, and resume the run" in (status.error or "")
    full.resume("one", "root")
    assert folder.status().state == "queued"
