"""A consistent copy of a SQLite database that is in use, by SQLite's own online backup."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from core.errors import Conflict, StoreUnavailable


async def backup_sqlite(source: Path, target: Path) -> None:
    """Copies, checks the copy, and only then gives it its name. Raises `Conflict` when `target` exists."""
    if target.exists():
        raise Conflict(f"{target} exists already; name a new file for the backup.")
    try:
        await asyncio.to_thread(_copy, source, target)
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"The backup could not be written: {error}.") from error


def _copy(source: Path, target: Path) -> None:
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(beside)) as new,
        ):
            old.backup(new)
            # One plain file: a backup in WAL mode would come with files beside it.
            new.execute("PRAGMA journal_mode=DELETE")
            verdict = new.execute("PRAGMA integrity_check").fetchone()[0]
            if verdict != "ok":
                raise StoreUnavailable(f"The copy did not pass its check ({verdict}); the database may be damaged.")
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
