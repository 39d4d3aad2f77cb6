"""Trials that go on by themselves: only once every guard has shown what it is there for; else a person is called."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.adapters import Adapters
from app.settings import Settings
from finetune.rollout.guards import GuardRules
from finetune.rollout.stages import Figures
from finetune.settings import FinetuneSettings, RolloutSettings

VERSION = "hr@aaaaaaaaaaaaaaaa"
WIDE = GuardRules(
    pairs=20, support=0.4, abstention=0.4, overreach=0.4, invalid=0.4, failures=0.4, length=0.4, latency=0.4,
    waived=("thumbs",),
)  # fmt: skip
"""So much is borne that twenty pairs can show that there is no more."""
GOOD = Figures(answerable=True, support=0.9, statements=1, words=9, milliseconds=900.0)


@asynccontextmanager
async def opened(make_world: Any, guards: GuardRules) -> AsyncIterator[Any]:
    rollout = RolloutSettings(gate="optional", approval="none", guards=guards)
    async with make_world(finetune=FinetuneSettings(rollout=rollout)) as world:
        hands = world.app.state.boot.services.rollout.desk.hands
        fixed = {VERSION: "/adapters/good"}
        object.__setattr__(hands, "adapters", Adapters(settings=Settings(), base="scripted", fixed=fixed))
        yield world


async def until(world: Any, name: str, met: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while not met(found := (await world.http.get(f"/v1/deployments/{name}")).json()):
            await asyncio.sleep(0.05)
    return dict(found)


async def begun(world: Any) -> str:
    made = await world.http.post("/v1/deployments", json={"version": VERSION, "stage": "shadow", "share": 0.5})
    assert made.status_code == 201, made.text
    await until(world, made.json()["id"], lambda each: each["stage"] == "shadow")
    return str(made.json()["id"])


async def observe(world: Any, name: str, count: int, shown: str = "champion", since: int = 0) -> None:
    """Questions that both answer alike, by people of their own; `shown` answers first."""
    for number in range(since, since + count):
        for arm in ("champion", "candidate"):
            asked = (name, f"answer-{number}", f"person-{number}")
            await world.store.deployments.observe(*asked, arm, arm == shown, GOOD)


async def test_a_trial_goes_on_by_itself_once_all_is_shown(make_world: Any) -> None:
    async with opened(make_world, WIDE) as world:
        trial = await begun(world)
        await observe(world, trial, 30)
        judged = (await until(world, trial, lambda each: each["stage"] == "canary"))["judged"]
        assert judged["open"] == ["latency"], "a shadow need not show it, a canary has to"
        await observe(world, trial, 30, "candidate", since=30)
        await until(world, trial, lambda each: each["stage"] == "champion")
        moves = (await world.http.get("/v1/deployments/history")).json()["items"]
        assert [(each["after"], each["by"]) for each in moves[:2]] == [
            ("champion", "the guards"),
            ("canary", "the guards"),
        ]
        assert "excluded" in moves[0]["why"]


async def test_what_cannot_be_shown_stays_and_a_person_is_called_once(
    make_world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "footnote.rollout")
    async with opened(make_world, GuardRules(pairs=20, longest=25)) as world:
        trial = await begun(world)
        await observe(world, trial, 30)
        found = await until(
            world, trial, lambda each: "needs_a_person" in caplog.text and bool(each["judged"]["person"])
        )
        assert found["stage"] == "shadow"
        assert not found["judged"]["ready"]
        assert "failures" in found["judged"]["person"]
        assert "need a person's word" in found["judged"]["said"]
        keeper = world.app.state.boot.services.rollout.keeper
        for _ in range(3):
            await keeper.guard()
        assert caplog.text.count("alarm: needs_a_person") == 1
        assert (await world.http.get(f"/v1/deployments/{trial}")).json()["stage"] == "shadow"
        moved = await world.http.post(f"/v1/deployments/{trial}/promote", json={"why": "seen enough"})
        assert moved.status_code == 200, "the person's word"
        await until(world, trial, lambda each: each["stage"] == "champion")
