"""What a run of the gate has found out already, so that one that was killed goes on and asks nothing twice.

gate.json     what is asked of whom, by which rules
items.jsonl   one finding a line, written as it comes
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import Conflict, DiskFull, StoreUnavailable
from finetune.rows import canonical

HEAD, LINES = "gate.json", "items.jsonl"
_FULL = 28
"""ENOSPC"""


class Journal:
    """Findings by key, in a folder that belongs to one run. `close` it."""

    def __init__(self, folder: Path, head: Mapping[str, Any]) -> None:
        """Opens a folder, or makes it. Raises `Conflict` where it belongs to another run, `DiskFull`,
        `StoreUnavailable`."""
        self._path = folder / LINES
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._claim(folder / HEAD, canonical(head))
            self._known = self._read()
            self._file = self._path.open("a", encoding="utf-8", errors="surrogatepass")
        except OSError as error:
            raise _translated(error) from error

    def get(self, key: str) -> Any:
        """What was found under a key, None where nothing was."""
        return self._known.get(key)

    def count(self, *beginnings: str) -> int:
        """Findings whose keys begin so."""
        return sum(key.startswith(beginnings) for key in self._known)

    def put(self, key: str, value: Any) -> None:
        """Keeps a finding, on disk when this returns. Raises `DiskFull`, `StoreUnavailable`."""
        try:
            self._file.write(canonical({"key": key, "value": value}) + "\n")
            self._file.flush()
        except OSError as error:
            raise _translated(error) from error
        self._known[key] = value

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def _claim(self, path: Path, head: str) -> None:
        if path.is_file() and path.read_text("utf-8", "surrogatepass") != head:
            raise Conflict(
                "What was answered so far was by other rules, items or versions, another judge, or over another base. "
                "Begin a new run of the gate."
            )
        if not path.is_file():
            making = path.with_suffix(".making")
            making.write_text(head, "utf-8", "surrogatepass")
            making.replace(path)

    def _read(self) -> dict[str, Any]:
        """The findings up to the first line that is not whole; what a killed process left of one is cut off."""
        known: dict[str, Any] = {}
        whole = 0
        data = self._path.read_bytes() if self._path.is_file() else b""
        for line in data.splitlines(keepends=True):
            try:
                found = json.loads(line)
                known[found["key"]] = found["value"]
            except (ValueError, KeyError, TypeError):
                break
            if not line.endswith(b"\n"):
                known.pop(found["key"])
                break
            whole += len(line)
        if whole < len(data):
            with self._path.open("r+b") as file:
                file.truncate(whole)
        return known


def _translated(error: OSError) -> StoreUnavailable:
    if error.errno == _FULL:
        return DiskFull("The disk is full. Make room; the run of the gate goes on where it stopped.")
    return StoreUnavailable(f"The gate's folder cannot be used: {error}")
