"""What has had its time: questions that nobody decided are rejected, and threads go that nobody comes back to."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.runner import Agents
    from app.store.store import Store

log = logging.getLogger("footnote.runs")

WORDS = "Nobody decided in time."
LINGER = timedelta(seconds=60)
"""For how long a run without a thread of its caller's can be read when it is over."""


async def reject_expired(store: Store, now: datetime) -> None:
    """Rejects every call whose time is over. Of several servers that do so at once, one does."""
    from app.run_requests import resume_of
    from app.store.approvals import NOBODY, asked_arguments
    from app.store.run_records import Decision

    for record in await store.approvals.expired(now):
        decisions = [{"type": "reject", "message": WORDS} for _ in record.request.get("action_requests") or [None]]
        resume = resume_of(record, decisions, NOBODY)
        decision = Decision(
            approval_id=record.id,
            verdict="expired",
            by=NOBODY,
            resume=resume,
            arguments=asked_arguments(record.request),
            detail=WORDS,
        )
        run = await store.runs.decide_for(record.thread_id, decision, {"resume": resume})
        if run is not None:
            log.info("run %s goes on as %s: nobody decided in time", record.run_id, run.id)


async def forget_stateless(store: Store, agents: Agents, now: datetime) -> None:
    """Removes what runs without a thread of their caller's have left, once they were read."""
    for name in await store.threads.forget_stateless(now - LINGER):
        await agents.forget(name)


async def forget_outlived(store: Store, agents: Agents, now: datetime) -> None:
    """Removes the threads whose own time is over."""
    for name in await store.threads.outlived(now):
        await agents.forget(name)


async def forget_old(store: Store, agents: Agents, now: datetime, keep_days: int) -> None:
    """Removes the threads that nobody has used for so long."""
    while found := await store.threads.forget(now - timedelta(days=keep_days)):
        for name in found:
            await agents.forget(name)
