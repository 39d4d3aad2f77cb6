"""A run is followed, joined and stopped on a server that does not work on it, with Redis between them and without."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from tests.app.scripted_agents import ScriptedAgents
from tests.redis_process import RedisProcess


@pytest.mark.parametrize("joined_by", ["redis", "the database alone"])
async def test_a_run_is_read_and_stopped_on_another_server(
    make_world: Any, redis_process: RedisProcess, read_events: Any, serve: Any, joined_by: str
) -> None:
    settings = {"redis_url": redis_process.url} if joined_by == "redis" else {}
    scripted = ScriptedAgents()
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(make_world(scripted=scripted, **settings))
        there = await stack.enter_async_context(make_world(**settings))
        address = await stack.enter_async_context(serve(there.app))
        async with asyncio.timeout(60):
            while (await here.http.post("/v1/assistants/search", json={})).status_code == 503:
                await asyncio.sleep(0.05)
        thread = (await here.http.post("/v1/threads", json={})).json()["thread_id"]
        runs = f"/v1/threads/{thread}/runs"
        body = {"assistant_id": "worker", "input": {"task": "search hold search"}}
        run = (await here.http.post(runs, json=body)).json()["run_id"]
        await scripted.holding.wait()

        told = []
        url = f"{address}{runs}/{run}/stream?stream_mode=custom"
        async with httpx.AsyncClient(timeout=60) as client, client.stream("GET", url) as response:
            async for event in read_events(response):
                told.append(event)
                done = (
                    event.name == "custom" and event.data["type"] == "step" and event.data["step"]["status"] == "done"
                )
                if done and event.data["step"]["number"] == 1:
                    scripted.gate.release()
        steps = {event.data["step"]["number"] for event in told if event.name == "custom" and "step" in event.data}
        assert (steps, told[-1].name) == ({1, 2, 3}, "end")

        scripted.holding.clear()
        second = (await here.http.post(runs, json={**body, "input": {"task": "hold"}})).json()["run_id"]
        await scripted.holding.wait()
        stopped = await there.http.post(f"{runs}/{second}/cancel", params={"wait": 1}, timeout=60)
        assert stopped.json()["status"] == "interrupted"
        assert "__error__" in (await there.http.get(f"{runs}/{second}/join", timeout=60)).json()
