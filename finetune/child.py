"""The process of a run: `python -m finetune.child FOLDER`. `finetune.runs` starts it, several by torch's launcher."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from core.errors import FootnoteError
from finetune.run_folder import RunFolder
from finetune.train import train

log = logging.getLogger("footnote.finetune")

_RESERVE, _RESERVED = ".reserve", 1 << 16
"""A file that is given up where the disk is full, so that the run can still say so."""
_ROOM = 1 << 20
_FULL = ("No space left", "Disk quota exceeded", "File too large", "PytorchStreamWriter failed writing")
"""Words of safetensors and torch for it; a process may be allowed less than the disk has."""


def main(path: str) -> int:
    """Trains, and leaves in the run's status what became of it; 0 where it came to its end or was cancelled."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folder = RunFolder(path=Path(path))
    signal.signal(signal.SIGTERM, lambda *_: folder.cancel.touch())
    if int(os.environ.get("RANK", "0")) > 0:  # another process writes
        train(folder, first=False)
        return 0
    with folder.working():
        return _work(folder)


def _work(folder: RunFolder) -> int:
    (folder.path / _RESERVE).write_bytes(bytes(_RESERVED))
    attempts = folder.change_status(state="starting", stage="looking over", pid=os.getpid(), error=None).attempts + 1
    folder.change_status(attempts=attempts, started_at=time.time(), ended_at=None)
    try:
        train(folder)
    except FootnoteError as error:
        log.warning("%s", error)
        return _failed(folder, error.message)
    except Exception as error:  # whatever it is, the status says so
        with contextlib.suppress(OSError):
            log.exception("the run failed")
        named = "" if isinstance(error, RuntimeError) else f"{type(error).__name__}: "
        return _failed(folder, _full(folder, error) or _memory(error) or f"Training failed: {named}{error}")
    state = "done" if folder.model.is_dir() else "cancelled"
    folder.change_status(state=state, stage="", ended_at=time.time())
    return 0


def _failed(folder: RunFolder, message: str) -> int:
    (folder.path / _RESERVE).unlink(missing_ok=True)  # on a full disk its place is what the status is written to
    folder.change_status(state="failed", stage="", error=message, ended_at=time.time())
    return 1


def _full(folder: RunFolder, error: Exception) -> str | None:
    """Libraries tell a full disk in words of their own."""
    said = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    words = any(each in str(error) for each in _FULL)
    if said or words or shutil.disk_usage(folder.path).free < _ROOM:
        return "The disk is full. Make room, and resume the run: it goes on from its last whole checkpoint."
    return None


def _memory(error: Exception) -> str | None:
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "allocate memory" in str(error):
        return "The device's memory was not enough. Halve `per_device_train_batch_size`, or write `quantization: nf4`."
    return None


if __name__ == "__main__":
    os.nice(5)  # answering goes before learning
    sys.exit(main(sys.argv[1]))
