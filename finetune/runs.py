"""Runs of training, each in a process of its own: start, follow, cancel, resume. Nothing heavy is imported here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import Conflict, NotFound, Unavailable
from finetune.quantize import Tools
from finetune.recipe import Recipe
from finetune.run_folder import AT_WORK, RESUMABLE, RunFolder, Status
from finetune.served import Served

_ROOT = Path(__file__).resolve().parent.parent
_PAUSE = 0.1
_STARTING = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Runs:
    """The runs below a folder, by name. `environment` is added to that of their processes."""

    root: Path
    served: Served = field(default_factory=Served)
    environment: Mapping[str, str] = field(default_factory=dict)
    support: str | None = None
    tools: Tools = field(default_factory=Tools)

    def names(self) -> list[str]:
        """All there are, sorted."""
        return sorted(path.parent.name for path in self.root.glob("*/status.json"))

    def folder(self, name: str) -> RunFolder:
        """One run's files. Raises `NotFound`."""
        found = RunFolder(path=self.root / name)
        if "/" in name or not (found.path / "status.json").is_file():
            raise NotFound(f"There is no run named {name[:100]}.")
        return found

    def create(self, name: str, recipe: Recipe) -> RunFolder:
        """A run that waits to be started. Raises `Conflict` where there is one of this name."""
        return RunFolder.make(self.root / name, recipe, self.served, self.support, self.tools)

    def start(self, name: str) -> int:
        """Starts it, or goes on with it from its last whole checkpoint; returns the process' id.

        Raises `Conflict` where it is at work or has come to its end, `NotFound`.
        """
        folder = self.folder(name)
        state = folder.status().state
        if state in AT_WORK:
            raise Conflict(f"The run {name} is at work already.")
        if state not in ("queued", *RESUMABLE):
            raise Conflict(f"The run {name} has come to its end. Create another one.")
        folder.cancel.unlink(missing_ok=True)
        with (folder.path / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                command(folder), cwd=_ROOT, env={**os.environ, **_QUIET, **self.environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        _taken(folder, process)
        return process.pid

    def cancel(self, name: str) -> None:
        """Asks it to end at its next step; what it has learnt is kept to go on from. Raises `Conflict` where it is not
        at work, `NotFound`."""
        folder = self.folder(name)
        if folder.status().state not in AT_WORK:
            raise Conflict(f"The run {name} is not at work.")
        folder.cancel.touch()

    def kill(self, name: str) -> None:
        """Ends its processes at once; it can be resumed. Raises `NotFound`."""
        pid = self.folder(name).status().pid
        if pid is not None and self.folder(name).locked():
            os.killpg(os.getpgid(pid), signal.SIGKILL)

    def wait(self, name: str, seconds: float) -> Status:
        """Waits until it is at work no more. Raises `Unavailable` where that takes longer."""
        deadline = time.monotonic() + seconds
        while (status := self.folder(name).status()).state in ("queued", *AT_WORK):
            if time.monotonic() > deadline:
                raise Unavailable(f"The run {name} is still at work.")
            time.sleep(_PAUSE)
        return status

    def follow(self, name: str, after: int = 0) -> Iterator[dict[str, Any]]:
        """Lines of its curves as they are written, until it is at work no more."""
        folder = self.folder(name)
        while True:
            going = folder.status().state in ("queued", *AT_WORK)
            for line in folder.metrics(after):
                after += 1
                yield line
            if not going:
                return
            time.sleep(_PAUSE)


_QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "WANDB_SILENT": "true",
}


def command(folder: RunFolder) -> list[str]:
    """What starts its process; several find one another by torch's launcher, as accelerate expects."""
    recipe = folder.recipe()
    child = ["-m", "finetune.child", str(folder.path.absolute())]
    count = recipe.processes or _gpus()
    if count < 2:
        return [sys.executable, *child]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(count)]
    return [sys.executable, *launch, *child]


def _gpus() -> int:
    """NVIDIA's devices, counted without torch."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if seen is not None:
        return len([each for each in seen.split(",") if each.strip()])
    return len([path for path in Path("/dev").glob("nvidia*") if path.name.removeprefix("nvidia").isdigit()])


def _taken(folder: RunFolder, process: subprocess.Popen[bytes]) -> None:
    """Waits until the process holds the run, or is gone: from then on its status is its own."""
    deadline = time.monotonic() + _STARTING
    while process.poll() is None and time.monotonic() < deadline:
        if folder.status().state not in ("queued", *RESUMABLE) or folder.locked():
            return
        time.sleep(_PAUSE)
    if process.poll() is not None and folder.status().state in ("queued", "interrupted", "cancelled"):
        folder.change_status(state="failed", error="The process could not start; see log.txt.", ended_at=time.time())
