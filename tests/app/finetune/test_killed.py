"""Servers and runs are killed, with all of their processes, at every moment: nothing is lost and nothing made twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.finetune.audit import rows
from app.finetune.keeper import TrainingKeeper, published
from app.finetune.run_view import view
from finetune.callbacks import last_whole
from finetune.recipe import parse_recipe
from finetune.registry import Registry
from finetune.run_folder import AT_WORK, RunFolder
from finetune.runs import Runs
from tests.app.finetune.test_keeper import trained, until
from tests.finetune.conftest import rows_of, write_rows

ROOT = Path(__file__).resolve().parents[3]
WRITES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "shutil.copyfile", "tempfile.mkdtemp")


def keeper_of(root: Path) -> TrainingKeeper:
    return TrainingKeeper(Runs(root=root / "runs"), Registry(root=root / "registry"))


def killed_at(moment: int, root: Path) -> bool:
    """Looks at the runs in a process that is killed when it writes for the n-th time; False where it ends."""
    pid = os.fork()
    if not pid:
        seen = 0

        def hook(event: str, given: tuple[Any, ...]) -> None:
            nonlocal seen
            written = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
            if event in WRITES or written:
                seen += 1
                if seen == moment:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(hook)
            keeper_of(root).look()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def test_a_server_killed_at_any_moment_between_the_end_and_publication_publishes_once(tmp_path: Path) -> None:
    recipe = parse_recipe("{name: manner, method: sft, model: /none, data: /none.jsonl}")
    moment, killed = 0, True
    while killed:
        moment += 1
        root = tmp_path / str(moment)
        folder = keeper_of(root).create(recipe, "one", "root")
        trained(folder)
        killed = killed_at(moment, root)
        seen = view(folder)
        assert (seen["state"], seen["error"]) == ("done", None)
        registry = Registry(root=root / "registry")
        if seen["published"] is not None:  # said only once it is so
            assert registry.verify(seen["published"]) == []
        for _ in range(2):
            keeper = keeper_of(root)
            keeper.look()
            keeper._let_go()
        [version] = registry.versions()
        assert registry.verify(version.name) == [], moment
        assert published(folder) == {"version": version.name}
        assert "published" in [row["did"] for row in rows(root)[0]]
    assert moment > 10


@contextmanager
def server(folder: Path, models: Path, *names: str) -> Iterator[None]:
    """A server that is killed at the end, and every process of its group."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.app.finetune.training_server", str(folder), str(models), *names],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, start_new_session=True,
    )  # fmt: skip
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def at_work(folder: RunFolder) -> bool:
    return (folder.path / "status.json").exists() and folder.status().state in AT_WORK


def test_runs_outlive_their_server_and_their_machine_and_are_published_once(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    root = tmp_path / "finetune"
    data = write_rows(root / "files" / "rows.jsonl", rows_of("sft", 16, 1))
    train = {"max_steps": 40, "save_steps": 2, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1}
    recipe = {"method": "sft", "model": tiny.name, "data": data.name, "train": {**train, "max_length": 256}}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    first, second = (RunFolder(path=root / "runs" / name) for name in ("first", "second"))

    with server(tmp_path, tiny.parent, "first", "second"):
        until(lambda: at_work(first) and last_whole(first.checkpoints) is not None)
        runs = first.status().pid
        assert runs
        os.kill(runs, signal.SIGSTOP)  # so that it cannot come to its end before the server is killed
    os.killpg(os.getpgid(runs), signal.SIGKILL)  # the machine died
    until(lambda: not first.locked())
    assert (view(first)["state"], view(second)["state"]) == ("interrupted", "queued")

    with server(tmp_path, tiny.parent):
        until(lambda: at_work(first))
    until(lambda: first.status().state not in AT_WORK)  # without a server
    status = first.status()
    assert (status.state, status.attempts, status.error) == ("done", 2, None)
    assert first.report()["resumed_at"] >= 2
    assert (published(first), second.status().state) == ({}, "queued")

    keeper = keeper_of(root)
    keeper.look()
    until(lambda: second.status().state not in ("queued", *AT_WORK))
    for _ in range(2):
        keeper.look()
    assert second.status().error is None
    for folder in (first, second):
        assert [line["step"] for line in folder.metrics() if "loss" in line] == list(range(1, 41))
    names = {each.name for each in keeper.registry.versions()}
    assert names == {published(first)["version"], published(second)["version"]}
    assert len(names) == 2
    assert all(keeper.registry.verify(name) == [] for name in names)
    told = [row["run"] for row in rows(root)[0] if row["did"] == "published"]
    assert told == ["first", "second"]
