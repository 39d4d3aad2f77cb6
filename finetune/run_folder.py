"""A run is a folder: what it was asked, where it stands, its curves, its checkpoints, and what came of it.

    recipe.yaml      as it was given           resolved.yaml   with nothing left out
    order.json       what it will be served by
    status.json      state, step, error        metrics.jsonl   one line a log, as it goes on
    report.json      rows, findings, memory, metrics before and after, versions
    checkpoints/     to go on from             model/          what came of it, whole or not there
    log.txt          what the process said     lock, cancel    held while it works; there to end it

Files are replaced, never written over, so whoever reads them sees whole ones.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from core.errors import Conflict, NotFound
from finetune.quantize import Tools
from finetune.recipe import Recipe, parse_recipe, recipe_text
from finetune.served import Served

State = Literal["queued", "starting", "running", "done", "failed", "cancelled", "interrupted"]
"""Interrupted: it was at work and its process is gone."""
AT_WORK: tuple[State, ...] = ("starting", "running")
RESUMABLE: tuple[State, ...] = ("failed", "cancelled", "interrupted")
_TRIES, _PAUSE = 20, 0.02
"""How often and after which seconds the lock is tried: whoever only looks at a run holds it for a moment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """Where a run stands. `loss` is the last one that was logged, `stage` what is being done beside training."""

    state: State
    step: int = 0
    steps: int = 0
    epoch: float = 0.0
    loss: float | None = None
    stage: str = ""
    error: str | None = None
    pid: int | None = None
    started_at: float | None = None
    ended_at: float | None = None
    attempts: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFolder:
    """The paths and files of one run."""

    path: Path

    @classmethod
    def make(
        cls, path: Path, recipe: Recipe, served: Served, support: str | None = None, tools: Tools | None = None
    ) -> RunFolder:
        """A new run in `path`. `support` names, as `module:function`, what tells how far passages carry a statement;
        `tools` are what models are made smaller with. Raises `Conflict` where one is there."""
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            raise Conflict(f"There is a run in {path} already. Resume it, or take another folder.") from None
        folder = cls(path=path)
        folder.put("recipe.yaml", recipe_text(recipe))
        order = {"served": asdict(served), "support": support, "tools": asdict(tools or Tools())}
        folder.put("order.json", json.dumps(order, default=str))
        folder.set_status(Status(state="queued"))
        return folder

    @property
    def checkpoints(self) -> Path:
        """Where to go on from."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """What came of it."""
        return self.path / "model"

    @property
    def cancel(self) -> Path:
        """Is there when it shall end."""
        return self.path / "cancel"

    def recipe(self) -> Recipe:
        """The recipe as it was given."""
        return parse_recipe((self.path / "recipe.yaml").read_text("utf-8"))

    def order(self) -> tuple[Served, str | None]:
        """What it will be served by, and what tells support."""
        given = json.loads((self.path / "order.json").read_text("utf-8"))
        served = dict(given["served"])
        served["folder"] = Path(served["folder"]) if served["folder"] else None
        return Served(**served), given["support"]

    def tools(self) -> Tools:
        """What models are made smaller with."""
        given = json.loads((self.path / "order.json").read_text("utf-8")).get("tools") or {}
        quantizer = given.get("quantizer")
        return Tools(quantizer=Path(quantizer) if quantizer else None, converter=tuple(given.get("converter", ())))

    def status(self) -> Status:
        """Where it stands; a process that is gone is noticed. Raises `NotFound` where there is no run."""
        try:
            found = Status(**json.loads((self.path / "status.json").read_text("utf-8")))
        except FileNotFoundError:
            raise NotFound(f"There is no run in {self.path}.") from None
        if found.state in AT_WORK and not self.locked():
            found = Status(**json.loads((self.path / "status.json").read_text("utf-8")))  # it may have ended just now
            if found.state in AT_WORK:
                return replace(found, state="interrupted", stage="")
        return found

    def set_status(self, status: Status) -> None:
        """Says where it stands."""
        self.put("status.json", json.dumps(asdict(status)))

    def change_status(self, **changes: Any) -> Status:
        """Says what is new."""
        found = Status(**json.loads((self.path / "status.json").read_text("utf-8")))
        found = replace(found, **changes)
        self.set_status(found)
        return found

    def report(self) -> dict[str, Any]:
        """What is known beside the curves; empty before the start."""
        try:
            found: dict[str, Any] = json.loads((self.path / "report.json").read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return found

    def add_report(self, **parts: Any) -> None:
        """Adds to it."""
        self.put("report.json", json.dumps({**self.report(), **parts}, indent=1, ensure_ascii=False))

    def metrics(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """Lines of the curves from a number on (from 0); a line that is still being written waits."""
        try:
            with (self.path / "metrics.jsonl").open(encoding="utf-8") as lines:
                for number, line in enumerate(lines):
                    if number >= after and line.endswith("\n"):
                        yield json.loads(line)
        except FileNotFoundError:
            return

    def add_metrics(self, line: Mapping[str, Any]) -> None:
        """Adds to the curves."""
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")

    def drop_metrics(self, step: int) -> None:
        """Forgets what lies behind a step: a run that goes on from there will tell it anew."""
        kept = [line for line in self.metrics() if line["step"] <= step]
        self.put("metrics.jsonl", "".join(json.dumps(line) + "\n" for line in kept))

    def put(self, name: str, text: str) -> None:
        """Replaces a file, whole."""
        making = self.path / f".{name}.{os.getpid()}"
        making.write_text(text, "utf-8")
        making.replace(self.path / name)

    def locked(self) -> bool:
        """Whether a process works on it."""
        try:
            with self._held(fcntl.LOCK_SH):
                return False
        except Conflict:
            return True

    @contextmanager
    def working(self) -> Iterator[None]:
        """Holds the run; the kernel lets go when the process dies. Raises `Conflict` where another holds it."""
        with self._held(fcntl.LOCK_EX, _TRIES):
            yield

    @contextmanager
    def _held(self, kind: int, tries: int = 1) -> Iterator[None]:
        with (self.path / "lock").open("a") as lock:
            while not _flock(lock.fileno(), kind):
                tries -= 1
                if not tries:
                    raise Conflict(f"A process is at work on the run in {self.path}.")
                time.sleep(_PAUSE)
            yield


def _flock(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
