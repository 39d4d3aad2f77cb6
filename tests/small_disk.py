"""A disk that is really full: a small one of its own where the machine lets one be mounted, else a bound on files."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_FILLER = ".filler"
_LONGEST = 32 << 10
"""Bytes that a file may have where the disk cannot be made small: enough for a state, and not for weights."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SmallDisk:
    """A folder to fill."""

    path: Path
    mounted: bool

    @contextmanager
    def full(self, pid: int = 0) -> Iterator[None]:
        """Nothing more can be written meanwhile: by nobody, or, where nothing is mounted, by the process `pid`."""
        if not self.mounted:
            before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (_LONGEST, before[1]))
            try:
                yield
            finally:
                if not pid:
                    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
            return
        self.fill()
        try:
            yield
        finally:
            (self.path / _FILLER).unlink()

    def fill(self) -> None:
        """Takes what room there is, again where something gave some back."""
        with (self.path / _FILLER).open("ab", buffering=0) as filler:
            for size in (1 << 20, 4096, 1):
                try:
                    while filler.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """A disk of that size at `path`."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700,uid={os.getuid()}", "tmpfs", str(path)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield SmallDisk(path=path, mounted=mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(path)], check=True)
