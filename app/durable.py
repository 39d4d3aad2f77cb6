"""The one door to DBOS: jobs as durable workflows, a step a stage.

After a kill -9 the workflow goes on at the stage it was in. DBOS calls from threads of its own; the stages run on the
process' event loop, so a step hands its coroutine over and waits.

Workers and servers share DBOS's tables under names of their own (`Kind`): neither takes what the other put there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from app.store.presence import Presence

log = logging.getLogger("footnote.durable")

_POLL = 0.2
_AT_ONCE, _TIMES = 200, 25
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_RECOVERIES = 20
"""How often a job is taken up again after its worker died; a document that kills its worker each time then fails."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """Whose jobs these are: the application they belong to in DBOS's tables, its queue, and what a newer Footnote must
    take up of an older one's."""

    application: str
    queue: str
    version: str


INGESTION = Kind(application="footnote", queue="footnote", version="1")
"""What workers do."""
RUNS = Kind(application="footnote-runs", queue="footnote-runs", version="runs-1")
"""What servers do."""


class _Stopped(BaseException):
    """Ends a workflow's thread without a word to DBOS, as a kill would; an `Exception` would be recorded as its end."""


class DurableJobs:
    """Runs jobs as DBOS workflows, `concurrency` of them at once.

    `run(job_id, stage, attempt)` does one stage's work, must be safe to do again, records its own failures in the job's
    row, and says whether the next stage should follow.
    """

    def __init__(
        self,
        *,
        database_url: str,
        executor: str,
        concurrency: int,
        run: Callable[[str, str, int], Coroutine[Any, Any, bool]],
        kind: Kind = INGESTION,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._database_url = database_url
        self._executor = executor
        self._concurrency = concurrency
        self._run = run
        self._kind = kind
        self._submitted: set[str] = set()
        self._in_hand: set[asyncio.Task[Any]] = set()
        self._closing = False

    async def open(self) -> None:
        """Connects, brings DBOS's tables up to date, takes up what an earlier process left."""
        await asyncio.to_thread(self._launch)

    def _launch(self) -> None:
        from dbos import DBOS

        DBOS(
            config={
                "name": self._kind.application,
                "system_database_url": self._database_url,
                "application_version": self._kind.version,
                "executor_id": self._executor,
                "log_level": "WARNING",
            }
        )
        self._workflow = self._define()
        DBOS.launch()
        DBOS.register_queue(
            self._kind.queue,
            worker_concurrency=self._concurrency,
            polling_interval_sec=_POLL,
            on_conflict="always_update",
        )

    def _define(self) -> Callable[[str, Sequence[str]], None]:
        from dbos import DBOS

        @DBOS.step(name="stage")
        def stage(job_id: str, name: str) -> bool:
            work = self._stage(job_id, name, _attempt(DBOS.workflow_id))
            try:
                return asyncio.run_coroutine_threadsafe(work, self._loop).result()
            except CancelledError:
                raise _Stopped from None

        @DBOS.workflow(name="job", max_recovery_attempts=_RECOVERIES)
        def job(job_id: str, stages: Sequence[str]) -> None:
            for name in stages:
                if not stage(job_id, name):
                    return

        return job

    async def _stage(self, job_id: str, name: str, attempt: int) -> bool:
        task = asyncio.current_task()
        assert task is not None
        if self._closing:
            raise asyncio.CancelledError
        self._in_hand.add(task)
        try:
            return await self._run(job_id, name, attempt)
        finally:
            self._in_hand.discard(task)

    async def submit(self, job_id: str, attempt: int, stages: Sequence[str]) -> None:
        """Puts a job on the queue; a second call for the same attempt changes nothing."""
        workflow_id = _workflow_id(job_id, attempt)
        if workflow_id not in self._submitted:
            await asyncio.to_thread(self._enqueue, workflow_id, job_id, stages)
            self._submitted.add(workflow_id)

    def _enqueue(self, workflow_id: str, job_id: str, stages: Sequence[str]) -> None:
        from dbos import DBOS, SetWorkflowID

        with SetWorkflowID(workflow_id):
            DBOS.enqueue_workflow(self._kind.queue, self._workflow, job_id, list(stages))

    async def state(self, job_id: str, attempt: int) -> Literal["unknown", "active", "over"]:
        """What became of an attempt: never submitted here, still to be run, or not to be run again."""
        from dbos import DBOS

        status = await asyncio.to_thread(DBOS.get_workflow_status, _workflow_id(job_id, attempt))
        if status is None:
            return "unknown"
        return "active" if status.status in {"PENDING", "ENQUEUED", "DELAYED"} else "over"

    async def others(self) -> set[str]:
        """The executors besides this one that have jobs in hand, or had when they died."""
        from dbos import DBOS

        found = await asyncio.to_thread(DBOS.list_workflows, status="PENDING", load_input=False, load_output=False)
        return {each.executor_id for each in found if each.executor_id} - {self._executor}

    async def take_over(self, executors: Collection[str]) -> None:
        """Puts back into the queue what executors had in hand that are gone; it goes on at its stage.

        Of several who do so at once each job is put back by one. What a gone executor still does, cut off as it may
        be, is not recorded any more.
        """
        from dbos import DBOS

        await asyncio.to_thread(DBOS._recover_pending_workflows, sorted(executors))

    async def succeed(self, presence: Presence, suspected: Collection[str]) -> set[str]:
        """Takes over what executors had in hand that were gone at the last look and still are; those gone now.

        Twice, so that one that only lost the database has noticed, and left off.
        """
        others = await self.others()
        gone = await presence.absent(others) if others else set()
        if sure := gone & set(suspected):
            log.warning("taking over what %s had in hand", ", ".join(sorted(sure)))
            await self.take_over(sure)
        return gone - sure

    async def prune(self, before: datetime) -> int:
        """Takes what ended before then out of DBOS's tables, with its steps, and says how much that was: so much at a
        time that others need not wait for long. The rows of jobs and runs say what became of them."""
        return await asyncio.to_thread(self._prune, before)

    def _prune(self, before: datetime) -> int:
        from dbos import DBOS

        pruned, skipped = 0, 0
        for _ in range(_TIMES):
            page = DBOS.list_workflows(
                status=_ENDED,
                queue_name=self._kind.queue,
                end_time=before.isoformat(),  # when it was put there; what took long is looked at below
                limit=_AT_ONCE,
                offset=skipped,
                load_input=False,
                load_output=False,
            )
            over = [each.workflow_id for each in page if (each.updated_at or 0) < before.timestamp() * 1_000]
            if over:
                DBOS.delete_workflows(over)
                self._submitted.difference_update(over)
            pruned, skipped = pruned + len(over), skipped + len(page) - len(over)
            if len(page) < _AT_ONCE:
                break
        return pruned

    async def close(self) -> None:
        """Stops taking jobs and breaks off those in hand; the next process takes them up again at their stage."""
        from dbos import DBOS

        self._closing = True
        for task in self._in_hand:
            task.cancel()
        await asyncio.gather(*self._in_hand, return_exceptions=True)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)  # it may be opened again


def _workflow_id(job_id: str, attempt: int) -> str:
    return f"{job_id}:{attempt}"


def _attempt(workflow_id: str | None) -> int:
    assert workflow_id is not None
    return int(workflow_id.rpartition(":")[2])
