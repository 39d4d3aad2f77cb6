"""A time by which a document's text must be cut. Reading has a process of its own that can be killed; cutting looks."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

from core.errors import ParserLimit


class Deadline:
    """So many seconds from now on. Whatever works through a document asks it every few thousand words."""

    def __init__(self, seconds: float = inf, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def check(self) -> None:
        """Raises `ParserLimit` once the time is over."""
        if self._clock() > self._end:
            raise ParserLimit(
                "The document's text could not be cut into passages: it took too long. Split it into smaller files."
            )


NEVER = Deadline()
"""For text whose size is known to be small."""
