"""Runs of the gate as folders: how each fares, its rules, what was found out, and the report.

ID/state.json    who asked for what, and how it fares
ID/rules.yaml    the rules as they were written
ID/lent.json     what engines serve for it alone, while they do
ID/gate.json     what is asked of whom
ID/items.jsonl   what both answered so far (`finetune.gate.journal`), forgotten once there is a report
ID/report.json, report.html
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.finetune.one_at_a_time import OneAtATime, put
from core.errors import NotFound
from finetune.gate.journal import LINES

STATE, RULES, REPORT, PAGE, LENT = "state.json", "rules.yaml", "report.json", "report.html", "lent.json"
_ID = re.compile(r"[0-9a-f-]{36}")
INTERRUPTED = "The server stopped while the gate was at work. Resume it: it asks nothing twice."

GateState = Literal["running", "done", "failed", "cancelled", "interrupted"]


class Gate(BaseModel):
    """One run of the gate."""

    model_config = ConfigDict(frozen=True)

    id: str
    candidate: str
    champion: str
    dataset: str
    harmful: str | None = None
    state: GateState
    stage: str = Field(default="", description="What is being done: loading, checks, asking, report.")
    done: int = Field(default=0, description="Questions answered, by both.")
    of: int = Field(default=0, description="Questions to answer.")
    passed: bool | None = Field(default=None, description="Whether the candidate passed; null before that is known.")
    said: str = Field(default="", description="Why it was stopped, or what it came to.")
    error: str | None = None
    by: str
    started_at: datetime
    ended_at: datetime | None = None


class GateFolders:
    """The folders of all runs below one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._turn = OneAtATime(root=root)

    def folder(self, gate_id: str) -> Path:
        """Where a run's files lie. Raises `NotFound`."""
        path = self._root / gate_id
        if not _ID.fullmatch(gate_id) or not (path / STATE).is_file():
            raise NotFound(f"There is no run of the gate {gate_id[:80]}; GET /v1/gates lists them.")
        return path

    def make(self, gate: Gate, rules: str) -> None:
        """A new run, whole before it is seen. Raises `OSError`."""
        self._root.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=".making-", dir=self._root))
        (making / RULES).write_text(rules, "utf-8")
        (making / STATE).write_text(gate.model_dump_json(), "utf-8")
        making.rename(self._root / gate.id)

    def save(self, gate: Gate) -> None:
        """Keeps how a run fares. Raises `OSError`."""
        self.put(gate.id, STATE, gate.model_dump_json())

    def put(self, gate_id: str, name: str, text: str) -> None:
        """Keeps a file of a run, whole or not at all. Raises `OSError`."""
        put(self._root / gate_id / name, text)

    def remove(self, gate_id: str) -> None:
        """Removes a run with all its files; it is gone before the first of them is. Raises `NotFound`, `OSError`."""
        going = self._root / f".going-{gate_id}"
        self.folder(gate_id).rename(going)
        shutil.rmtree(going, ignore_errors=True)

    def forget_answers(self, gate_id: str) -> None:
        """Removes what both versions answered; the report rests on it no more. Raises `OSError`."""
        (self._root / gate_id / LINES).unlink(missing_ok=True)

    def lent(self) -> dict[str, list[str]]:
        """What runs had engines serve and did not give back, by run."""
        found = {}
        for path in self._root.glob(f"*-*/{LENT}"):
            with contextlib.suppress(OSError, ValueError):
                found[path.parent.name] = [str(each) for each in json.loads(path.read_text("utf-8"))]
        return found

    def note_lent(self, gate_id: str, versions: Sequence[str]) -> None:
        """Keeps what engines serve for a run; nothing is kept of nothing. Raises `OSError`."""
        if versions:
            self.put(gate_id, LENT, json.dumps(list(versions)))
        else:
            (self._root / gate_id / LENT).unlink(missing_ok=True)

    def get(self, gate_id: str) -> Gate:
        """How a run fares; one that nobody works on any more was interrupted. Raises `NotFound`."""
        return self._seen(self.folder(gate_id), self._turn.at_work())

    def all(self) -> list[Gate]:
        """All runs, the newest first."""
        at_work = self._turn.at_work()
        found = []
        for path in self._root.glob(f"*-*/{STATE}"):
            if _ID.fullmatch(path.parent.name):
                found.append(self._seen(path.parent, at_work))
        return sorted(found, key=lambda gate: gate.started_at, reverse=True)

    def read(self, gate_id: str, name: str) -> str | None:
        """A file of a run; None where it has none yet. Raises `NotFound`."""
        path = self.folder(gate_id) / name
        return path.read_text("utf-8", "surrogatepass") if path.is_file() else None

    def report(self, gate_id: str) -> dict[str, Any] | None:
        """The report of a run, once there is one. Raises `NotFound`."""
        text = self.read(gate_id, REPORT)
        found: dict[str, Any] | None = None if text is None else json.loads(text)
        return found

    def hold(self, gate_id: str) -> IO[str] | None:
        """The right to be at work, as long as this stays open; None where somebody has it, in whichever process."""
        return self._turn.hold(gate_id)

    def _seen(self, folder: Path, at_work: str | None) -> Gate:
        gate = Gate.model_validate_json((folder / STATE).read_text("utf-8"))
        if gate.state == "running" and gate.id != at_work:
            return gate.model_copy(update={"state": "interrupted", "error": INTERRUPTED})
        return gate


__all__ = ["INTERRUPTED", "PAGE", "REPORT", "RULES", "Gate", "GateFolders", "GateState"]
