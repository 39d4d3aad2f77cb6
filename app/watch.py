"""Waiting for jobs to change: the worker that changes a job's row is another process, so somebody has to look.

One look serves everyone who waits: however many streams follow however many jobs, the database is asked one question
a quarter of a second, and none while nobody waits.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

LOOK_EVERY = 0.25
"""Seconds between two looks."""

Revisions = Callable[[Collection[str]], Awaitable[Mapping[str, int]]]
"""Asks for the revisions of jobs; those that are no more are left out."""


@dataclass(frozen=True, eq=False, slots=True)
class _Waiting:
    job_id: str
    revision: int
    told: asyncio.Future[bool]


class JobWatch:
    """Tells those who wait that a job's row is no longer as they saw it. For one event loop."""

    def __init__(self, every: float = LOOK_EVERY) -> None:
        self._every = every
        self._waiting: set[_Waiting] = set()
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    async def changed(self, revisions: Revisions, job_id: str, revision: int) -> bool:
        """True once a look finds the job at another revision, or gone; False when nobody looks any more. Raises what
        the look raised.

        What the row holds, and whether the caller may still read it, is for the caller to ask.
        """
        if self._closed:
            return False
        waiting = _Waiting(job_id, revision, asyncio.get_running_loop().create_future())
        self._waiting.add(waiting)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(revisions), name="watch jobs")
        try:
            return await waiting.told
        finally:
            self._waiting.discard(waiting)

    @property
    def closed(self) -> bool:
        """Whether the server stops: whoever follows something ends then."""
        return self._closed

    async def close(self) -> None:
        """Stops looking, for good; whoever still waits is told so."""
        self._closed = True
        for waiting in self._waiting:
            if not waiting.told.done():
                waiting.told.set_result(False)
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    async def _look(self, revisions: Revisions) -> None:
        while True:
            await asyncio.sleep(self._every)
            asked = set(self._waiting)
            if not asked:
                return
            try:
                found = await revisions({waiting.job_id for waiting in asked})
            except Exception as error:
                _tell(asked, error)
                continue
            _tell({waiting for waiting in asked if found.get(waiting.job_id) != waiting.revision}, None)


def _tell(waiting: Collection[_Waiting], error: Exception | None) -> None:
    for each in waiting:
        if each.told.done():
            continue
        if error is None:
            each.told.set_result(True)
        else:
            each.told.set_exception(error)
