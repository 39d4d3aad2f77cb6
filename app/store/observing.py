"""What was observed of trials, and what people said of the answers that they were shown."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from app.store import codec
from app.store.database import Database, insert_new
from app.store.deployment_tables import deployments, rollout_observations
from app.store.tables import feedback
from finetune.rollout.stages import ON_TRIAL, Arm, Figures, Observation, Thumb


class Observing:
    """The observations of a database's trials. Each method raises `StoreUnavailable` where it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def observe(
        self, deployment_id: str, answer_id: str, principal_id: str, arm: Arm, shown: bool, figures: Figures
    ) -> None:
        """Keeps what was measured of one answer; of the same arm's answer to the same question, what came first."""
        row = {
            "deployment_id": deployment_id, "answer_id": answer_id, "principal_id": principal_id, "arm": arm,
            "shown": shown, "figures": codec.dump(asdict(figures)), "at": codec.now(),
        }  # fmt: skip
        async with self._database.write() as connection:
            await connection.execute(insert_new(connection, rollout_observations).values(row))

    async def observations(self, deployment_id: str, after: int = 0, limit: int = 100_000) -> list[Observation]:
        """What was observed of a trial, by its number, from the one after `after` on. Of several servers one may write
        a smaller number a moment after a larger one."""
        statement = (
            select(rollout_observations)
            .where(rollout_observations.c.deployment_id == deployment_id, rollout_observations.c.number > after)
            .order_by(rollout_observations.c.number)
            .limit(limit)
        )
        async with self._database.read() as connection:
            found = (await connection.execute(statement)).all()
        return await asyncio.to_thread(lambda: [_observation(row) for row in found])

    async def thumbs(self, deployment_id: str, since: datetime | None = None) -> list[Thumb]:
        """The first word of each person on an answer of the trial that was shown, in the order of time; with `since`
        the first of those that were said or changed from then on."""
        shown = rollout_observations
        statement = (
            select(shown.c.principal_id, shown.c.arm, shown.c.figures, feedback.c.rating, feedback.c.updated_at)
            .join_from(shown, feedback, feedback.c.answer_id == shown.c.answer_id)
            .where(
                shown.c.deployment_id == deployment_id,
                shown.c.shown.is_(True),
                feedback.c.principal_id == shown.c.principal_id,
            )
            .order_by(feedback.c.created_at, feedback.c.id)
        )
        if since is not None:
            statement = statement.where(feedback.c.updated_at >= since)
        found: dict[str, Thumb] = {}
        async with self._database.read() as connection:
            for person, arm, figures, rating, at in (await connection.execute(statement)).all():
                if json.loads(figures)["failed"] is None:  # else another one answered in its place
                    found.setdefault(person, Thumb(principal_id=person, arm=arm, good=rating == "up", at=at))
        return list(found.values())

    async def forget(self, before: datetime) -> int:
        """Drops what was observed of trials that ended before a time; how many rows."""
        ended = select(deployments.c.id).where(deployments.c.stage.not_in(ON_TRIAL), deployments.c.changed_at < before)
        old = rollout_observations.c.deployment_id.in_(ended)
        async with self._database.write() as connection:
            return (await connection.execute(delete(rollout_observations).where(old))).rowcount


def _observation(row: Any) -> Observation:
    values = dict(row._mapping)
    return Observation(**{**values, "figures": Figures(**json.loads(row.figures))})


__all__ = ["Observing"]
