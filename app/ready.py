"""Whether the parts that questions need answer, and what else is to be known: asked at most once a second, however many
probes there are."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.turnover import RESTART_NEEDED, WORDS, restart_needed
from core.errors import FootnoteError

if TYPE_CHECKING:
    from app.services import Services

logger = logging.getLogger("footnote.ready")

FRESH = 1.0
"""Seconds for which what was found is told again. A probe costs a look at the database and at the index, and anyone may
send one, without a key."""

_PATIENCE = 2.0
"""Seconds a part may take to say that it is there."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """`parts`: each part, and why it does not answer, None where it does. `notes`: what else is to know, by code."""

    parts: Mapping[str, str | None]
    notes: Mapping[str, str]


class Ready:
    """The latest look at the parts. For one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._look: asyncio.Task[Found] | None = None
        self._at = 0.0
        self._missing: frozenset[str] = frozenset()

    async def look(self, services: Services) -> Found:
        """The database, the index and the generator. Whoever comes while they are asked waits for the same look."""
        if self._look is None or (self._look.done() and self._clock() - self._at >= FRESH):
            self._look = asyncio.create_task(self._ask(services), name="readiness")
        return await asyncio.shield(self._look)  # a prober that leaves does not end it for the others

    async def _ask(self, services: Services) -> Found:
        from retrieval.ports import Scope

        asked = {
            "database": _why_not(services.store.ping()),
            "index": _why_not(services.index.count(Scope(groups=None))),
            "generator": _why_not(services.generator.check()),
        }
        parts = dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
        self._log(parts)
        notes = await _notes(services)
        self._at = self._clock()
        return Found(parts=parts, notes=notes)

    def _log(self, parts: Mapping[str, str | None]) -> None:
        """Says once when a part goes missing and once when it is back: callers without a key are not told why."""
        missing = frozenset(name for name, reason in parts.items() if reason is not None)
        for name in sorted(missing - self._missing):
            logger.warning("the %s does not answer: %s", name, parts[name])
        for name in sorted(self._missing - missing):
            logger.info("the %s answers again", name)
        self._missing = missing


async def _why_not(call: Awaitable[object]) -> str | None:
    try:
        await asyncio.wait_for(call, _PATIENCE)
    except FootnoteError as error:
        return error.message
    except TimeoutError:
        return f"It did not answer within {_PATIENCE:.0f} s."
    return None


async def _notes(services: Services) -> dict[str, str]:
    """Told to whoever asks: they name states of the server, never what is in it."""
    from app.gaps import INDEX_INCOMPLETE
    from app.sharing import REDIS_UNAVAILABLE
    from app.sharing import WORDS as REDIS_WORDS

    notes = {}
    with contextlib.suppress(FootnoteError, TimeoutError):  # a database that does not answer is told as a part
        if await asyncio.wait_for(restart_needed(services), _PATIENCE):
            notes[RESTART_NEEDED] = WORDS
    if not await services.sharing.look():
        notes[REDIS_UNAVAILABLE] = REDIS_WORDS
    returning, left_out = services.lacking()
    if returning:
        notes[INDEX_INCOMPLETE] = "The index lacks documents; they are being put back."
    if left_out:
        notes["documents_left_out"] = (
            "Documents that could not be read when the index was rebuilt answer nothing; upload or delete them."
        )
    return notes
