"""Runs in processes of their own: followed, cancelled, killed, taken up again, and the same in the end."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import Conflict, NotFound, Unavailable
from finetune.callbacks import WHOLE, last_whole, step_of
from finetune.child import main
from finetune.recipe import recipe_text
from finetune.run_folder import RunFolder
from finetune.runs import Runs, command
from tests.finetune.conftest import SERVED, Make

Run = Callable[..., RunFolder]
STEADY = {"lr_scheduler_type": "constant", "warmup_steps": 0, "save_steps": 5}


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """One thread as in the child, and the signal that a run takes."""
    import torch

    threads, handler = torch.get_num_threads(), signal.getsignal(signal.SIGTERM)
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    signal.signal(signal.SIGTERM, handler)


def losses(folder: RunFolder) -> dict[int, float]:
    return {line["step"]: line["loss"] for line in folder.metrics() if "loss" in line}


def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_been(make: Make, run: Run, tmp_path: Path) -> None:
    endless = make("sft", train={**STEADY, "max_steps": 1_000_000})
    runs = Runs(root=tmp_path / "processes", served=SERVED, environment={"OMP_NUM_THREADS": "1"})
    folder = runs.create("killed", endless)
    runs.start("killed")
    with pytest.raises(Conflict, match="at work already"):
        runs.start("killed")
    for line in runs.follow("killed"):
        if line["step"] >= 7:
            break
    assert folder.status().state == "running"
    runs.kill("killed")
    deadline = time.monotonic() + 60
    while folder.status().state != "interrupted":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    checkpoint = last_whole(folder.checkpoints)
    assert checkpoint is not None
    torn = folder.checkpoints / f"checkpoint-{step_of(checkpoint) + 5}"
    torn.mkdir(exist_ok=True)  # as if it had been killed while writing the next one

    steps = step_of(checkpoint) + 3
    short = endless.model_copy(update={"train": {**endless.train, "max_steps": steps}})
    folder.put("recipe.yaml", recipe_text(short))
    assert main(str(folder.path)) == 0
    whole = run(short, name="whole")
    assert folder.status().state == "done"
    assert losses(folder) == pytest.approx(losses(whole), abs=1e-4)
    assert sorted(losses(folder)) == list(range(1, steps + 1))
    assert folder.report()["after"]["eval_loss"] == pytest.approx(whole.report()["after"]["eval_loss"], abs=1e-4)


def test_a_cancelled_run_keeps_what_it_learnt_and_can_go_on(make: Make, run: Run, tmp_path: Path) -> None:
    folder = RunFolder.make(tmp_path / "cancelled", make("sft", train={**STEADY, "max_steps": 4}), SERVED)
    folder.cancel.touch()
    assert main(str(folder.path)) == 0
    status = folder.status()
    assert (status.state, folder.model.exists(), sorted(losses(folder))) == ("cancelled", False, [1])
    folder.cancel.unlink()
    assert main(str(folder.path)) == 0
    status = folder.status()
    assert (status.state, status.step, status.attempts) == ("done", 4, 2)
    assert sorted(losses(folder)) == [1, 2, 3, 4]


def test_a_run_that_cannot_start_says_why(make: Make, tmp_path: Path) -> None:
    folder = RunFolder.make(tmp_path / "wrong", make("sft", lora={"use_dora": True}), SERVED)
    assert main(str(folder.path)) == 1
    status = folder.status()
    assert status.state == "failed"
    assert "Remove `use_dora`" in (status.error or "")
    assert [each["code"] for each in folder.report()["findings"]] == ["use_dora"]


def test_rows_that_are_not_there_fail_the_run(make: Make, tmp_path: Path) -> None:
    recipe = make("sft", data=str(tmp_path / "none.jsonl"))
    folder = RunFolder.make(tmp_path / "none", recipe, SERVED)
    assert main(str(folder.path)) == 1
    assert "cannot be read" in (folder.status().error or "")


def test_runs_by_name(make: Make, tmp_path: Path) -> None:
    runs = Runs(root=tmp_path / "runs", served=SERVED)
    folder = runs.create("one", make("sft"))
    assert runs.names() == ["one"]
    assert folder.status().state == "queued"
    assert folder.order() == (SERVED, None)
    with pytest.raises(Conflict, match="already"):
        runs.create("one", make("sft"))
    with pytest.raises(NotFound):
        runs.folder("two")
    with pytest.raises(NotFound):
        runs.folder("../one")
    with pytest.raises(Conflict, match="not at work"):
        runs.cancel("one")
    with pytest.raises(Unavailable):
        runs.wait("one", 0.0)
    folder.set_status(replace(folder.status(), state="done"))
    with pytest.raises(Conflict, match="come to its end"):
        runs.start("one")


def test_a_process_that_is_gone_is_noticed(make: Make, tmp_path: Path) -> None:
    folder = RunFolder.make(tmp_path / "gone", make("sft"), SERVED)
    folder.change_status(state="running", pid=1, step=3)
    assert folder.status().state == "interrupted"
    with folder.working():
        assert folder.status().state == "running"
        with pytest.raises(Conflict), folder.working():
            pass


def test_several_processes_are_started_together(make: Make, tmp_path: Path) -> None:
    alone = RunFolder.make(tmp_path / "alone", make("sft", processes=1), SERVED)
    several = RunFolder.make(tmp_path / "several", make("sft", processes=2, train={"use_cpu": True}), SERVED)
    assert "torch.distributed.run" not in command(alone)
    launched = command(several)
    assert launched[launched.index("--nproc_per_node") + 1] == "2"
    assert launched[-3:] == ["-m", "finetune.child", str(several.path)]


def test_a_line_that_is_being_written_waits(make: Make, tmp_path: Path) -> None:
    folder = RunFolder.make(tmp_path / "lines", make("sft"), SERVED)
    folder.add_metrics({"step": 1, "loss": 2.0})
    with (folder.path / "metrics.jsonl").open("a") as lines:
        lines.write(json.dumps({"step": 2})[:-1])
    assert [line["step"] for line in folder.metrics()] == [1]
    assert list(folder.metrics(after=1)) == []
    folder.drop_metrics(0)
    assert list(folder.metrics()) == []


def test_only_whole_checkpoints_count(tmp_path: Path) -> None:
    for step in (5, 10, 100):
        (tmp_path / f"checkpoint-{step}").mkdir()
    assert last_whole(tmp_path) is None
    for step in (5, 10):
        (tmp_path / f"checkpoint-{step}" / WHOLE).touch()
    assert last_whole(tmp_path) == tmp_path / "checkpoint-10"
