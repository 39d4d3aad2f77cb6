"""A look a day: what is asked and how it is answered is compared with what it was, kept, and told where it drifts.

Of several servers one looks: it holds a presence. A report lies below the folder of learning, one a look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.beside import beside
from app.drift.looks import Looks
from app.drift.probes import probe
from app.drift.proposing import proposal
from app.drift.reading import seen
from app.drift.telling import course, lasting, note_course, tell
from app.finetune.places import Places
from core.errors import Conflict, FootnoteError
from finetune.watch.records import Seen
from finetune.watch.schedule import DAY, is_due, next_look, windows

if TYPE_CHECKING:
    from app.services import Services
    from finetune.settings import WatchSettings
    from finetune.watch.costs import Prices
    from finetune.watch.report import DriftReport

log = logging.getLogger("footnote.drift")

NAME = "drift"
_LOOK_EVERY = 300.0
"""Seconds between two questions whether a look is due."""


class Drift:
    """The looks of one server."""

    def __init__(self, settings: WatchSettings, places: Places, prices: Prices) -> None:
        self._settings = settings
        self._looks = Looks(places.drift)
        self._places = places
        self._prices = prices
        self._hands = asyncio.Lock()

    async def look(self, services: Services, now: datetime | None = None) -> dict[str, Any]:
        """Looks now, keeps the report and raises its alarms. Raises `Conflict` while there is a look, `DiskFull`,
        `EmbedderUnavailable`, `StoreUnavailable`."""
        if self._hands.locked():
            raise Conflict("Somebody is looking already; ask again in a moment.")
        async with self._hands:
            from finetune.watch.report import plain

            made, sample = await self._made(services, now or datetime.now(UTC))
            probed = await self._probed(services, made.at)
            before = lasting(await self.latest())
            found = course(before, made, probed, self._settings.remind_days)
            row = {
                **made.to_json(),
                "sample": sample,
                "probe": probed,
                "lasting": plain(found.lasting),
                "over": plain(found.over),
            }
            await asyncio.to_thread(self._looks.keep, made.at, row)
            await asyncio.to_thread(note_course, found, self._places.root)
        tell(found, services.rollout.alarm)
        return row

    async def latest(self) -> dict[str, Any] | None:
        """The last report; None before the first look."""
        return await asyncio.to_thread(self._looks.latest)

    async def told(self, most: int) -> list[dict[str, Any]]:
        """What the newest looks came to, in short, the oldest first."""
        return await asyncio.to_thread(self._looks.told, most)

    async def next_at(self, services: Services) -> datetime | None:
        """When the next look is due; None before anything was answered."""
        first = await services.store.seen.first()
        if first is None:
            return None
        return next_look(first, await asyncio.to_thread(self._looks.last), self._settings.rules)

    @asynccontextmanager
    async def kept(self, services: Services) -> AsyncIterator[None]:
        """Looks by itself while the block lasts, where the settings want it."""
        if not self._settings.enabled:
            yield
            return
        async with beside(self._keep_looking(services), "watch for drift"):
            yield

    async def _keep_looking(self, services: Services) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                async with services.store.presence.held(NAME) as lost:
                    if lost is not None and await self._is_due(services):
                        await self.look(services)
            except FootnoteError as error:
                log.warning("the watch cannot look: %s", error)
            except Exception:
                log.exception("the watch cannot look")

    async def _is_due(self, services: Services) -> bool:
        first = await services.store.seen.first()
        if first is None:
            return False
        last = await asyncio.to_thread(self._looks.last)
        return is_due(datetime.now(UTC), first, last, self._settings.rules)

    async def _made(self, services: Services, now: datetime) -> tuple[DriftReport, dict[str, int]]:
        """A look, and how many of the answers of its days it looked at."""
        from finetune.watch.report import report

        rules = self._settings.rules
        first = await services.store.seen.first() or now
        between = windows(now, first, await _promoted(services), rules)
        records, answers = await self._records(services, first, now, between)
        next_run = await proposal(services)
        made = await asyncio.to_thread(report, now, records, between, rules, self._prices, next_run)
        return made, {"answers": answers, "looked_at": len(records)}

    async def _records(
        self, services: Services, first: datetime, now: datetime, between: Any
    ) -> tuple[list[Seen], int]:
        """Answers of the days that are compared, and of the last weeks for figures by day."""
        embedder = services.embedder
        assert embedder is not None
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        days = {midnight - number * DAY for number in range(self._settings.days)}
        if between is not None:
            days |= set(_days(between.reference)) | set(_days(between.current))
        found: list[Seen] = []
        answers = 0
        for day in sorted(each for each in days if each + DAY > first):
            answers += await services.store.seen.number_of_day(day)
            records = await services.store.seen.of_day(day, self._settings.answers)
            found += await seen(records, embedder, services.store.learning)
        return found, answers

    async def _probed(self, services: Services, at: datetime) -> dict[str, Any] | None:
        """What answers now, asked the anchors; None without a file of them, or a model."""
        anchors = services.settings.finetune.anchors
        if anchors is None or not self._settings.probes or services.settings.serving.generator == "extractive":
            return None
        try:
            found = await probe(services, anchors, self._settings.probes, self._looks.first_probe)
        except FootnoteError as error:
            log.warning("the anchors could not be asked: %s", error)
            return None
        return {"at": at.isoformat(), **asdict(found)}


def _days(window: Any) -> list[datetime]:
    number = (window.end - window.start) // timedelta(days=1)
    return [window.start + each * DAY for each in range(number)]


async def _promoted(services: Services) -> datetime | None:
    """When a version became everybody's champion last."""
    changes = await services.store.deployments.history(scope="*", reached="champion", limit=1)
    return changes[0].at if changes else None


def prices_of(settings: WatchSettings) -> Prices:
    """What models cost, as the settings tell."""
    from finetune.watch.costs import Price

    found = {}
    for name, price in settings.prices.items():
        model, _, adapter = name.rpartition("/")  # a model's name may have one itself, an adapter's has none
        of: tuple[str, str | None] = (model, adapter) if model and "@" in adapter else (name, None)
        found[of] = Price(per_million_in=price.prompt, per_million_out=price.completion)
    return found


__all__ = ["Drift", "prices_of"]
