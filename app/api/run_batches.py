"""Several runs begun at once: all of them are looked at before the first is begun."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.agent_runs import RunService
from app.api.agents_requests import BatchedRun
from app.api.deps import Parts
from app.api.run_starts import begin, check
from app.errors import TooManyRequests
from core.errors import InvalidInput
from core.types import Principal

if TYPE_CHECKING:
    from app.store.run_records import RunRecord


async def begin_all(
    services: Parts, service: RunService, caller: Principal, bodies: Sequence[BatchedRun]
) -> list[RunRecord]:
    """Promises these runs, each in its thread or in one of its own.

    Raises what `begin` raises, before any is begun where that can be known; a batch holds no decisions.
    """
    room = services.settings.runs.waiting_per_caller - await services.store.runs.waiting(caller)
    if len(bodies) > room:
        raise TooManyRequests(f"Only {max(0, room)} more of your runs may wait for their turn; send fewer at a time.")
    for body in bodies:
        if body.command is not None:
            raise InvalidInput("A batch holds tasks; a decision is POSTed to the thread that waits for it.")
        await check(services, service, caller, body, body.thread_id)
    return [
        await begin(
            services,
            service,
            caller,
            body,
            body.thread_id,
            stateless=body.thread_id is None and body.on_completion == "delete",
        )
        for body in bodies
    ]


__all__ = ["begin_all"]
