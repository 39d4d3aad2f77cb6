"""How long each stage of an answer took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Milliseconds by stage, counted from its making."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self.timings_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time spent inside to the stage."""
        since = time.perf_counter()
        try:
            yield
        finally:
            self.timings_ms[name] = self.timings_ms.get(name, 0.0) + _ms(since)

    def mark(self, name: str) -> None:
        """Notes the time since the start, once a name."""
        self.timings_ms.setdefault(name, _ms(self._started))


def _ms(since: float) -> float:
    return round((time.perf_counter() - since) * 1000, 3)
