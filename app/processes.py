"""The memory of the server's processes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


def memory_of(children: Mapping[str, int]) -> dict[str, int]:
    """Resident bytes of this process ("server") and of each child by name with all that it started. Those that have
    just ended are left out."""
    import psutil

    found = {"server": psutil.Process().memory_info().rss}
    for name, number in children.items():
        with contextlib.suppress(psutil.Error):
            child = psutil.Process(number)
            found[name] = _resident(child) + sum(_resident(one) for one in child.children(recursive=True))
    return found


def _resident(process: psutil.Process) -> int:
    import psutil

    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
