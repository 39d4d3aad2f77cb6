"""Durable jobs survive the death of their process and go on at the stage they were in."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import asyncio, os, sys, time
from app.durable import DurableJobs

folder, submit = sys.argv[1], sys.argv[2] == "submit"

async def run(job_id, stage, attempt):
    with open(f"{folder}/log", "a") as file:
        file.write(f"{job_id} {stage} {attempt}\\n")
    if stage == "slow" and not os.path.exists(f"{folder}/go"):
        try:
            await asyncio.sleep(60)
        finally:
            with open(f"{folder}/log", "a") as file:
                file.write(f"{job_id} left\\n")
    return stage != "refuse"

async def main():
    jobs = DurableJobs(database_url=f"sqlite:///{folder}/jobs.sqlite", executor="worker-0", concurrency=2, run=run)
    await jobs.open()
    if submit:
        for _ in range(2):
            await jobs.submit("a", 1, ["quick", "slow", "last"])
        await jobs.submit("b", 1, ["quick", "refuse", "never"])
        await jobs.submit("c", 3, ["quick"])
    while not os.path.exists(f"{folder}/stop"):
        await asyncio.sleep(0.05)
    while not submit and await jobs.state("a", 1) == "active":
        await asyncio.sleep(0.05)  # its last stage is over, and DBOS is about to say so
    print(await jobs.state("a", 1), await jobs.state("nobody", 1), flush=True)
    await jobs.close()

asyncio.run(main())
"""


@pytest.fixture
def process(tmp_path: Path):
    running = []

    def start(mode: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SCRIPT, str(tmp_path), mode]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(child)
        return child

    yield start
    for child in running:
        child.kill()
        child.wait()


def lines(folder: Path) -> list[str]:
    log = folder / "log"
    return log.read_text().splitlines() if log.exists() else []


def wait_for(folder: Path, line: str, times: int = 1) -> None:
    for _ in range(600):
        if lines(folder).count(line) >= times:
            return
        time.sleep(0.05)
    pytest.fail(f"{line!r} did not appear {times} times in {lines(folder)}")


def test_a_killed_job_goes_on_at_its_stage(tmp_path: Path, process) -> None:
    first = process("submit")
    wait_for(tmp_path, "a slow 1")
    wait_for(tmp_path, "b refuse 1")
    first.send_signal(signal.SIGKILL)
    first.wait()

    (tmp_path / "go").touch()
    second = process("resume")
    wait_for(tmp_path, "a last 1")
    wait_for(tmp_path, "c quick 3")
    (tmp_path / "stop").touch()

    assert second.communicate(timeout=60)[0].split() == ["over", "unknown"]
    log = lines(tmp_path)
    assert log.count("a quick 1") == 1, "a finished stage is not done again, nor is a job submitted twice"
    assert log.count("a slow 1") == 2, "the stage it was killed in is"
    assert log.count("c quick 3") == 1, "an attempt is told its number"
    assert "b never 1" not in log, "a stage that says no ends the job"


PRUNES = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from app.durable import DurableJobs

gate = asyncio.Event()

async def run(job_id, stage, attempt):
    if job_id == "slow":
        await gate.wait()
    return False

async def main():
    jobs = DurableJobs(database_url=f"sqlite:///{sys.argv[1]}/jobs.sqlite", executor="w", concurrency=8, run=run)
    await jobs.open()
    now = datetime.now(UTC)
    for job in ("a", "b", "slow"):
        await jobs.submit(job, 1, ["only"])
    for job in ("a", "b"):
        while await jobs.state(job, 1) != "over":
            await asyncio.sleep(0.05)
    print(await jobs.prune(now - timedelta(days=1)), await jobs.state("a", 1))
    print(await jobs.prune(datetime.now(UTC) + timedelta(seconds=1)), await jobs.state("a", 1))
    print(await jobs.prune(datetime.now(UTC) + timedelta(seconds=1)), await jobs.state("slow", 1))
    await jobs.submit("a", 1, ["only"])
    while await jobs.state("a", 1) != "over":
        await asyncio.sleep(0.05)
    gate.set()
    await jobs.close()

asyncio.run(main())
"""


def test_what_ended_is_pruned_and_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRUNES, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["0 over", "2 unknown", "0 active"]
    with sqlite3.connect(tmp_path / "jobs.sqlite") as database:
        left = {row[0] for row in database.execute("SELECT workflow_uuid FROM operation_outputs")}
    assert left <= {"a:1", "slow:1"}, "their steps went with them"


def test_a_job_in_hand_is_left_without_a_word_when_its_worker_is_stopped(tmp_path: Path, process) -> None:
    first = process("submit")
    wait_for(tmp_path, "a slow 1")
    wait_for(tmp_path, "b refuse 1")
    (tmp_path / "stop").touch()
    said, errors = first.communicate(timeout=60)
    assert (first.returncode, said.split(), errors) == (0, ["active", "unknown"], "")
    assert lines(tmp_path)[-1] == "a left", "it was told to stop before the worker closed"

    (tmp_path / "stop").unlink()
    (tmp_path / "go").touch()
    second = process("resume")
    wait_for(tmp_path, "a last 1")
    (tmp_path / "stop").touch()
    assert second.communicate(timeout=60)[0].split() == ["over", "unknown"]
    assert lines(tmp_path).count("a quick 1") == 1
