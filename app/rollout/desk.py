"""What people may do with deployments: try a version, answer with it, take it back, and bring back a former one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.rollout.alarm import Alarm
from app.rollout.counts import BY_HAND, RolloutCounts
from app.rollout.guarding import Noting
from app.rollout.hands import Hands
from app.rollout.traffic import Traffic
from app.store.deployments import Deployments
from core.errors import Conflict, InvalidInput, Unavailable
from finetune.ports import Versions
from finetune.rollout.stages import EVERYWHERE, ON_TRIAL, Deployment, Stage
from finetune.settings import RolloutSettings

_SCOPE = re.compile(r"\*|(?:collection|group):[^\s:][^\n]{0,200}")
_PATIENCE = 180.0
"""Seconds that a former version gets to be loaded before traffic goes back to it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A version that is to go to a stage in a scope. `gate` is the report that it passed; without one `ungated` says
    why it may go without."""

    version: str
    scope: str = EVERYWHERE
    stage: Stage = "shadow"
    share: float | None = None
    gate: str | None = None
    ungated: str | None = None
    why: str = ""


_ANOTHER = "The settings want another person's word for a champion (FOOTNOTE_FINETUNE__ROLLOUT__APPROVAL)"


@dataclass(frozen=True, kw_only=True)
class RolloutDesk:
    """The hands of administrators on one server. `passed` raises `Conflict` where a gate's report does not let a
    version through in the place of a champion, `collection` raises `NotFound` where there is none of a name."""

    settings: RolloutSettings
    deployments: Deployments
    registry: Versions
    hands: Hands
    traffic: Traffic
    alarm: Alarm
    note: Noting
    passed: Callable[[str, str, str], Awaitable[None]]
    collection: Callable[[str], Awaitable[object]]
    counts: RolloutCounts
    nudge: Callable[[], None] = lambda: None

    async def begin(self, asked: Asked, who: str) -> Deployment:
        """Brings a version into a scope: it goes to its stage as soon as every engine has it.

        Raises `InvalidInput` for a scope that cannot be, `NotFound` for a version or collection that is not there,
        `Conflict` where another is on trial there, the gate has not let it through, or it cannot be served.
        """
        await self._check_scope(asked.scope)
        await self._check_version(asked.version)
        await self._check_gate(asked)
        if asked.stage not in (*ON_TRIAL, "champion"):
            raise InvalidInput("A version begins in shadow, in a canary, or as the champion.")
        if asked.stage == "champion" and self.settings.approval == "another":
            raise Conflict(f"{_ANOTHER}: begin with a shadow or a canary, which somebody else makes the champion.")
        share = self.settings.share if asked.share is None else asked.share
        rules = self.settings.guards.model_dump(mode="json")
        made = await self.deployments.create(asked.scope, asked.version, who, share=share, rules=rules, gate=asked.gate)
        why = asked.why or (f"without a gate: {asked.ungated}" if asked.ungated else "")
        return await self._want(made.id, asked.stage, who, why)

    async def move(self, deployment_id: str, stage: Stage, who: str, why: str = "") -> Deployment:
        """Has a trial go on to another stage. Raises `NotFound`, `Conflict` where that cannot follow, or where the
        settings want another person's word for a champion."""
        found = await self.deployments.get(deployment_id)
        if stage == "champion":
            await self._approve(found, who)
        return await self._want(deployment_id, stage, who, why)

    async def share(self, deployment_id: str, share: float, who: str) -> Deployment:
        """Changes how many people a canary answers; who is answered by it at a share is so at any larger one."""
        changed = await self.deployments.set_share(deployment_id, share, who)
        await self.traffic.read()
        self.note(who, f"set the share to {share:g}", version=changed.version)
        return changed

    async def roll_back(self, deployment_id: str, who: str, why: str = "", to: str | None = None) -> Deployment:
        """Takes a version out of service: a trial at once; a champion as soon as the former one is loaded, which is the
        last before it or the one that `to` names (a deployment's id).

        Raises `NotFound`, `Conflict` where it is not in service or `to` never was champion there, and what loading
        raises.
        """
        found = await self.deployments.get(deployment_id)
        why = why or "by hand"
        restore = None
        if found.stage == "champion":
            restore = await self._former(found, to)
            if restore is not None and not self.hands.always(restore.version):
                await self._have_loaded(restore.version)
        ended = await self.deployments.roll_back(
            deployment_id, who, why, {}, restore=restore.id if restore is not None else None
        )
        await self.traffic.read()
        self.nudge()
        self.note(who, "rolled back", version=found.version, why=why)
        if restore is not None:
            self.note(who, "now champion", version=restore.version, why=f"instead of {found.version}")
        self.alarm.raise_("rolled_back", ended, f"{who}: {why}")
        self.counts.rolled_back((BY_HAND,), None)
        return ended

    async def back(self, scope: str, who: str, why: str = "", to: str | None = None) -> Deployment:
        """The one way back of a scope: what is tried there ends, else the champion gives way to the former one. Raises
        `Conflict` where there is nothing to take back, and what `roll_back` raises."""
        live = [each for each in await self.deployments.live() if each.scope == scope]
        trial = next((each for each in live if each.stage in ON_TRIAL), None)
        champion = next((each for each in live if each.stage == "champion"), None)
        found = champion if to is not None or trial is None else trial
        if found is None:
            raise Conflict(f"Nothing is in service in the scope {scope}: there is nothing to take back.")
        return await self.roll_back(found.id, who, why, to)

    # ---- checks -----------------------------------------------------------------------------------------------------

    async def _have_loaded(self, version: str) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                if version not in await self.hands.loaded():
                    await self.hands.load(version)
        except TimeoutError:
            raise Unavailable(
                f"{version} could not be loaded in {_PATIENCE:g} seconds, so what answers stays. Look at the engines, "
                "and try again."
            ) from None

    async def _want(self, deployment_id: str, stage: Stage, who: str, why: str) -> Deployment:
        wanted = await self.deployments.want(deployment_id, stage, who, why)
        self.note(who, f"wants {stage}", version=wanted.version, why=why)
        self.nudge()
        return wanted

    async def _check_scope(self, scope: str) -> None:
        if not _SCOPE.fullmatch(scope) or not scope.isprintable():
            raise InvalidInput(f"{scope[:100]!r} is no scope: write *, collection:NAME or group:NAME.")
        kind, _, name = scope.partition(":")
        if kind == "collection":
            await self.collection(name)

    async def _check_version(self, version: str) -> None:
        if self.hands.always(version) or version in self.hands.adapters.fixed:
            return
        found = await asyncio.to_thread(self.registry.get, version)
        if found.kind != "adapter":
            raise InvalidInput(f"{version} is no adapter but a {found.kind}; merged models are served by their folder.")
        if self.hands.adapters.engines is None:
            raise Conflict(
                "Nothing here can take an adapter while it runs: versions are rolled out on vLLM "
                "(FOOTNOTE_SERVING__GENERATOR=openai_compatible, FOOTNOTE_SERVING__ENDPOINT__FLAVOUR=vllm)."
            )

    async def _check_gate(self, asked: Asked) -> None:
        if asked.gate is not None:
            await self.passed(asked.gate, asked.version, await self._answers(asked.scope))
        elif self.settings.gate == "required" and not asked.ungated and not self.hands.always(asked.version):
            raise Conflict(
                f"{asked.version} has passed no gate. Run `footnote gate run {asked.version}` and name its report, or "
                "say why it may go without (`ungated`)."
            )

    async def _answers(self, scope: str) -> str:
        """The version that answers in a scope: its own champion, else everybody's, else what does by itself."""
        found = {each.scope: each.version for each in await self.deployments.live() if each.stage == "champion"}
        return found.get(scope) or found.get(EVERYWHERE) or self.hands.adapters.by_itself

    async def _approve(self, found: Deployment, who: str) -> None:
        if self.settings.approval == "another" and who in await self.deployments.begun_by(found.id):
            raise Conflict(f"{_ANOTHER}: whoever began a rollout does not end it so.")

    async def _former(self, champion: Deployment, to: str | None) -> Deployment | None:
        former = [each for each in await self.deployments.former(champion.scope) if each.id != champion.id]
        if to is None:
            return next((each for each in former if each.stage == "retired"), None)
        found = next((each for each in former if to in (each.id, each.version)), None)
        if found is None:
            raise Conflict(f"{to[:100]} never was the champion of {champion.scope}; the history lists those that were.")
        return found


__all__ = ["Asked", "RolloutDesk"]
