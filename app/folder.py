"""The data folder, held by one server at a time, and the note in it that says where that server listens."""

from __future__ import annotations

import json
import os
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import ConfigurationError

_PATIENCE = 5.0


class DataFolder:
    """Holds the folder for as long as the block lasts. Raises `ConfigurationError` when another server has it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._note = path / "server.json"

    def __enter__(self) -> DataFolder:
        try:
            self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = FileLock(self._path / "server.lock")
            self._lock.acquire(timeout=_PATIENCE)
        except Timeout:
            where = noted_address(self._path)
            raise ConfigurationError(
                f"Another server has {self._path} open{f' at {where}' if where else ''}. "
                "Stop it, or give this one another FOOTNOTE_DATA_DIR."
            ) from None
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be used as the data folder: {error.strerror}.") from None
        return self

    def announce(self, address: str) -> None:
        """Writes down where the server listens, for the commands."""
        beside = self._note.with_suffix(".new")
        beside.write_text(json.dumps({"url": address, "pid": os.getpid()}))
        beside.replace(self._note)

    def __exit__(self, *_: object) -> None:
        self._note.unlink(missing_ok=True)
        self._lock.release()


def noted_address(path: Path) -> str | None:
    """Where the server that holds the folder says it listens; None when nobody holds it.

    A killed server leaves its note behind, and whoever listens on that port now must not be sent a key.
    """
    try:
        address = str(json.loads((path / "server.json").read_text())["url"])
        with FileLock(path / "server.lock").acquire(timeout=0):
            return None
    except Timeout:
        return address
    except (OSError, ValueError, KeyError, TypeError):
        return None
