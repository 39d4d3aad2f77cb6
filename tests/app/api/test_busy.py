"""A generator that has as much in hand as it may: who comes is told to come again, and nothing is stuck."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from agents.settings import AgentSettings
from serving.settings import EndpointSettings, ServingSettings

NARROW = ServingSettings(
    generator="openai_compatible", endpoint=EndpointSettings(model="m", concurrency=1, queue=1, retries=0)
)
QUESTION = {"question": "How much leave?"}


async def waiting(world: Any, count: int) -> None:
    while f'footnote_generator_requests{{state="waiting"}} {count}.0' not in (await world.http.get("/metrics")).text:
        await asyncio.sleep(0.01)


async def test_beyond_the_queue_503_and_afterwards_all_is_well(make_world: Any) -> None:
    async with make_world(serving=NARROW) as world:
        await world.handbook()
        world.generator.hold = asyncio.Semaphore(0)
        held = [asyncio.create_task(world.http.post("/v1/answers", json=QUESTION)) for _ in range(2)]
        await waiting(world, 1)
        refused = await world.http.post("/v1/answers", json=QUESTION)
        assert (refused.status_code, refused.json()["code"]) == (503, "generator_busy")
        assert int(refused.headers["Retry-After"]) > 0
        streamed = await world.http.post("/v1/answers", json={**QUESTION, "stream": True})
        last = [line for line in streamed.text.splitlines() if line.startswith("data: ")][-1]
        assert json.loads(last.removeprefix("data: "))["code"] == "generator_busy"
        assert (await world.http.post("/v1/search", json={"query": "leave"})).status_code == 200
        for _ in range(20):
            world.generator.hold.release()
        assert [response.status_code for response in await asyncio.gather(*held)] == [200, 200]
        await waiting(world, 0)
        assert (await world.http.post("/v1/answers", json=QUESTION)).status_code == 200


async def test_who_waits_too_long_is_told_so(make_world: Any) -> None:
    async with make_world(serving=NARROW, agents=AgentSettings(generate_seconds=0.3)) as world:
        await world.handbook()
        world.generator.hold = asyncio.Semaphore(0)
        responses = await asyncio.gather(*(world.http.post("/v1/answers", json=QUESTION) for _ in range(2)))
        assert [response.status_code for response in responses] == [504, 504]
        assert {response.json()["code"] for response in responses} == {"deadline_exceeded"}
        world.generator.hold = None
        assert (await world.http.post("/v1/answers", json=QUESTION)).status_code == 200
