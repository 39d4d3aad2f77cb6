"""The server's figures by the minute, in memory until they are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from app.figures import Figures

MINUTE = 60

MOST = 180
"""Minutes held while nobody can keep them; beyond them the oldest are given up."""


class History:
    """Counts into the minute it is now. `started` is when this server began to count, in seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._minutes: dict[int, Figures] = {}
        self.started = clock()

    def now(self) -> float:
        """Seconds since 1970."""
        return self._clock()

    @property
    def minutes(self) -> Mapping[int, Figures]:
        """What was counted and not taken yet, by the second each minute began at."""
        return self._minutes

    def stages(self, operation: str, timings_ms: Mapping[str, float]) -> None:
        """Counts how long each stage of something took."""
        minute = self._minute()
        for stage, milliseconds in timings_ms.items():
            minute.took(operation, stage, milliseconds)

    def error(self, code: str) -> None:
        """Counts an error told to a caller."""
        errors = self._minute().errors
        errors[code] = errors.get(code, 0) + 1

    def degraded(self, reasons: Iterable[str]) -> None:
        """Counts each way in which a response was worse than configured."""
        for reason in reasons:
            counts = self._minute().degraded
            counts[reason] = counts.get(reason, 0) + 1

    def queue(self, queued: int, running: int) -> None:
        """Notes how many jobs there are."""
        self._minute().saw(queued, running)

    def take(self) -> dict[int, Figures]:
        """What was counted since the last call, to be kept; `give_back` what could not be."""
        taken, self._minutes = self._minutes, {}
        return taken

    def give_back(self, taken: Mapping[int, Figures]) -> None:
        """Counts again what was taken and could not be kept."""
        for start, figures in taken.items():
            self._minutes.setdefault(start, Figures()).add(figures)
        self._bound()

    def _minute(self) -> Figures:
        now = int(self._clock())
        start = now - now % MINUTE
        found = self._minutes.get(start)
        if found is None:
            found = self._minutes[start] = Figures()
            self._bound()
        return found

    def _bound(self) -> None:
        for start in sorted(self._minutes)[:-MOST]:
            del self._minutes[start]


__all__ = ["MINUTE", "MOST", "History"]
