"""When another build of the index takes over under a running server: it answers from the old one until it is restarted,
and what is uploaded meanwhile waits in the queue, since only the settings of the new one can read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # listening must not wait for what the services load
    from app.services import Services

RESTART_NEEDED = "restart_needed"
"""The note of a server that answers from an index which was replaced."""
WAITING = "waiting_for_restart"
"""The stage of a job that waits for that restart."""
WORDS = (
    "The index was rebuilt with other settings. This server goes on answering from the old one; uploads wait in the "
    "queue until it is restarted with the new settings, and then run by themselves."
)
JOB_WORDS = "The index was rebuilt with other settings; this runs by itself once the server is restarted with them."


async def restart_needed(services: Services) -> bool:
    """Whether another build of the index has taken over since this server started. Raises `StoreUnavailable`."""
    return not await services.store.generations.is_active(services.generation)


__all__ = ["JOB_WORDS", "RESTART_NEEDED", "WAITING", "WORDS", "restart_needed"]
