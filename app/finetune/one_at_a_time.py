"""One piece of work at a time below a folder, over all processes that share it, told by the kernel's lock."""

from __future__ import annotations

import fcntl
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_LOCK = ".lock"


@dataclass(frozen=True, kw_only=True, slots=True)
class OneAtATime:
    """The right to be at work below `root`."""

    root: Path

    def hold(self, work_id: str) -> IO[str] | None:
        """The right to be at work, as long as this stays open; None where somebody has it, in whichever process."""
        self.root.mkdir(parents=True, exist_ok=True)
        file = (self.root / _LOCK).open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return None
        file.truncate(0)
        file.write(work_id)
        file.flush()
        return file

    def at_work(self) -> str | None:
        """What somebody works on now."""
        try:
            file = (self.root / _LOCK).open(encoding="utf-8")
        except OSError:
            return None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return file.read()
            return None


def put(path: Path, text: str) -> None:
    """Writes a file whole or not at all; its folder is made. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".saving-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


__all__ = ["OneAtATime", "put"]
