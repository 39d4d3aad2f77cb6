"""Who did what with runs and versions: a row each in `audit.jsonl`, which is added to and never changed.

A row tells of what has happened already, so a disk that is full keeps it from nobody: the server's log says it then.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import time
from pathlib import Path
from typing import Any

log = logging.getLogger("footnote.training")

AUDIT = "audit.jsonl"
PAGE = 1000


def note(root: Path, who: str, did: str, *, run: str | None = None, version: str | None = None, why: str = "") -> None:
    """Adds a row to the audit of a folder for learning."""
    log.info("%s %s %s%s", who, did, run or version, f": {why}" if why else "")
    row = {"at": round(time.time(), 3), "by": who, "did": did, "run": run, "version": version, "why": why}
    line = json.dumps({name: value for name, value in row.items() if value}, ensure_ascii=False) + "\n"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / AUDIT).open("ab+") as rows:
            if rows.tell():
                rows.seek(-1, 2)
                if rows.read() != b"\n":  # a row that a full disk or a power cut tore hides no other
                    line = "\n" + line
            rows.write(line.encode())
    except OSError as error:
        log.warning("a row of the audit cannot be kept: %s", error)


def rows(root: Path, after: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Up to a thousand rows from a number on, oldest first, and the number to read on from. Torn ones are left out."""
    found: list[dict[str, Any]] = []
    try:
        lines = (root / AUDIT).open("rb")
    except FileNotFoundError:
        return found, after
    with lines:
        for line in itertools.islice(lines, after, after + PAGE):
            if not line.endswith(b"\n"):  # it is still being written
                break
            after += 1
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found, after


__all__ = ["AUDIT", "PAGE", "note", "rows"]
