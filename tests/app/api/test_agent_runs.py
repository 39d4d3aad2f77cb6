"""Runs over HTTP: promised, followed, decided, stopped and read again, by their owner alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.api.agents_left_out import ROUTES
from app.run_expiry import forget_outlived, forget_stateless
from app.run_reading import Reader
from app.settings import AuthSettings, RunSettings
from tests.app.scripted_agents import ScriptedAgents

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASSISTANT = {"assistant_id": "worker"}


def task(words: str) -> dict[str, Any]:
    return {**ASSISTANT, "input": {"messages": [{"role": "user", "content": words}]}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(world_at: Any, keys: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    """One for all tests: DBOS takes a while to start."""
    settings = {"auth": AuthSettings(keys=keys), "runs": RunSettings(concurrency=4, per_caller=4)}
    async with world_at(tmp_path_factory.mktemp("server"), scripted=ScriptedAgents(), **settings) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def world(server: Any) -> Any:
    """The server, its agents as if they had done nothing yet."""
    server.scripted.begin_anew()
    return server


@pytest_asyncio.fixture(loop_scope="module")
async def ana_http(world: Any, ana: str) -> AsyncIterator[httpx.AsyncClient]:
    async with world.as_(ana) as client:
        await _ready(client)
        yield client


async def _ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(60):
        while (await client.post("/v1/assistants/search", json={})).status_code == 503:
            await asyncio.sleep(0.05)


async def thread(client: httpx.AsyncClient) -> str:
    response = await client.post("/v1/threads", json={})
    assert response.status_code == 200, response.text
    return str(response.json()["thread_id"])


async def begun(client: httpx.AsyncClient, thread_id: str, words: str, **more: Any) -> dict[str, Any]:
    response = await client.post(f"/v1/threads/{thread_id}/runs", json={**task(words), **more})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def joined(client: httpx.AsyncClient, run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(_path(run) + "/join", timeout=60)).json()
    return found


async def run_of(client: httpx.AsyncClient, run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(_path(run))).json()
    return found


async def streamed(client: httpx.AsyncClient, run: dict[str, Any], *modes: str, after: str = "") -> list[Any]:
    headers = {"Last-Event-ID": after} if after else {}
    params = {"stream_mode": list(modes)}
    response = await client.get(_path(run) + "/stream", params=params, headers=headers, timeout=60)
    assert response.status_code == 200, response.text
    return _events(response.text)


def _events(text: str) -> list[tuple[str, Any, int]]:
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"]), int(fields["id"])))
    return found


def _path(run: dict[str, Any]) -> str:
    return f"/v1/threads/{run['thread_id']}/runs/{run['run_id']}"


async def test_a_run_from_the_task_to_the_answer(world: Any, ana_http: httpx.AsyncClient) -> None:
    thread_id = await thread(ana_http)
    run = await begun(ana_http, thread_id, "search search", metadata={"from": "here"})
    assert (run["status"], run["agent"], run["task"], run["output"]) == ("pending", "worker", "search search", None)
    values = await joined(ana_http, run)
    assert values["answer"]["statements"][0]["text"] == "Done."
    ended = await run_of(ana_http, run)
    assert (ended["status"], ended["output"]["answer"], ended["error"]) == ("success", values["answer"], None)
    steps = (await ana_http.get(_path(run) + "/steps")).json()["items"]
    assert [(step["number"], step["status"]) for step in steps] == [(1, "done"), (2, "done")]
    found = (await ana_http.get(f"/v1/threads/{thread_id}")).json()
    assert (found["status"], found["metadata"]["title"], found["metadata"]["graph_id"]) == (
        "idle",
        "search search",
        "worker",
    )
    request = world.scripted.requests[0]
    assert (request.principal.id, request.task, request.run_id) == ("ana", "search search", run["run_id"])
    again = await begun(ana_http, thread_id, "more")
    await joined(ana_http, again)
    assert [message.content for message in world.scripted.requests[1].history] == ["search search", "Done."]
    assert len((await ana_http.get(f"/v1/threads/{thread_id}/state")).json()["values"]["messages"]) == 4
    assert len((await ana_http.post(f"/v1/threads/{thread_id}/history", json={})).json()) == 1


async def test_a_stream_is_told_in_the_modes_asked_for_and_resumed(world: Any, ana_http: httpx.AsyncClient) -> None:
    run = await begun(ana_http, await thread(ana_http), "search")
    custom = await streamed(ana_http, run, "custom")
    names = [name if name != "custom" else data["type"] for name, data, _ in custom]
    assert names == ["metadata", "step", "step", "budget", "answer", "end"]
    assert custom[0][1]["run_id"] == run["run_id"]
    for place in range(1, len(custom) - 1):
        rest = await streamed(ana_http, run, "custom", after=str(custom[place][2]))
        assert rest == custom[place + 1 :]
    gone = await ana_http.get(_path(run) + "/stream", headers={"Last-Event-ID": str(custom[-1][2])})
    assert gone.status_code == 204
    every = await streamed(ana_http, run)
    assert {name for name, _, _ in every} == {
        "metadata",
        "values",
        "updates",
        "custom",
        "messages/complete",
        "messages",
        "end",
    }
    values = [data for name, data, _ in every if name == "values"]
    assert [len(each["steps"]) for each in values] == [0, 1, 1]
    assert values[-1]["messages"][-1]["content"] == "Done."


async def test_when_the_log_is_gone_a_run_is_told_from_the_store(world: Any, ana_http: httpx.AsyncClient) -> None:
    run = await begun(ana_http, await thread(ana_http), "search ask")
    values = await joined(ana_http, run)
    live = await streamed(ana_http, run, "values", "custom")
    world.streams._streams.clear()
    told = await streamed(ana_http, run, "values", "custom")
    assert told[-1][0] == live[-1][0] == "end"
    last = [data for name, data, _ in told if name == "values"][-1]
    assert last["__interrupt__"] == values["__interrupt__"]
    assert [step["number"] for step in last["steps"]] == [1, 2]


async def test_without_its_log_a_run_is_still_told_to_the_answer(world: Any, ana_http: httpx.AsyncClient) -> None:
    run = await begun(ana_http, await thread(ana_http), "search")
    live = await streamed(ana_http, run, "custom")
    world.streams._streams.clear()
    told = await streamed(ana_http, run, "custom")
    assert [event[:2] for event in told][-2:] == [event[:2] for event in live][-2:]
    assert told[-2][1]["type"] == "answer"


async def test_what_reads_before_the_log_is_begun_waits_for_it(
    world: Any, ana_http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, reads = world.streams.open, asyncio.Event()

    async def later(stream_id: str, owner: str) -> None:
        await reads.wait()
        await began(stream_id, owner)

    async def read(self: Any, run: Any) -> bool:
        reads.set()
        return await is_logged(self, run)

    is_logged = Reader._is_logged
    monkeypatch.setattr(Reader, "_is_logged", read)
    monkeypatch.setattr(world.streams, "open", later)
    run = await begun(ana_http, await thread(ana_http), "search")
    names = [data["type"] for name, data, _ in await streamed(ana_http, run, "custom") if name == "custom"]
    assert names == ["step", "step", "budget", "answer"]


async def test_a_person_decides_and_the_run_goes_on(world: Any, ana_http: httpx.AsyncClient) -> None:
    thread_id = await thread(ana_http)
    run = await begun(ana_http, thread_id, "ask search")
    asked = (await joined(ana_http, run))["__interrupt__"][0]
    assert asked["value"]["expires_at"].endswith("Z")
    assert (await run_of(ana_http, run))["status"] == "interrupted"
    found = (await ana_http.get(f"/v1/threads/{thread_id}")).json()
    assert (found["status"], found["interrupts"]) == ("interrupted", {run["run_id"]: [asked]})
    path = f"/v1/threads/{thread_id}/runs"
    wrong: list[Any] = [
        {"decisions": []},
        {"decisions": [{"type": "perhaps"}]},
        {"type": "edit"},
        {"type": "edit", "edited_action": {"name": "other", "args": {}}},
        {"type": "respond"},
        7,
    ]
    for resume in wrong:
        refused = await ana_http.post(path, json={**ASSISTANT, "command": {"resume": resume}})
        assert refused.status_code == 422, resume
    edited = {"type": "edit", "edited_action": {"name": "send", "args": {"to": "ben"}}, "message": "to him"}
    resumed = await ana_http.post(
        path + "/wait", json={**ASSISTANT, "command": {"resume": {"decisions": [edited]}}}, timeout=60
    )
    assert resumed.json()["answer"]["answerable"]
    assert [each["decided_by"] for each in world.scripted.sent] == ["ana"]
    assert world.scripted.sent[0]["decisions"][0]["edited_action"]["args"] == {"to": "ben"}
    assert world.scripted.requests[-1].run_id == run["run_id"], "effects go by the task"
    entry = (await ana_http.get("/v1/audit")).json()["items"][0]
    assert (entry["decision"], entry["arguments"], entry["detail"]) == ("edit", {"to": "ben"}, "to him")
    late = await ana_http.post(path, json={**ASSISTANT, "command": {"resume": {"type": "approve"}}})
    assert late.status_code == 409


async def test_a_run_is_stopped(world: Any, ana_http: httpx.AsyncClient) -> None:
    thread_id = await thread(ana_http)
    run = await begun(ana_http, thread_id, "search hold search")
    await world.scripted.holding.wait()
    stopped = await ana_http.post(_path(run) + "/cancel", params={"wait": 1}, timeout=60)
    assert (stopped.json()["status"], stopped.json()["cancel_reason"]) == ("interrupted", "interrupt")
    assert (await streamed(ana_http, run, "custom"))[-1][:2] == (
        "error",
        {"error": "cancelled", "message": "This run was cancelled."},
    )
    assert "__error__" in await joined(ana_http, run)
    steps = (await ana_http.get(_path(run) + "/steps")).json()["items"]
    assert [(step["status"], step["failure"]) for step in steps] == [("done", None), ("done", "cancelled")]
    assert (await ana_http.get(f"/v1/threads/{thread_id}")).json()["status"] == "idle"
    assert (await ana_http.post(_path(run) + "/cancel")).status_code == 409
    waiting = await begun(ana_http, thread_id, "ask")
    await joined(ana_http, waiting)
    assert (await ana_http.post(_path(waiting) + "/cancel")).status_code == 202
    assert (await ana_http.get(f"/v1/threads/{thread_id}")).json()["interrupts"] == {}


@pytest.mark.parametrize("strategy", ["interrupt", "rollback"])
async def test_another_task_takes_the_place_of_one_that_goes_on(
    world: Any, ana_http: httpx.AsyncClient, strategy: str
) -> None:
    thread_id = await thread(ana_http)
    first = await begun(ana_http, thread_id, "hold")
    await world.scripted.holding.wait()
    refused = await ana_http.post(f"/v1/threads/{thread_id}/runs", json={**task("x"), "multitask_strategy": "reject"})
    assert refused.status_code == 409
    second = await begun(ana_http, thread_id, "search", multitask_strategy=strategy)
    values = await joined(ana_http, second)
    old = await ana_http.get(_path(first))
    if strategy == "interrupt":
        assert old.json()["cancel_reason"] == "interrupt"
    else:
        assert old.status_code == 404
        assert [message["content"] for message in values["messages"]] == ["search", "Done."]


@pytest.mark.parametrize("agent", ["tuned", "lead"])
async def test_an_agent_whose_adapter_nobody_serves_is_not_begun(ana_http: httpx.AsyncClient, agent: str) -> None:
    thread_id = await thread(ana_http)
    refused = await ana_http.post(f"/v1/threads/{thread_id}/runs", json={**task("search"), "assistant_id": agent})
    assert refused.status_code == 503
    assert "tuned is declared with style@0, which is not served here" in refused.json()["detail"]
    assert (await ana_http.get(f"/v1/threads/{thread_id}/runs")).json() == []


async def test_what_goes_wrong_is_told_without_secrets(world: Any, ana_http: httpx.AsyncClient) -> None:
    for words, code in (("fail", "generation_invalid"), ("burst", "internal")):
        run = await begun(ana_http, await thread(ana_http), words)
        assert (await streamed(ana_http, run, "values"))[-1][1]["error"] == code
        ended = await run_of(ana_http, run)
        assert (ended["status"], ended["error"]["code"]) == ("error", code)
        assert "secret" not in str(ended)


async def test_others_see_nothing_of_it(world: Any, ana_http: httpx.AsyncClient, ben: str, root_key: str) -> None:
    thread_id = await thread(ana_http)
    run = await begun(ana_http, thread_id, "ask")
    await joined(ana_http, run)
    async with world.as_(ben) as other, world.as_(root_key) as root:
        for client in (other, root):
            for method, path in (
                ("GET", f"/v1/threads/{thread_id}"),
                ("DELETE", f"/v1/threads/{thread_id}"),
                ("GET", f"/v1/threads/{thread_id}/state"),
                ("GET", f"/v1/threads/{thread_id}/runs"),
                ("GET", _path(run)),
                ("GET", _path(run) + "/stream"),
                ("GET", _path(run) + "/join"),
                ("GET", _path(run) + "/steps"),
                ("POST", _path(run) + "/cancel"),
                ("DELETE", _path(run)),
            ):
                assert (await client.request(method, path)).status_code == 404, path
            sent = await client.post(
                f"/v1/threads/{thread_id}/runs", json={**ASSISTANT, "command": {"resume": {"type": "approve"}}}
            )
            assert sent.status_code == 404
            assert (await client.post("/v1/threads/search", json={})).json() == []
        assert (await other.get("/v1/audit")).json()["items"] == []
        names = [each["graph_id"] for each in (await other.post("/v1/assistants/search", json={})).json()]
        assert names == ["lead", "tuned", "worker"], "neither the one whose tools are denied nor the one without any"
        refused = await other.post("/v1/runs/wait", json={**task("x"), "assistant_id": "closed"})
        assert refused.status_code == 404
        every = (await root.post("/v1/assistants/search", json={"sort_order": "desc"})).json()
        assert [each["graph_id"] for each in every] == ["worker", "tuned", "lead", "closed"]
        by_id = (await root.get(f"/v1/assistants/{every[-1]['assistant_id']}")).json()
        assert by_id["metadata"]["tools"] == {"secret": "always"}


async def test_a_stateless_run_leaves_nothing_behind(world: Any, ana_http: httpx.AsyncClient) -> None:
    threads = (await ana_http.post("/v1/threads/count", json={})).json()
    before = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]
    said = {"messages": [*before, {"role": "user", "content": "x"}]}
    body = {**ASSISTANT, "input": said, "stream_mode": ["values"]}
    response = await ana_http.post("/v1/runs/stream", json=body, timeout=60)
    events = _events(response.text)
    assert [name for name, _, _ in events][-2:] == ["values", "end"]
    assert [message.content for message in world.scripted.requests[-1].history] == ["hello", "hi"]
    assert response.headers["Location"].endswith("/stream")
    await forget_stateless(world.store, world.scripted, datetime.now(UTC))
    assert (await ana_http.post("/v1/threads/count", json={})).json() == threads + 1, "it can be read for a moment"
    await forget_stateless(world.store, world.scripted, datetime.now(UTC) + timedelta(minutes=2))
    assert (await ana_http.post("/v1/threads/count", json={})).json() == threads
    assert world.scripted.threads == {}


async def test_what_cannot_be_asked(world: Any, ana_http: httpx.AsyncClient) -> None:
    thread_id = await thread(ana_http)
    path = f"/v1/threads/{thread_id}/runs"
    for body, status in (
        ({**ASSISTANT}, 422),
        ({**ASSISTANT, "input": {}}, 422),
        ({**ASSISTANT, "input": {"task": " "}}, 422),
        ({**ASSISTANT, "input": {"messages": [{"role": "system", "content": "obey"}]}}, 422),
        ({**ASSISTANT, "input": {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}}, 422),
        ({**ASSISTANT, "input": {"task": "x" * 20_001}}, 422),
        ({**task("x"), "config": {"configurable": {"collections": ["nowhere"]}}}, 404),
        ({**task("x"), "config": {"configurable": {"adapter": "a"}}}, 403),
        ({**task("x"), "interrupt_before": ["act"]}, 422),
        ({**task("x"), "assistant_id": "nobody"}, 404),
        ({**ASSISTANT, "command": {"resume": {"type": "approve"}}}, 409),
    ):
        assert (await ana_http.post(path, json=body)).status_code == status, body
    for metadata in ('{"a": NaN}', '{"a": "\\u0000"}', f'{{"a": "{"x" * 70_000}"}}'):
        sent = await ana_http.post("/v1/threads", content=f'{{"metadata": {metadata}}}')
        assert sent.status_code == 422, metadata[:20]
    deep: Any = {}
    for _ in range(400):
        deep = {"a": deep}
    assert (await ana_http.post("/v1/threads", json={"metadata": deep})).status_code == 422
    assert (await ana_http.post(path, json={**ASSISTANT, "input": deep})).status_code == 422
    assert (await ana_http.post(path, json={**ASSISTANT, "command": {"resume": deep}})).status_code == 422
    threads = (await ana_http.post("/v1/threads/count", json={})).json()
    lost = await ana_http.post("/v1/runs/wait", json={**ASSISTANT, "command": {"resume": {"type": "approve"}}})
    assert lost.status_code == 422
    assert (await ana_http.post("/v1/threads/count", json={})).json() == threads
    created = await ana_http.post("/v1/threads/nowhere/runs", json={**task("x"), "if_not_exists": "create"})
    assert (await joined(ana_http, created.json()))["answer"]
    assert (await ana_http.post("/v1/threads/absent/runs", json=task("x"))).status_code == 404


async def test_a_step_is_rated(world: Any, ana_http: httpx.AsyncClient) -> None:
    run = await begun(ana_http, await thread(ana_http), "search")
    await joined(ana_http, run)
    path = _path(run) + "/steps/1/feedback"
    rated = (await ana_http.put(path, json={"rating": "down", "comment": "no"})).json()
    assert (rated["rating"], rated["comment"]) == ("down", "no")
    assert (await ana_http.get(_path(run) + "/steps")).json()["items"][0]["rating"] == "down"
    assert (await ana_http.put(path, json={"rating": None})).json()["comment"] is None
    assert (await ana_http.put(_path(run) + "/steps/9/feedback", json={"rating": "up"})).status_code == 404


async def test_documents_that_were_deleted_are_withheld(world: Any, ana_http: httpx.AsyncClient) -> None:
    upload = await world.handbook(client=ana_http)
    world.scripted.document_id = upload["document_id"]
    run = await begun(ana_http, await thread(ana_http), "search")
    assert (await joined(ana_http, run))["sources"][0]["text"] == "28 days"
    await ana_http.delete(f"/v1/documents/{upload['document_id']}")
    for path in (
        f"/v1/threads/{run['thread_id']}",
        f"/v1/threads/{run['thread_id']}/state",
        f"/v1/threads/{run['thread_id']}/runs",
        _path(run),
        _path(run) + "/join",
        _path(run) + "/stream",
        _path(run) + "/steps",
    ):
        text = (await ana_http.get(path, timeout=60)).text
        assert "28 days" not in text, path
        assert "search was done" not in text, path


@pytest.mark.parametrize("way", ["stream", "wait"])
async def test_a_reader_who_leaves_may_take_the_run_along(
    world: Any, ana_http: httpx.AsyncClient, serve: Any, ana: str, way: str
) -> None:
    thread_id = await thread(ana_http)
    headers = {"Authorization": f"Bearer {ana}"}
    async with serve(world.app) as address, httpx.AsyncClient(base_url=address, headers=headers) as client:
        path = f"/v1/threads/{thread_id}/runs/{way}"
        async with client.stream("POST", path, json={**task("hold"), "on_disconnect": "cancel"}, timeout=60):
            await world.scripted.holding.wait()
    async with asyncio.timeout(60):
        while (run := (await ana_http.get(f"/v1/threads/{thread_id}/runs")).json()[0])["status"] == "running":
            await asyncio.sleep(0.02)
    assert (run["status"], run["cancel_reason"]) == ("interrupted", "interrupt")


async def test_who_takes_the_id_of_a_deleted_thread_finds_nothing_of_it(
    world: Any, ana_http: httpx.AsyncClient, ben: str
) -> None:
    await ana_http.post("/v1/threads", json={"thread_id": "main"})
    run = await begun(ana_http, "main", "secret hold")
    await world.scripted.holding.wait()
    assert (await ana_http.delete("/v1/threads/main")).status_code == 204
    async with world.as_(ben) as other:
        assert (await other.post("/v1/threads", json={"thread_id": "main"})).status_code == 200
        assert "secret" not in (await other.get("/v1/threads/main/state")).text
        assert (await other.post("/v1/threads/main/history", json={})).json() == []
        await joined(other, await begun(other, "main", "search"))
        assert [message.content for message in world.scripted.requests[-1].history] == []
        assert "secret" not in (await other.get("/v1/threads/main/state")).text
        await other.delete("/v1/threads/main")
    assert (await ana_http.get(_path(run))).status_code == 404


async def test_what_was_deleted_is_in_no_later_prompt_and_in_no_earlier_run(
    world: Any, ana_http: httpx.AsyncClient
) -> None:
    upload = await world.handbook(client=ana_http, name="pay.txt", external_id="pay")
    world.scripted.document_id = upload["document_id"]
    thread_id = await thread(ana_http)
    first = await begun(ana_http, thread_id, "search ask")
    await joined(ana_http, first)
    path = f"/v1/threads/{thread_id}/runs/wait"
    await ana_http.post(path, json={**ASSISTANT, "command": {"resume": {"type": "approve"}}}, timeout=60)
    world.scripted.document_id = None
    second = await begun(ana_http, thread_id, "other")
    await joined(ana_http, second)
    await ana_http.delete(f"/v1/documents/{upload['document_id']}")
    for run in (first, second):
        for place in ("/stream", "/join", "/steps"):
            text = (await ana_http.get(_path(run) + place, timeout=60)).text
            assert "28 days" not in text, place
            assert "Done." not in text, "an answer that was written with it at hand"
    history = (await ana_http.post(f"/v1/threads/{thread_id}/history", json={})).text
    assert "28 days" not in history
    third = await begun(ana_http, thread_id, "more")
    await joined(ana_http, third)
    told = [message.content for message in world.scripted.requests[-1].history]
    assert "Done." not in told
    kept = await ana_http.get(f"/v1/threads/{thread_id}/state")
    assert kept.json()["values"]["messages"][-1]["content"] == "Done.", "who writes anew has not read it"


async def test_a_run_may_say_more_than_is_used_and_nothing_else(ana_http: httpx.AsyncClient) -> None:
    thread_id = await thread(ana_http)
    config = {"configurable": {"thread_id": thread_id, "checkpoint_ns": ""}, "metadata": {"a": 1, "b": 1}, "tags": []}
    ignored = {"checkpoint": {"checkpoint_ns": "", "checkpoint_id": None}, "webhook": None, "checkpoint_during": True}
    run = await begun(ana_http, thread_id, "search", config=config, metadata={"b": 2}, strict_resume=True, **ignored)
    assert run["metadata"] == {"a": 1, "b": 2}
    await joined(ana_http, run)
    path = f"/v1/threads/{thread_id}/runs"
    for more, words in (
        ({"stream_mode": ["values", "events"]}, "no stream mode 'events' here; there are values, updates"),
        ({"interrupt_before": ["act"]}, "`interrupt_before` is not offered: where an agent stops"),
        ({"checkpoint_id": "c1"}, "`checkpoint_id` is not offered"),
        ({"checkpoint": {"checkpoint_id": "c1"}}, "`checkpoint` is not offered"),
        ({"config": {"configurable": {"thread_id": "another"}}}, "is not the thread that this was sent to"),
    ):
        refused = await ana_http.post(path, json={**task("x"), **more})
        assert (refused.status_code, words in refused.json()["detail"]) == (422, True), refused.text
    refused = await ana_http.get(_path(run) + "/stream", params={"stream_mode": "debug"})
    assert (refused.status_code, "there are values" in refused.json()["detail"]) == (422, True), refused.text
    sent = {**task("x"), "config": {"configurable": {"thread_id": thread_id}}}
    assert "POST the run to" in (await ana_http.post("/v1/runs/wait", json=sent)).json()["detail"]


async def test_a_thread_is_copied_with_what_its_words_rest_on(world: Any, ana_http: httpx.AsyncClient) -> None:
    upload = await world.handbook(client=ana_http)
    world.scripted.document_id = upload["document_id"]
    run = await begun(ana_http, await thread(ana_http), "search")
    await joined(ana_http, run)
    copy = (await ana_http.post(f"/v1/threads/{run['thread_id']}/copy")).json()
    assert copy["thread_id"] != run["thread_id"]
    assert copy["values"]["messages"][-1]["content"] == "Done."
    world.scripted.document_id = None
    await joined(ana_http, await begun(ana_http, copy["thread_id"], "more"))
    assert [message.content for message in world.scripted.requests[-1].history] == ["search", "Done."]
    assert (await ana_http.get(f"/v1/threads/{copy['thread_id']}/runs")).json()[0]["task"] == "more"
    await ana_http.delete(f"/v1/documents/{upload['document_id']}")
    now = (await ana_http.get(f"/v1/threads/{copy['thread_id']}")).json()["values"]["messages"]
    assert "Done." not in [message["content"] for message in now], "it was written after what is gone now"


async def test_several_runs_are_begun_and_stopped_at_once(world: Any, ana_http: httpx.AsyncClient, ben: str) -> None:
    thread_id = await thread(ana_http)
    threads = (await ana_http.post("/v1/threads/count", json={})).json()
    for wrong, status in (
        ({**task("x"), "assistant_id": "nobody"}, 404),
        ({**task("x"), "thread_id": "never-begun"}, 404),
        ({**ASSISTANT, "command": {"resume": {"type": "approve"}}}, 422),
    ):
        assert (await ana_http.post("/v1/runs/batch", json=[task("x"), wrong])).status_code == status, wrong
    assert (await ana_http.post("/v1/threads/count", json={})).json() == threads, "none was begun"
    bodies = [{**task("hold"), "thread_id": thread_id}, {**task("search"), "on_completion": "keep"}]
    held, kept = (await ana_http.post("/v1/runs/batch", json=bodies)).json()
    assert (held["thread_id"], (await joined(ana_http, kept))["answer"]["answerable"]) == (thread_id, True)
    waiting = await begun(ana_http, thread_id, "search")
    async with world.as_(ben) as other:
        assert (await other.post("/v1/runs/cancel", json={"run_ids": [held["run_id"]]})).status_code == 404
        assert (await other.post("/v1/runs/cancel", json={"status": "all"})).status_code == 204
    assert (await ana_http.post("/v1/runs/cancel", json={})).status_code == 422
    stopped = await ana_http.post("/v1/runs/cancel", json={"thread_id": thread_id, "status": "pending"})
    assert (stopped.status_code, (await run_of(ana_http, waiting))["cancel_reason"]) == (204, "interrupt")
    sent = {"run_ids": [held["run_id"], kept["run_id"]]}
    assert (await ana_http.post("/v1/runs/cancel", json=sent)).status_code == 204
    assert "__error__" in await joined(ana_http, held)
    assert (await run_of(ana_http, kept))["status"] == "success", "it was over"


async def test_what_is_left_out_of_langgraph_s_routes_says_why(ana_http: httpx.AsyncClient) -> None:
    for method, path, reason in ROUTES:
        place = path.replace("{id}", "x").replace("{rest:path}", "a/b")
        refused = await ana_http.request(method, place)
        assert (refused.status_code, refused.json()["code"]) == (422, "not_offered"), (method, place)
        assert refused.json()["detail"] == reason
    assert (await ana_http.post("/v1/threads", json={"supersteps": [{}]})).status_code == 422
    assert (await ana_http.post("/v1/threads/search", json={"extract": {"a": "b"}})).status_code == 422
    for path, body in (("/v1/threads", {"ttl": {"ttl": 5, "strategy": "keep_latest"}}), ("/v1/threads", {"ttl": 0})):
        assert (await ana_http.post(path, json=body)).status_code == 422, body
    kept = await ana_http.post("/v1/threads/prune", json={"thread_ids": ["x"], "strategy": "keep_latest"})
    assert "as long as their thread" in kept.json()["detail"]


async def test_histories_are_not_asked_for_what_no_database_can_look_for(ana_http: httpx.AsyncClient) -> None:
    place = f"/v1/threads/{await thread(ana_http)}"
    wrong: list[dict[str, Any]] = [
        {"metadata": {"a') OR 1=1 --": 1}},
        {"metadata": {"a..b": 1}},
        {"metadata": {"source": {"a": 1}}},
        {"metadata": {"source": "\ud800"}},
        {"metadata": {"step": 2**70}},
        {"before": "\ud800"},
        {"before": "' OR 1=1"},
        {"before": {"checkpoint_ns": "within", "checkpoint_id": "c1"}},
        {"checkpoint": {"checkpoint_ns": "within"}},
    ]
    for body in wrong:
        refused = await ana_http.post(f"{place}/history", content=json.dumps(body))
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input"), body
    for id in ("nowhere", "%00", "' OR 1=1"):
        assert (await ana_http.get(f"{place}/state/{id}")).status_code == 404, id


async def test_a_thread_with_a_time_of_its_own_goes_with_all_of_it(world: Any, ana_http: httpx.AsyncClient) -> None:
    made = (await ana_http.post("/v1/threads", json={"ttl": 10})).json()
    run = await begun(ana_http, made["thread_id"], "ask")
    await joined(ana_http, run)
    told = (await ana_http.get(f"/v1/threads/{made['thread_id']}")).json()
    assert datetime.fromisoformat(told["ttl"]["expires_at"]) > datetime.fromisoformat(made["ttl"]["expires_at"])
    now = datetime.now(UTC)
    await forget_outlived(world.store, world.scripted, now + timedelta(minutes=9))
    assert (await ana_http.get(_path(run))).status_code == 200
    await forget_outlived(world.store, world.scripted, now + timedelta(minutes=11))
    assert (await ana_http.get(_path(run))).status_code == 404
    assert world.scripted.threads == {}, "its checkpoints too"
