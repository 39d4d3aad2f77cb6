"""Who is answered with which version, as deployments say.

Every server reads them anew twice a second, and at once after what it changed itself. Where the database does not
answer, what was read last holds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.errors import FootnoteError
from core.types import EVERYONE, Principal
from finetune.rollout.assign import in_share
from finetune.rollout.stages import EVERYWHERE, ON_TRIAL, Arm, Deployment

log = logging.getLogger("footnote.rollout")

READ_EVERY = 0.5
"""Seconds between two readings: so old may be what a server goes by."""


class Living(Protocol):
    """Where deployments are kept: `app.store.deployments.Deployments`."""

    async def live(self) -> Sequence[Deployment]:
        """Those that are served, wanted or still leaving."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Who answers a question. `adapter` is asked for by name, None being the settings' default; during a trial `arm` is
    whose answer is shown and `other` who could be asked beside."""

    adapter: str | None = None
    trial: Deployment | None = None
    arm: Arm = "champion"
    other: str | None = None


class Traffic:
    """The deployments as they were last read. For one event loop."""

    def __init__(self, store: Living) -> None:
        self._store = store
        self._champions: dict[str, Deployment] = {}
        self._trials: dict[str, Deployment] = {}
        self.live: Sequence[Deployment] = ()
        """Those that are served, wanted or still leaving."""

    async def read(self) -> None:
        """Reads them now. Raises `StoreUnavailable`."""
        self.live = live = await self._store.live()
        self._champions = {each.scope: each for each in live if each.stage == "champion"}
        self._trials = {each.scope: each for each in live if each.stage in ON_TRIAL}

    async def keep_reading(self) -> None:
        """Reads them again and again, until it is cancelled."""
        while True:
            try:
                await self.read()
            except FootnoteError as error:
                log.debug("deployments cannot be read: %s", error)
            except Exception:
                log.exception("deployments cannot be read")
            await asyncio.sleep(READ_EVERY)

    def champion(self, principal: Principal, collections: Sequence[str] = ()) -> str | None:
        """The version that answers somebody where nothing is tried; None is the settings' default."""
        return self._first(scopes(principal, collections))

    def choose(self, principal: Principal, collections: Sequence[str] = ()) -> Choice:
        """Who answers somebody now: the narrowest scope that has anything decides."""
        around = scopes(principal, collections)
        for number, scope in enumerate(around):
            champion = self._first(around[number:])
            trial = self._trials.get(scope)
            if trial is not None:
                return _during(trial, champion, principal)
            if scope in self._champions:
                return Choice(adapter=champion)
        return Choice()

    def _first(self, around: Iterable[str]) -> str | None:
        return next((self._champions[scope].version for scope in around if scope in self._champions), None)


def scopes(principal: Principal, collections: Sequence[str] = ()) -> tuple[str, ...]:
    """The scopes that a question lies in, the narrowest first: the one collection that is asked, then groups by name,
    then everything."""
    named = [f"collection:{name}" for name in collections] if len(collections) == 1 else []
    groups = sorted(f"group:{name}" for name in principal.groups if name != EVERYONE)
    return (*named, *groups, EVERYWHERE)


def _during(trial: Deployment, champion: str | None, principal: Principal) -> Choice:
    if trial.stage == "canary" and in_share(trial.id, principal.id, trial.share):
        return Choice(adapter=trial.version, trial=trial, arm="candidate", other=champion)
    return Choice(adapter=champion, trial=trial, arm="champion", other=trial.version)


__all__ = ["READ_EVERY", "Choice", "Living", "Traffic", "scopes"]
