"""A run outlives the server that works on it, and a question waits for its answer only so long."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from app.run_expiry import reject_expired
from app.settings import AuthSettings, RunSettings
from core.errors import ConfigurationError
from core.types import Principal
from tests.app.scripted_agents import ScriptedAgents


async def _ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(60):
        while (await client.post("/v1/assistants/search", json={})).status_code == 503:
            await asyncio.sleep(0.05)


async def _begun(client: httpx.AsyncClient, words: str) -> str:
    thread_id = (await client.post("/v1/threads", json={})).json()["thread_id"]
    body = {"assistant_id": "worker", "input": {"task": words}}
    run = (await client.post(f"/v1/threads/{thread_id}/runs", json=body)).json()
    return f"/v1/threads/{thread_id}/runs/{run['run_id']}"


async def test_what_one_server_leaves_the_next_goes_on_with(make_world: Any, keys: Any, ana: str) -> None:
    scripted = ScriptedAgents()
    settings = {"auth": AuthSettings(keys=keys), "scripted": scripted}
    async with make_world(**settings) as first, first.as_(ana) as client:
        await _ready(client)
        path = await _begun(client, "search hold search")
        asking = await _begun(client, "ask")
        await client.get(asking + "/join", timeout=60)
        await scripted.holding.wait()
        assert (await client.get(path)).json()["status"] == "running"
    scripted.gate.release()
    later = datetime.now(UTC) + timedelta(days=30)
    async with make_world(**settings) as second, second.as_(ana) as client:
        await _ready(client)
        told = (await client.get(path + "/stream", params={"stream_mode": "custom"}, timeout=60)).text
        assert '"attempt":2' in told
        assert told.rstrip().endswith("event: end\ndata: null")
        steps = (await client.get(path + "/steps")).json()["items"]
        assert [step["status"] for step in steps] == ["done", "done", "done"]
        await reject_expired(second.store, datetime.now(UTC))
        assert scripted.sent == [], "there was time left"
        await reject_expired(second.store, later)
        thread = asking.rpartition("/runs/")[0]
        [resumed, asked] = (await client.get(thread + "/runs")).json()
        await client.get(f"{thread}/runs/{resumed['run_id']}/join", timeout=60)
        assert (await client.get(thread)).json()["status"] == "idle"
        assert (resumed["task_id"], asked["status"]) == (asked["run_id"], "interrupted")
        [entry] = (await client.get("/v1/audit")).json()["items"]
        assert (entry["decision"], entry["decided_by"]) == ("expired", "nobody")
    [decided] = scripted.sent
    assert decided["decisions"][0]["type"] == "reject"
    ids = [request.run_id for request in scripted.requests if request.task == "search hold search"]
    assert len(ids) == 2
    assert len(set(ids)) == 1


async def test_who_lost_their_key_has_no_runs_any_more(make_world: Any, keys: Any, ana: str) -> None:
    scripted = ScriptedAgents()
    async with make_world(scripted=scripted, auth=AuthSettings(keys=keys)) as first, first.as_(ana) as client:
        await _ready(client)
        path = await _begun(client, "search hold")
        await scripted.holding.wait()
        run_id = path.rpartition("/")[2]
    scripted.gate.release()
    async with make_world(scripted=scripted, auth=AuthSettings(keys=keys[1:])) as second:
        async with asyncio.timeout(60):
            while (run := await second.store.run_work.look(run_id)).status == "running":
                await asyncio.sleep(0.05)
    assert (run.status, run.error.code) == ("error", "not_found")
    assert len(scripted.requests) == 1


async def test_a_server_that_is_told_to_stop_ends_the_step_and_leaves_the_run(
    make_world: Any, keys: Any, ana: str
) -> None:
    scripted = ScriptedAgents()
    settings = {"auth": AuthSettings(keys=keys), "scripted": scripted}
    async with make_world(**settings) as first, first.as_(ana) as client:
        await _ready(client)
        path = await _begun(client, "hold search")
        await scripted.holding.wait()
        draining = asyncio.create_task(first.app.state.agent_runs.drain(60))
        await asyncio.sleep(0)
        refused = await client.post("/v1/runs/wait", json={"assistant_id": "worker", "input": {"task": "x"}})
        assert refused.status_code == 503
        scripted.gate.release()
        await draining
        run = (await client.get(path)).json()
        steps = (await client.get(path + "/steps")).json()["items"]
        assert (run["status"], [step["status"] for step in steps]) == ("running", ["done"])
    async with make_world(**settings) as second, second.as_(ana) as client:
        await _ready(client)
        assert (await client.get(path + "/join", timeout=60)).json()["answer"]
        steps = (await client.get(path + "/steps")).json()["items"]
    assert [step["number"] for step in steps] == [1, 2], "the first was not taken again"


async def test_a_step_that_was_taken_and_not_logged_is_logged_in_the_end(make_world: Any, keys: Any, ana: str) -> None:
    scripted = ScriptedAgents()
    async with make_world(scripted=scripted, auth=AuthSettings(keys=keys)) as world, world.as_(ana) as client:
        await _ready(client)
        thread = await client.post("/v1/threads", json={})
        thread_id = thread.json()["thread_id"]
        body = {"assistant_id": "worker", "input": {"task": "search search"}, "after_seconds": 1}
        run = (await client.post(f"/v1/threads/{thread_id}/runs", json=body)).json()
        taken = {"number": 1, "agent": "worker", "tool": "search", "arguments": {}, "sources": [], "status": "done"}
        scripted.threads[(await world.store.threads.get(thread_id, Principal(id="ana"))).checkpoints] = {
            "run_id": run["run_id"], "words": ["search", "search"], "messages": [], "steps": [taken], "sources": [],
        }  # fmt: skip
        path = f"/v1/threads/{thread_id}/runs/{run['run_id']}"
        assert (await client.get(path + "/join", timeout=60)).json()["answer"]
        steps = (await client.get(path + "/steps")).json()["items"]
        assert [(step["number"], step["status"]) for step in steps] == [(1, "done"), (2, "done")]


async def test_a_run_takes_no_longer_and_a_caller_has_no_more_waiting_than_allowed(
    make_world: Any, keys: Any, ana: str
) -> None:
    limits = RunSettings(seconds=0.2, waiting_per_caller=2)
    async with (
        make_world(scripted=ScriptedAgents(), auth=AuthSettings(keys=keys), runs=limits) as world,
        world.as_(ana) as client,
    ):
        await _ready(client)
        path = await _begun(client, "hold")
        assert (await client.get(path + "/join", timeout=60)).json()["__error__"]["error"] == "timeout"
        assert (await client.get(path)).json()["status"] == "timeout"
        body = {"assistant_id": "worker", "input": {"task": "x"}, "after_seconds": 600}
        threads = [(await client.post("/v1/threads", json={})).json()["thread_id"] for _ in range(3)]
        sent = [await client.post(f"/v1/threads/{thread}/runs", json=body) for thread in threads]
        assert [each.status_code for each in sent] == [200, 200, 429]


async def test_where_agents_do_not_start_questions_are_answered_and_it_is_said(make_world: Any) -> None:
    scripted = ScriptedAgents()
    scripted.error = ConfigurationError("The checkpoints cannot be opened.")
    async with make_world(scripted=scripted) as world:
        async with asyncio.timeout(60):
            while "agents_unavailable" not in (found := (await world.http.get("/readyz")).json())["notes"]:
                await asyncio.sleep(0.05)
        assert found["status"] == "ready"
        refused = await world.http.post("/v1/assistants/search", json={})
        assert refused.status_code == 503
        assert "checkpoints" not in refused.text, "what is wrong with the server is its owner's to know"
