"""Retires versions of what was trained by a rule: after each publication, once a day, and when a person asks.

What is in use stays, whatever the rule says: what answers or is loaded, what the settings, an agent, a run or another
version's card names, what is in service or was before, and what a person pinned. Where an engine does not say what it
serves, no adapter goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence

from app.adapters import Adapters
from app.finetune.audit import note
from app.finetune.places import Places
from app.settings import Settings
from core.errors import FootnoteError, NotFound
from finetune.ports import Versions
from finetune.registry import DAY, Version
from finetune.retention import Decision, decide, named_in

log = logging.getLogger("footnote.training")

_FIRST = 600.0
"""Seconds until the first look of a server that has just started."""
_BY_ITSELF = "the rule"


class Retention:
    """The rule over one registry. `asked_for` are adapters that agents are declared with; `mine` says whether this
    server is the one that keeps the registry; `deployed` tells what is in service, or was and may be again."""

    def __init__(
        self,
        settings: Settings,
        registry: Versions,
        places: Places,
        adapters: Adapters,
        asked_for: Collection[str] = (),
        mine: Callable[[], bool] = lambda: True,
    ) -> None:
        self.rule = settings.finetune.registry
        self._settings = settings
        self._registry = registry
        self._places = places
        self._adapters = adapters
        self._asked_for = asked_for
        self._mine = mine
        self.deployed: Callable[[], Awaitable[Collection[str]]] = _none
        self._hands = asyncio.Lock()
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    async def plan(self) -> list[Decision]:
        """What would go and what would stay now, and why. Raises `StoreUnavailable` where the registry does not
        answer."""
        listings = await self._adapters.listings()
        loaded = {name for listing in listings for name in listing.adapters}
        unsure = [listing.problem for listing in listings if listing.problem]
        return await asyncio.to_thread(self._decide, loaded, await self.deployed(), bool(unsure))

    async def retire(self, who: str) -> list[Decision]:
        """Removes what goes; tells of each version that was there. Raises `StoreUnavailable`."""
        async with self._hands:
            decisions = await self.plan()
            await asyncio.to_thread(self._remove, [each for each in decisions if each.goes], who)
            return decisions

    def start(self) -> None:
        """Begins to look; returns at once. For one event loop."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._keep(), name="retire versions")

    def nudge(self) -> None:
        """Has it look at once. From any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake.set)

    async def close(self) -> None:
        """Stops looking."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep(self) -> None:
        pause = _FIRST
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)
            self._wake.clear()
            pause = DAY
            if not self._mine():
                continue
            try:
                await self.retire(_BY_ITSELF)
            except FootnoteError as error:
                log.warning("versions cannot be looked over: %s", error)
            except Exception:
                log.exception("versions cannot be looked over")

    def _decide(self, loaded: Collection[str], deployed: Collection[str], unsure: bool) -> list[Decision]:
        versions = self._registry.versions()
        in_use = {
            each.name: "an engine does not say what it serves" for each in versions if unsure and each.kind == "adapter"
        }
        for names, why in self._uses(versions):
            in_use |= dict.fromkeys(names, why)
        in_use |= dict.fromkeys(self._asked_for, "an agent answers with it")
        in_use |= {name: f"{who} pinned it" for name, who in self._registry.pins().items()}
        in_use |= dict.fromkeys(loaded, "it is loaded")
        in_use |= dict.fromkeys(deployed, "it is in service, or one step back from it")
        if self._adapters.default:
            in_use[self._adapters.default] = "it answers by default"
        return decide(versions, self.rule, in_use)

    def _uses(self, versions: Sequence[Version]) -> Iterator[tuple[set[str], str]]:
        """Names that something names, and what does."""
        for version in versions:
            with contextlib.suppress(OSError, ValueError):  # its card cannot be read
                card = version.card()
                named = json.dumps([card.get("base"), card.get("settings"), card.get("rewards")], default=str)
                yield named_in(named) - {version.name}, f"{version.name} was made with it"
        for path in self._places.runs.glob("*/recipe.yaml"):
            with contextlib.suppress(OSError):
                yield named_in(path.read_text("utf-8", "replace")), f"{path.parent.name} names it"
        yield named_in(self._settings.model_dump_json()), "the settings name it"

    def _remove(self, going: Sequence[Decision], who: str) -> None:
        for each in going:
            try:
                self._registry.remove(each.name)
            except NotFound:  # somebody was quicker
                continue
            note(self._places.root, who, "retired", version=each.name, why=each.why)
        self._registry.sweep()


async def _none() -> Collection[str]:
    return ()


__all__ = ["Retention"]
