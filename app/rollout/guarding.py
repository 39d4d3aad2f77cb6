"""Guards what is tried: a breach ends a trial at once, what is ready may go on by itself, and what waiting will not
make ready is said to need a person."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from app.rollout.alarm import Alarm
from app.rollout.counts import RolloutCounts
from app.rollout.judging import Judged, Judges
from app.rollout.traffic import Traffic
from app.store.deployments import Deployments
from core.errors import Conflict, FootnoteError
from finetune.rollout.guards import Judgement
from finetune.rollout.stages import ON_TRIAL, Deployment, Stage

log = logging.getLogger("footnote.rollout")

BY_ITSELF = "the guards"


class Noting(Protocol):
    """Adds a row to the audit."""

    def __call__(self, who: str, did: str, *, version: str, why: str = "") -> None: ...


@dataclass(frozen=True, kw_only=True)
class Guarding:
    """The guards' hands on one server. `next_stage` says where a trial that is ready goes by itself, if anywhere."""

    deployments: Deployments
    judges: Judges
    traffic: Traffic
    alarm: Alarm
    note: Noting
    counts: RolloutCounts
    next_stage: Callable[[Deployment], Stage | None] = lambda _: None
    _told: set[tuple[str, Stage]] = field(default_factory=set)

    async def look(self) -> None:
        """Judges every trial once. Raises `StoreUnavailable`; what is wrong with one trial hides no other."""
        for trial in await self.deployments.live():
            if trial.stage not in ON_TRIAL:
                continue
            try:
                await self._judge(trial)
            except FootnoteError as error:
                log.warning("%s (%s, %s) cannot be judged: %s", trial.version, trial.scope, trial.stage, error)
            except Exception:
                log.exception("%s (%s, %s) cannot be judged", trial.version, trial.scope, trial.stage)

    async def _judge(self, trial: Deployment) -> None:
        found = await self.judges.judged(trial)
        judgement = found.judgement
        if judgement.breached:
            await self._breach(trial, found)
        elif trial.wanted is None and (stage := self.next_stage(trial)):
            if judgement.ready:
                with contextlib.suppress(Conflict):  # a person was quicker
                    await self.deployments.want(trial.id, stage, BY_ITSELF, judgement.said, standing=trial.stage)
            elif judgement.needs_person and (trial.id, trial.stage) not in self._told:
                self._told.add((trial.id, trial.stage))
                self.alarm.raise_("needs_a_person", trial, judgement.said)

    async def _breach(self, trial: Deployment, found: Judged) -> None:
        said = found.judgement.said
        with contextlib.suppress(Conflict):  # a person was quicker
            await self.deployments.roll_back(trial.id, BY_ITSELF, said, _figures(found.judgement))
            await self.traffic.read()
            self.note(BY_ITSELF, "rolled back", version=trial.version, why=said)
            self.alarm.raise_("rolled_back", trial, said)
            self.counts.rolled_back(found.judgement.breached, _since(found.breached_at))


def _figures(judgement: Judgement) -> dict[str, Any]:
    guards = [{**asdict(each), "breached": each.breached} for each in judgement.guards]
    return {**asdict(judgement), "guards": guards, "breached": judgement.breached}


def _since(at: datetime | None) -> float | None:
    """Seconds; clocks of servers differ, and none is before the other."""
    return None if at is None else max(0.0, (datetime.now(UTC) - at).total_seconds())


__all__ = ["BY_ITSELF", "Guarding", "Noting"]
