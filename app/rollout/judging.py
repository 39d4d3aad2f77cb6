"""What the guards say of each trial now: what is new since the last look is read, and looked at once.

Numbers are given before rows can be read, so that of several servers one may write a smaller number a moment after a
larger one: what was read a minute ago and before is settled, and only what came since is read again, to find such rows.
After a restart all is read from the beginning, by the page; with it the order of few rows may be another one.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from finetune.rollout.guards import GuardRules, Guards, Judgement
from finetune.rollout.stages import Deployment, Observation, Thumb

_PAGE = 5_000
_SLICE = 50
"""Observations that are looked at before other work has its turn."""
_SETTLED = 60.0
"""Seconds after which no smaller number is written any more."""
_OVERLAP = timedelta(minutes=5)
"""Words of people are read again so far back: servers' clocks differ."""
_KEPT = 64
"""Trials that are remembered at a time."""


class Observed(Protocol):
    """Where observations are kept: `app.store.observing.Observing`."""

    async def observations(self, deployment_id: str, after: int = 0, limit: int = 100_000) -> Sequence[Observation]:
        """Those of a trial with a larger number, by their numbers."""
        ...

    async def thumbs(self, deployment_id: str, since: datetime | None = None) -> Sequence[Thumb]:
        """People's first words of it, from a time on."""
        ...


@dataclass(kw_only=True)
class _Watched:
    """A trial as far as it was read: all up to `settled`, and the `recent` numbers with when each was first seen."""

    rules: str
    guards: Guards
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    settled: int = 0
    recent: dict[int, float] = field(default_factory=dict)
    heard: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A judgement, and when that was kept by which a guard could first tell of a breach."""

    judgement: Judgement
    breached_at: datetime | None


class Judges:
    """The guards of one server's view of all trials. For one event loop."""

    def __init__(self, observed: Observed, clock: Callable[[], float] = time.monotonic) -> None:
        self._observed = observed
        self._clock = clock
        self._watched: OrderedDict[str, _Watched] = OrderedDict()
        self.latest: dict[str, Judgement] = {}
        """What was said last of each trial that is remembered, by its id."""

    async def judged(self, trial: Deployment) -> Judged:
        """What the guards say of a trial by all that was observed. Raises `StoreUnavailable`."""
        watched = self._of(trial)
        async with watched.lock:
            await self._observe(trial.id, watched)
            await self._hear(trial.id, watched)
            judgement = watched.guards.judgement(trial.stage)
            self.latest[trial.id] = judgement
            return Judged(judgement=judgement, breached_at=watched.guards.breached_at)

    def _of(self, trial: Deployment) -> _Watched:
        rules = json.dumps(dict(trial.rules), sort_keys=True)
        found = self._watched.get(trial.id)
        if found is None or found.rules != rules:
            found = _Watched(rules=rules, guards=Guards(GuardRules.model_validate(dict(trial.rules))))
            self._watched[trial.id] = found
        self._watched.move_to_end(trial.id)
        while len(self._watched) > _KEPT:
            gone, _ = self._watched.popitem(last=False)
            self.latest.pop(gone, None)
        return found

    async def _observe(self, trial_id: str, watched: _Watched) -> None:
        after = watched.settled
        while page := await self._observed.observations(trial_id, after, _PAGE):
            new = [each for each in page if each.number not in watched.recent]
            for number, each in enumerate(new, start=1):
                # Without a pause between the two: whoever is cancelled has looked at it, or will.
                watched.guards.observe(each)
                watched.recent[each.number] = self._clock()
                if number % _SLICE == 0:
                    await asyncio.sleep(0)
            after = page[-1].number
            if len(page) < _PAGE:
                break
        old = self._clock() - _SETTLED
        watched.settled = max((each for each, at in watched.recent.items() if at < old), default=watched.settled)
        watched.recent = {each: at for each, at in watched.recent.items() if each > watched.settled}

    async def _hear(self, trial_id: str, watched: _Watched) -> None:
        since = None if watched.heard is None else watched.heard - _OVERLAP
        for each in await self._observed.thumbs(trial_id, since):
            watched.guards.hear(each)
            if each.at is not None and (watched.heard is None or each.at > watched.heard):
                watched.heard = each.at


__all__ = ["Judged", "Judges", "Observed"]
