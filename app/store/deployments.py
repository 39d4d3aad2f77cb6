"""Deployments: which version is at which stage in which scope, and how it came there.

A stage changes in one transaction with everything that belongs to it, so that whoever is killed leaves one stage or
the next. Two who change something in the same scope at once are one after the other, and the second is told what it
finds: rows alone would not do, because what is checked is that there is none of some kind.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import case, func, insert, null, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec
from app.store.deployment_tables import deployment_changes, deployments
from app.store.observing import Observing
from core.errors import Conflict, NotFound
from finetune.rollout.stages import ON_TRIAL, SERVED, Change, Deployment, Stage, check_move

_KIND = 46_072  # the first half of an advisory lock's key; presences have another
_TURN = text("SELECT pg_advisory_xact_lock(:kind, :key)")


class Deployments(Observing):
    """All deployments of a database. Each method raises `StoreUnavailable` where it does not answer."""

    # ---- reading ----------------------------------------------------------------------------------------------------

    async def get(self, deployment_id: str) -> Deployment:
        """One by its id. Raises `NotFound`."""
        async with self._database.read() as connection:
            return await _one(connection, deployment_id)

    async def newest(self, *, scope: str | None = None, limit: int = 100) -> list[Deployment]:
        """The newest by their last change."""
        statement = select(deployments).order_by(deployments.c.changed_at.desc(), deployments.c.id).limit(limit)
        if scope is not None:
            statement = statement.where(deployments.c.scope == scope)
        async with self._database.read() as connection:
            return [_deployment(row) for row in (await connection.execute(statement)).all()]

    async def live(self) -> list[Deployment]:
        """Those that are served, wanted or still leaving, the oldest first."""
        wanted = or_(
            deployments.c.stage.in_(SERVED), deployments.c.wanted.is_not(None), deployments.c.leaving.is_(True)
        )
        statement = select(deployments).where(wanted).order_by(deployments.c.created_at, deployments.c.id)
        async with self._database.read() as connection:
            return [_deployment(row) for row in (await connection.execute(statement)).all()]

    async def former(self, scope: str) -> list[Deployment]:
        """Those that were champion of a scope and are no more, the last one first."""
        became = (
            select(deployment_changes.c.deployment_id, func.max(deployment_changes.c.number).label("number"))
            .where(deployment_changes.c.after == "champion")
            .group_by(deployment_changes.c.deployment_id)
            .subquery()
        )
        statement = (
            select(deployments)
            .join(became, became.c.deployment_id == deployments.c.id)
            .where(deployments.c.scope == scope, deployments.c.stage != "champion")
            .order_by(became.c.number.desc())
        )
        async with self._database.read() as connection:
            return [_deployment(row) for row in (await connection.execute(statement)).all()]

    async def begun_by(self, deployment_id: str) -> frozenset[str]:
        """Whoever began it, once or again."""
        async with self._database.read() as connection:
            return await _begun_by(connection, deployment_id)

    async def history(
        self,
        *,
        scope: str | None = None,
        deployment_id: str | None = None,
        reached: Stage | None = None,
        limit: int = 100,
    ) -> list[Change]:
        """Who moved what, the newest first; with `reached` the moves to that stage from another."""
        joined = deployment_changes.join(deployments, deployments.c.id == deployment_changes.c.deployment_id)
        statement = (
            select(*deployment_changes.c, deployments.c.scope, deployments.c.version)
            .select_from(joined)
            .order_by(deployment_changes.c.number.desc())
            .limit(limit)
        )
        if scope is not None:
            statement = statement.where(deployments.c.scope == scope)
        if deployment_id is not None:
            statement = statement.where(deployment_changes.c.deployment_id == deployment_id)
        if reached is not None:
            before, after = deployment_changes.c.before, deployment_changes.c.after
            statement = statement.where(after == reached, before.is_distinct_from(reached))
        async with self._database.read() as connection:
            return [_change(row) for row in (await connection.execute(statement)).all()]

    # ---- moving -----------------------------------------------------------------------------------------------------

    async def create(
        self, scope: str, version: str, by: str, *, share: float, rules: Mapping[str, Any], gate: str | None = None
    ) -> Deployment:
        """A candidate of a scope; one that is a candidate there already is the same, with what is said now."""
        said: dict[str, Any] = {"share": share, "rules": codec.dump(dict(rules)), "gate": gate, "by": by}
        said["changed_at"] = codec.now()
        same = (
            (deployments.c.scope == scope) & (deployments.c.version == version) & (deployments.c.stage == "candidate")
        )
        async with self._database.write() as connection:
            await _turn(connection, scope)
            found = (await connection.execute(select(deployments.c.id).where(same))).scalar()
            if found is not None:
                await connection.execute(update(deployments).where(deployments.c.id == found).values(**said))
                if by not in await _begun_by(connection, found):
                    await _note(connection, found, by, "candidate", "candidate", "begun again", {})
                return await _one(connection, found)
            row = {
                "id": codec.new_id(), "scope": scope, "version": version, "stage": "candidate", "leaving": False,
                "why": "", "created_at": said["changed_at"], **said,
            }  # fmt: skip
            await connection.execute(insert(deployments).values(row))
            await _note(connection, row["id"], by, None, "candidate", "", {})
            return await _one(connection, row["id"])

    async def want(
        self, deployment_id: str, stage: Stage, by: str, why: str, *, standing: Stage | None = None
    ) -> Deployment:
        """Says where it is to go; with `standing` only if it still is at that stage and wanted nowhere. Raises
        `NotFound`, and `Conflict` where that cannot follow or another is in the way in its scope; nothing is in the way
        of going out of service."""
        async with self._database.write() as connection:
            found = await _held(connection, deployment_id)
            if standing is not None and (found.stage != standing or found.wanted is not None):
                raise Conflict(f"{found.version} is at {found.wanted or found.stage} meanwhile.")
            check_move(found.stage, stage)
            if found.stage not in ("candidate", *SERVED) and not await _was_champion(connection, found.id):
                raise Conflict(
                    f"{found.version} was taken out of service before it was a champion: begin it again, as a trial."
                )
            if stage in SERVED:
                await _check_free(connection, found)
            values = {"wanted": stage, "by": by, "why": why, "problem": None, "leaving": False}
            return await _changed(connection, deployment_id, values)

    async def unwant(self, deployment_id: str, problem: str | None) -> Deployment:
        """Leaves it where it is, and says what was in the way. Raises `NotFound`."""
        async with self._database.write() as connection:
            found = await _held(connection, deployment_id)
            leaving = found.leaving or (found.wanted in SERVED and found.stage not in SERVED)
            return await _changed(connection, deployment_id, {"wanted": None, "problem": problem, "leaving": leaving})

    async def reach(self, deployment_id: str, by: str, why: str, figures: Mapping[str, Any]) -> Deployment:
        """Has it be where it is wanted; the champion before it is retired in the same moment. Raises `Conflict` where
        it is wanted nowhere any more, `NotFound`."""
        async with self._database.write() as connection:
            found = await _held(connection, deployment_id)
            if found.wanted is None:
                raise Conflict(f"{found.version} is wanted nowhere any more.")
            if found.wanted == "champion":
                await _retire_champion(connection, found, by)
            leaving = found.wanted not in SERVED
            values = {"stage": found.wanted, "wanted": None, "problem": None, "leaving": leaving}
            await _note(connection, deployment_id, by, found.stage, found.wanted, why, figures)
            return await _changed(connection, deployment_id, values)

    async def roll_back(
        self, deployment_id: str, by: str, why: str, figures: Mapping[str, Any], *, restore: str | None = None
    ) -> Deployment:
        """Takes it out of service, and has a former champion answer in the same moment (`restore`, a deployment's id),
        which whoever calls this has had loaded. Without one the scope has no champion: what the settings name answers.

        One that is only wanted stays at its stage, wanted no more. Raises `NotFound`, and `Conflict` where it is not in
        service, or `restore` never was champion of its scope.
        """
        async with self._database.write() as connection:
            found = await _held(connection, deployment_id)
            if found.stage not in SERVED:
                if found.wanted is None:
                    raise Conflict(f"{found.version} is not in service: it is {found.stage}.")
                return await _changed(connection, deployment_id, {"wanted": None, "leaving": True, "problem": None})
            values = {"stage": "rolled_back", "wanted": None, "leaving": True, "why": why, "problem": None}
            ended = await _changed(connection, deployment_id, values)
            await _note(connection, deployment_id, by, found.stage, "rolled_back", why, figures)
            if restore is not None:
                await _restore(connection, restore, found, by)
            return ended

    async def set_share(self, deployment_id: str, share: float, by: str) -> Deployment:
        """Changes whom a canary answers, or will. Raises `NotFound`, `Conflict` for what is no trial."""
        async with self._database.write() as connection:
            found = await _held(connection, deployment_id)
            if found.stage not in ("candidate", *ON_TRIAL):
                raise Conflict(f"{found.version} is {found.stage}: it has no share of people.")
            await _note(
                connection, deployment_id, by, found.stage, found.stage, f"share {found.share:g} to {share:g}", {}
            )
            return await _changed(connection, deployment_id, {"share": share})

    async def left(self, deployment_id: str) -> None:
        """Says that no engine has to unload it any more. Why a candidate went no further stays."""
        kept = case((deployments.c.stage == "candidate", deployments.c.problem), else_=null())
        await self._set(deployment_id, leaving=False, problem=kept)

    async def problem(self, deployment_id: str, problem: str | None) -> None:
        """Says what is in its way, or that nothing is."""
        await self._set(deployment_id, problem=problem)

    async def _set(self, deployment_id: str, **values: Any) -> None:
        async with self._database.write() as connection:
            await connection.execute(update(deployments).where(deployments.c.id == deployment_id).values(**values))


async def _one(connection: AsyncConnection, deployment_id: str) -> Deployment:
    row = (await connection.execute(select(deployments).where(deployments.c.id == deployment_id))).first()
    if row is None:
        raise NotFound(f"There is no deployment {deployment_id[:80]}; GET /v1/deployments lists them.")
    return _deployment(row)


async def _held(connection: AsyncConnection, deployment_id: str) -> Deployment:
    """One in whose scope nobody else changes a stage until this transaction has ended."""
    await _turn(connection, (await _one(connection, deployment_id)).scope)  # a scope stays what it is
    return await _one(connection, deployment_id)


async def _turn(connection: AsyncConnection, scope: str) -> None:
    """Waits until nobody else changes this scope. On SQLite the transaction itself has waited for that."""
    if connection.dialect.name == "postgresql":
        key = zlib.crc32(scope.encode()) - 2**31  # into the range of PostgreSQL's integers
        await connection.execute(_TURN, {"kind": _KIND, "key": key})


async def _changed(connection: AsyncConnection, deployment_id: str, values: Mapping[str, Any]) -> Deployment:
    try:
        await connection.execute(
            update(deployments).where(deployments.c.id == deployment_id).values(**{**values, "changed_at": codec.now()})
        )
    except IntegrityError:
        raise Conflict(
            "Another version is at this stage in this scope already. Look at the list, and try again."
        ) from None
    return await _one(connection, deployment_id)


async def _check_free(connection: AsyncConnection, found: Deployment) -> None:
    """Raises `Conflict` where another version of the scope is on trial or on its way."""
    statement = select(deployments).where(
        deployments.c.scope == found.scope,
        deployments.c.id != found.id,
        or_(deployments.c.stage.in_(ON_TRIAL), deployments.c.wanted.is_not(None)),
    )
    row = (await connection.execute(statement)).first()
    if row is not None:
        other = _deployment(row)
        raise Conflict(
            f"{other.version} is {other.wanted or other.stage} in the scope {other.scope}. End that first: "
            "one version is tried at a time."
        )


async def _retire_champion(connection: AsyncConnection, successor: Deployment, by: str) -> None:
    statement = select(deployments.c.id).where(
        deployments.c.scope == successor.scope, deployments.c.stage == "champion", deployments.c.id != successor.id
    )
    for row in (await connection.execute(statement)).all():
        why = f"{successor.version} took its place"
        await _changed(connection, row.id, {"stage": "retired", "leaving": True, "why": why})
        await _note(connection, row.id, by, "champion", "retired", why, {})


async def _begun_by(connection: AsyncConnection, deployment_id: str) -> frozenset[str]:
    statement = select(deployment_changes.c.by).where(
        deployment_changes.c.deployment_id == deployment_id, deployment_changes.c.after == "candidate"
    )
    return frozenset((await connection.execute(statement)).scalars())


async def _was_champion(connection: AsyncConnection, deployment_id: str) -> bool:
    was = select(deployment_changes.c.number).where(
        deployment_changes.c.deployment_id == deployment_id, deployment_changes.c.after == "champion"
    )
    return (await connection.execute(was.limit(1))).first() is not None


async def _restore(connection: AsyncConnection, former_id: str, instead_of: Deployment, by: str) -> None:
    """Has a former champion answer again. It shares its scope, and so its turn, with what it comes in place of."""
    former = await _one(connection, former_id)
    if instead_of.stage != "champion":
        raise Conflict(f"{instead_of.version} is no champion but in {instead_of.stage}: nothing takes its place.")
    if not await _was_champion(connection, former_id) or former.scope != instead_of.scope or former.id == instead_of.id:
        raise Conflict(
            f"{former.version} never was the champion of {instead_of.scope} before {instead_of.version}; the history "
            "lists those that were."
        )
    check_move(former.stage, "champion")
    why = f"back in place of {instead_of.version}"
    await _changed(connection, former_id, {"stage": "champion", "wanted": None, "leaving": False, "why": why})
    await _note(connection, former_id, by, former.stage, "champion", why, {})


async def _note(
    connection: AsyncConnection,
    deployment_id: str,
    by: str,
    before: Stage | None,
    after: Stage,
    why: str,
    figures: Mapping[str, Any],
) -> None:
    row = {
        "deployment_id": deployment_id, "at": codec.now(), "by": by, "before": before, "after": after, "why": why,
        "figures": codec.dump(dict(figures)),
    }  # fmt: skip
    await connection.execute(insert(deployment_changes).values(row))


def _deployment(row: Any) -> Deployment:
    return Deployment(**{**row._mapping, "rules": json.loads(row.rules)})


def _change(row: Any) -> Change:
    values = {name: value for name, value in row._mapping.items() if name != "number"}
    return Change(**{**values, "figures": json.loads(row.figures)})


__all__ = ["Deployments"]
