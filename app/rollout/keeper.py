"""Keeps rollouts going: has engines load what is wanted, lets stages be reached, guards what is tried, and unloads.

It goes by what deployments say, each time anew, so that one which was killed at any moment goes on where it was. Two
loops, because loading may take minutes and a breach may not wait for it. Of several servers one does this: it holds a
presence.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator

from app.beside import beside
from app.rollout.alarm import Alarm
from app.rollout.counts import RolloutCounts
from app.rollout.guarding import BY_ITSELF, Noting
from app.rollout.hands import Hands
from app.rollout.traffic import READ_EVERY, Traffic
from app.store.deployments import Deployments
from app.store.presence import Presence
from core.errors import FootnoteError, NotFound, Unavailable
from finetune.rollout.stages import Deployment

log = logging.getLogger("footnote.rollout")

NAME = "rollout"
LOOK_EVERY = 1.0
"""Seconds between two looks."""
GRACE = 4 * READ_EVERY
"""Seconds after which every server has read that a version answers nobody any more."""
_AGAIN = 10.0
"""Seconds until what an engine did not do is tried again."""


class RolloutKeeper:
    """The rollouts of one database. `guard` looks at what is tried, once."""

    def __init__(
        self,
        deployments: Deployments,
        presence: Presence,
        hands: Hands,
        traffic: Traffic,
        alarm: Alarm,
        note: Noting,
        counts: RolloutCounts,
        guard: Callable[[], Awaitable[None]],
    ) -> None:
        self._deployments = deployments
        self._presence = presence
        self._hands = hands
        self._traffic = traffic
        self._alarm = alarm
        self._note = note
        self._counts = counts
        self.guard = guard
        self._later: dict[str, float] = {}
        self._wake = asyncio.Event()
        self.keeps = False

    async def keep(self) -> None:
        """Does so until it is cancelled, whenever no other server does."""
        while True:
            with contextlib.suppress(FootnoteError):
                async with self._presence.held(NAME) as lost:
                    if lost is not None:
                        self.keeps = True
                        await self._until(lost)
            self.keeps = False
            await asyncio.sleep(LOOK_EVERY)

    async def _until(self, lost: asyncio.Event) -> None:
        async with (
            beside(self._again(self.arrange, self._wake), "rollouts: engines"),
            beside(self._again(self.guard, asyncio.Event()), "rollouts: guards"),
        ):
            await lost.wait()

    def nudge(self) -> None:
        """Has it look at the engines at once."""
        self._wake.set()

    async def _again(self, look: Callable[[], Awaitable[None]], wake: asyncio.Event) -> None:
        while True:
            try:
                await look()
            except FootnoteError as error:
                log.warning("rollouts cannot be looked at: %s", error)
            except Exception:
                log.exception("rollouts cannot be looked at")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), LOOK_EVERY)
            wake.clear()

    # ---- engines ----------------------------------------------------------------------------------------------------

    async def arrange(self) -> None:
        """Has the engines serve what they should and no more, and lets stages be reached whose version they have."""
        live = await self._deployments.live()
        if not live:
            return
        try:
            loaded = await self._hands.loaded()
        except Unavailable as error:
            for each in live:
                if each.needs_engines and each.problem != error.message:
                    await self._deployments.problem(each.id, error.message)
            raise
        for each in live:
            if each.needs_engines and not self._waits(each):
                with _told(each):
                    await self._reached(each, each.version in loaded)
        needed = {each.version for each in live if each.needs_engines}
        for each in live:
            if each.leaving and not each.needs_engines and not self._waits(each):
                with _told(each):
                    await self._left(each, each.version in needed)

    async def _reached(self, each: Deployment, loaded: bool) -> None:
        if not loaded:
            try:
                await self._hands.load(each.version)
            except Unavailable as error:
                self._counts.loads["put_off"] += 1
                self._put_off(each)
                await self._deployments.problem(each.id, error.message)
                return
            except FootnoteError as error:  # of the version: it will not be otherwise the next time
                self._counts.loads["refused"] += 1
                self._put_off(each)
                await self._hopeless(each, error)
                return
            self._counts.loads["loaded"] += 1
            self._note(BY_ITSELF, "loaded", version=each.version)
        if each.wanted is not None:
            reached = await self._deployments.reach(each.id, each.by, each.why, {})
            await self._traffic.read()
            self._note(each.by, f"now {reached.stage}", version=each.version, why=each.why)
        elif each.problem:
            await self._deployments.problem(each.id, None)

    async def _hopeless(self, each: Deployment, error: FootnoteError) -> None:
        if each.wanted is not None:
            await self._deployments.unwant(each.id, error.message)
        else:
            await self._deployments.problem(each.id, error.message)
        if error.message != each.problem:  # it is tried again and again, and said once
            self._alarm.raise_("cannot_be_loaded", each, error.message)

    async def _left(self, each: Deployment, needed: bool) -> None:
        if needed or self._hands.stays(each.version) or not await self._hands.anywhere(each.version):
            await self._deployments.left(each.id)
            return
        if time.time() - each.changed_at.timestamp() < GRACE:
            return
        try:
            await self._hands.unload(each.version)
        except NotFound:
            pass
        except Unavailable as error:
            self._put_off(each)
            await self._deployments.problem(each.id, error.message)
            return
        await self._deployments.left(each.id)
        self._counts.loads["unloaded"] += 1
        self._note(BY_ITSELF, "unloaded", version=each.version)

    def _waits(self, each: Deployment) -> bool:
        return time.monotonic() < self._later.get(each.id, 0.0)

    def _put_off(self, each: Deployment) -> None:
        self._later[each.id] = time.monotonic() + _AGAIN


@contextlib.contextmanager
def _told(each: Deployment) -> Iterator[None]:
    """What cannot be done with one hides no other."""
    try:
        yield
    except FootnoteError as error:
        log.warning("%s (%s, %s): %s", each.version, each.scope, each.stage, error)
    except Exception:
        log.exception("%s (%s, %s)", each.version, each.scope, each.stage)


__all__ = ["GRACE", "LOOK_EVERY", "NAME", "RolloutKeeper"]
