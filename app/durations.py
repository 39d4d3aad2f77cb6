"""How long the stages of jobs take, brought from the job book into the figures.

Workers are processes of their own and are not asked for figures: they write each stage's duration into the job's row,
and the server takes it from there when somebody asks for its figures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from app.metrics import Metrics

if TYPE_CHECKING:  # the store loads a database's driver, and listening must not wait for that
    from app.store.records import JobRecord

_PART = 500
_LATECOMERS = timedelta(seconds=60)
"""On PostgreSQL a row can appear after one with a later time; this far back each look begins again."""


class EndedJobs(Protocol):
    """The job book, as far as it is needed here."""

    async def finished_since(
        self, moment: datetime, *, after: tuple[datetime, str] | None = None, limit: int = 500
    ) -> Sequence[JobRecord]:
        """Jobs that ended at `moment` or later, the first to end first."""
        ...


class JobDurations:
    """Observes every attempt of a job that ended since this process started, once.

    What ended before is not counted again after a restart: like every counter these begin at nothing. An attempt that
    is retried before anybody asked for the figures is not observed, and several servers over one database each tell
    of all its jobs.
    """

    def __init__(self, metrics: Metrics, since: datetime | None = None) -> None:
        self._metrics = metrics
        self._since = self._newest = since or datetime.now(UTC)
        self._seen: dict[tuple[str, int], datetime] = {}
        self._turn = asyncio.Lock()  # two looks at once would both find the same jobs new

    async def look(self, jobs: EndedJobs) -> None:
        """Observes what ended since the last look. Raises `StoreUnavailable`; what was observed by then is kept."""
        async with self._turn:
            begin = max(self._since, self._newest - _LATECOMERS)
            after: tuple[datetime, str] | None = None
            while True:
                found = await jobs.finished_since(begin, after=after, limit=_PART)
                for job in found:
                    after = self._observe(job)
                if len(found) < _PART:
                    break
            oldest = self._newest - _LATECOMERS
            self._seen = {attempt: at for attempt, at in self._seen.items() if at >= oldest}

    def _observe(self, job: JobRecord) -> tuple[datetime, str]:
        assert job.finished_at is not None
        attempt = (job.id, job.attempts)
        if attempt not in self._seen:
            self._seen[attempt] = job.finished_at
            self._newest = max(self._newest, job.finished_at)
            self._metrics.job_stages(job.kind, job.timings_ms)
        return job.finished_at, job.id
