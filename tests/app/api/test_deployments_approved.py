"""Where a champion takes another person's word, nobody makes one alone, whatever way is tried."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.adapters import Adapters
from app.settings import ApiKey, AuthSettings, Settings
from finetune.settings import FinetuneSettings, RolloutSettings
from tests.app.api.test_deployments_alone import VERSION, until

ADA, BOB = "ada-key-0123456789", "bob-key-0123456789"


@pytest.fixture
async def world(make_world: Any) -> AsyncIterator[Any]:
    keys = tuple(ApiKey(key=key, id=key[:3], admin=True) for key in (ADA, BOB))
    rollout = RolloutSettings(gate="optional", approval="another")
    async with make_world(auth=AuthSettings(keys=keys), finetune=FinetuneSettings(rollout=rollout)) as made:
        hands = made.app.state.boot.services.rollout.desk.hands
        adapters = Adapters(settings=Settings(), base="scripted", fixed={VERSION: "/adapters/good"})
        object.__setattr__(hands, "adapters", adapters)
        made.http = made.as_(ADA)  # who is asked with where nobody is named
        made.bob = made.as_(BOB)
        yield made


async def begun(world: Any) -> str:
    response = await world.http.post("/v1/deployments", json={"version": VERSION, "stage": "shadow"})
    assert response.status_code == 201, response.text
    await until(world, response.json()["id"], lambda each: each["stage"] == "shadow")
    return str(response.json()["id"])


async def test_nobody_begins_with_a_champion(world: Any) -> None:
    response = await world.http.post("/v1/deployments", json={"version": VERSION, "stage": "champion"})
    assert response.status_code == 409
    assert "another person" in response.json()["detail"]
    assert (await world.http.get("/v1/deployments")).json()["items"] == []


async def test_who_began_it_does_not_end_it_whoever_moved_it_in_between(world: Any) -> None:
    trial = await begun(world)
    assert (await world.bob.post(f"/v1/deployments/{trial}/canary", json={})).is_success
    await until(world, trial, lambda each: each["stage"] == "canary")
    refused = await world.http.post(f"/v1/deployments/{trial}/promote", json={})
    assert refused.status_code == 409
    assert "whoever began" in refused.json()["detail"]
    assert (await world.bob.post(f"/v1/deployments/{trial}/promote", json={})).is_success
    await until(world, trial, lambda each: each["stage"] == "champion")
