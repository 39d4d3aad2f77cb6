"""Deployments over HTTP: stages are reached, trials answer and are guarded, and every step has a way back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from app.adapters import Adapters
from app.settings import AuthSettings, Settings
from finetune.registry import Registry
from finetune.settings import FinetuneSettings, RolloutSettings
from tests.app.api.test_adapters import serving
from tests.scripted_engine import ScriptedEngine, adapter_folder, scripted_engine

GOOD, BAD = "hr@aaaaaaaaaaaaaaaa", "hr@bbbbbbbbbbbbbbbb"
FIXED = {GOOD: "/adapters/good", BAD: "/adapters/bad"}


@pytest.fixture
async def office(make_world: Any, keys: Any, posted: Any) -> AsyncIterator[Any]:
    """A server with keys, two adapters that are always loaded, and a handbook that everybody may read."""
    settings = FinetuneSettings(rollout=RolloutSettings(webhook=posted.url, webhook_key="a key for alarms"))
    async with make_world(auth=AuthSettings(keys=keys), finetune=settings) as world:
        # The services are open already; what they ask for adapters is asked again each time.
        hands = world.app.state.boot.services.rollout.desk.hands
        adapters = Adapters(settings=Settings(), base="scripted", fixed=FIXED)
        object.__setattr__(hands, "adapters", adapters)
        root = world.as_("root-key-0123456789")
        await world.handbook(client=root)
        world.root = root
        yield world


@pytest.fixture
def posted() -> Any:
    """A webhook that keeps what it is sent: (headers, body)."""
    found: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.append(
                ({k.lower(): v for k, v in self.headers.items()}, self.rfile.read(int(self.headers["content-length"])))
            )
            self.send_response(200 if len(found) > 1 else 503)  # the first time it is in trouble
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.found, server.url = found, f"http://127.0.0.1:{server.server_port}/alarms"  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()


async def call(office: Any, method: str, path: str = "", status: int = 200, **body: Any) -> Any:
    kind = {"json": body} if method == "POST" else {}
    response = await office.root.request(method, f"/v1/deployments{path}", **kind)
    assert response.status_code == status, response.text
    return response.json()


async def until(office: Any, deployment_id: str, stage: str) -> Any:
    async with asyncio.timeout(60):
        while (found := await call(office, "GET", f"/{deployment_id}"))["stage"] != stage:
            await asyncio.sleep(0.05)
    return found


async def start(office: Any, version: str, stage: str, status: int = 201, **more: Any) -> Any:
    body = {"version": version, "stage": stage, "ungated": "tried in a test", **more}
    made = await call(office, "POST", "", status, **body)
    return await until(office, made["id"], stage) if status == 201 else made


async def ask(office: Any, key: str = "ana-key-0123456789", **more: Any) -> Any:
    body = {"question": "How much leave is there?", **more}
    response = await office.as_(key).post("/v1/answers", json=body)
    assert response.status_code == 200, response.text
    return response.json()


async def observed(office: Any, deployment_id: str, count: int) -> list[Any]:
    async with asyncio.timeout(60):
        while len(found := await office.store.deployments.observations(deployment_id)) < count:
            await asyncio.sleep(0.02)
    return found


async def test_a_version_needs_a_gate_or_a_reason(office: Any) -> None:
    said = await call(office, "POST", "", 409, version=GOOD)
    assert "gate" in said["detail"]
    assert (await start(office, GOOD, "shadow"))["why"] == "without a gate: tried in a test"


async def test_what_cannot_be_rolled_out_is_said(office: Any) -> None:
    await call(office, "POST", "", 404, version="hr@cccccccccccccccc", ungated="no such")
    await call(office, "POST", "", 422, version=GOOD, ungated="no such scope", scope="everything")
    await call(office, "POST", "", 404, version=GOOD, ungated="no such", scope="collection:nowhere")
    await call(office, "POST", "/rollback", 409)
    await call(office, "GET", "/nothing", 404)


async def test_a_shadow_answers_beside_and_is_shown_to_nobody(office: Any) -> None:
    trial = await start(office, GOOD, "shadow")
    answer = await ask(office)
    assert answer["statements"]
    found = await observed(office, trial["id"], 2)
    assert [(each.arm, each.shown) for each in found] == [("champion", True), ("candidate", False)]
    assert [each.adapter for each in office.generator.requests] == [None, GOOD]
    assert {each.answer_id for each in found} == {answer["id"]}
    detail = await call(office, "GET", f"/{trial['id']}")
    guard = next(each for each in detail["judged"]["guards"] if each["name"] == "support")
    assert (guard["n"], guard["tolerance"], guard["excluded"]) == (1, 0.02, False)
    assert detail["judged"]["pairs"] == 1
    listed = (await office.as_("ana-key-0123456789").get("/v1/conversations")).json()["items"]
    assert len(listed) == 1


async def test_nothing_is_written_beside_while_people_wait(office: Any) -> None:
    trial = await start(office, GOOD, "shadow")
    office.crowded = True
    await ask(office)
    assert [each.arm for each in await observed(office, trial["id"], 1)] == ["champion"]
    assert len(office.generator.requests) == 1


async def test_a_canary_answers_its_share_of_people_and_is_compared(office: Any) -> None:
    trial = await start(office, GOOD, "canary", share=1.0)
    await ask(office)
    found = await observed(office, trial["id"], 2)
    assert [(each.arm, each.shown) for each in found] == [("candidate", True), ("champion", False)]
    assert [each.adapter for each in office.generator.requests] == [GOOD, "scripted"]
    for _ in range(2):  # a word counts once for a person, and for who answered him
        await office.as_("ana-key-0123456789").post(
            "/v1/feedback", json={"answer_id": found[0].answer_id, "rating": "down"}
        )
    thumbs = await office.store.deployments.thumbs(trial["id"])
    assert [(each.principal_id, each.arm, each.good) for each in thumbs] == [("ana", "candidate", False)]


async def test_who_asks_for_an_adapter_gets_it_and_is_not_measured(office: Any) -> None:
    trial = await start(office, GOOD, "canary", share=1.0)
    response = await office.root.post("/v1/answers", json={"question": "How much leave?", "adapter": "scripted"})
    assert response.status_code == 200
    assert office.generator.requests[-1].adapter == "scripted"
    assert await office.store.deployments.observations(trial["id"]) == []


async def test_a_failing_candidate_reaches_no_reader_and_is_rolled_back_by_itself(office: Any, posted: Any) -> None:
    office.generator.broken.add(BAD)
    trial = await start(office, BAD, "canary", share=1.0)
    asked = 0
    async with asyncio.timeout(120):
        while (await call(office, "GET", f"/{trial['id']}"))["stage"] == "canary":
            who = ("ana-key-0123456789", "ben-key-0123456789")[asked % 2]
            answer = await ask(office, who, question=f"How much leave is there, once more {asked}?")
            assert answer["statements"], "the champion answers in its place"
            asked += 1
    found = await call(office, "GET", f"/{trial['id']}")
    assert found["stage"] == "rolled_back"
    assert "failures" in found["judged"]["breached"]
    assert found["why"].startswith("Breached: ")
    change = (await call(office, "GET", "/history"))["items"][0]
    assert (change["before"], change["after"], change["by"]) == ("canary", "rolled_back", "the guards")
    assert [each["name"] for each in change["figures"]["guards"] if each["breached"]] == change["figures"]["breached"]
    told = (await office.root.get("/metrics")).text
    assert 'footnote_rollout_rollbacks_total{cause="failures"} 1.0' in told
    assert "footnote_rollout_breach_seconds_count 1.0" in told
    async with asyncio.timeout(60):
        while len(posted.found) < 2:  # what was not taken is posted again
            await asyncio.sleep(0.05)
    headers, body = posted.found[1]
    assert headers["x-footnote-signature"].startswith("sha256=")
    assert json.loads(body)["version"] == BAD
    rows = (await office.root.get("/v1/finetune/audit")).json()["items"]
    assert [row["did"] for row in rows if row.get("version") == BAD][-1] == "rolled back"
    before = len(office.generator.requests)
    await ask(office)
    assert office.generator.requests[before].adapter is None


async def test_champions_follow_each_other_and_come_back(office: Any) -> None:
    first = await start(office, GOOD, "champion")
    second = await start(office, BAD, "canary", share=1.0)
    await call(office, "POST", f"/{second['id']}/promote", why="it is better")
    await until(office, second["id"], "champion")
    assert (await until(office, first["id"], "retired"))["why"] == f"{BAD} took its place"
    await ask(office)
    assert office.generator.requests[-1].adapter == BAD
    back = await call(office, "POST", "/rollback", why="it was not")
    assert (back["version"], back["stage"]) == (BAD, "rolled_back")
    assert (await call(office, "GET", f"/{first['id']}"))["stage"] == "champion"
    await ask(office, question="And how much leave is there now?")
    assert office.generator.requests[-1].adapter == GOOD
    again = await call(office, "POST", "/rollback", to=BAD)
    assert again["version"] == GOOD
    assert (await call(office, "GET", f"/{second['id']}"))["stage"] == "champion"
    await call(office, "POST", "/rollback", 409, to="hr@cccccccccccccccc")
    await call(office, "POST", f"/{second['id']}/canary", 409)


async def test_the_last_champion_gives_way_to_the_default(office: Any) -> None:
    await start(office, GOOD, "champion")
    await call(office, "POST", "/rollback")
    await ask(office)
    assert office.generator.requests[-1].adapter is None


async def test_one_version_is_tried_at_a_time_in_a_scope(office: Any) -> None:
    await start(office, GOOD, "shadow")
    said = await start(office, BAD, "shadow", 409)
    assert GOOD in said["detail"]
    other = await start(office, BAD, "canary", scope="group:hr", share=1.0)
    await ask(office)
    assert office.generator.requests[0].adapter == BAD, "the narrowest scope decides"
    await call(office, "POST", "/rollback", scope="group:hr")
    assert (await call(office, "GET", f"/{other['id']}"))["stage"] == "rolled_back"
    listed = (await call(office, "GET"))["items"]
    assert (listed[0]["scope"], listed[0]["version"], listed[0]["stage"]) == ("*", GOOD, "shadow")
    assert {(each["scope"], each["stage"]) for each in listed[1:]} == {("group:hr", "rolled_back"), ("*", "candidate")}


async def test_a_share_grows_and_keeps_whom_it_had(office: Any) -> None:
    trial = await start(office, GOOD, "canary", share=0.001)
    grown = await call(office, "POST", f"/{trial['id']}/canary", share=1.0)
    assert (grown["stage"], grown["share"]) == ("canary", 1.0)
    await ask(office)
    assert office.generator.requests[0].adapter == GOOD


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedEngine]:
    async with scripted_engine() as made:
        yield made


@pytest.fixture
async def served(make_world: Any, engine: ScriptedEngine, keys: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """A server before an engine that adapters are loaded onto, and two versions in the registry."""
    async with make_world(auth=AuthSettings(keys=keys), serving=serving(engine, None)) as world:
        registry = Registry(root=tmp_path / "finetune" / "registry")
        world.versions = []
        for weights in (b"first", b"second"):
            source = tmp_path / weights.decode()
            adapter_folder(source, weights)
            world.versions.append(registry.publish("hr", "adapter", source, {"kind": "adapter"}, "").name)
        world.root = world.as_("root-key-0123456789")
        yield world


async def settled(office: Any, engine: ScriptedEngine, *names: str) -> None:
    """Returns once the engine serves these and no others, and nothing is in hand."""
    async with asyncio.timeout(60):
        while set(engine.adapters) != set(names) or any(
            each["leaving"] or each["wanted"] for each in (await call(office, "GET"))["items"]
        ):
            await asyncio.sleep(0.05)


async def test_engines_serve_what_is_in_service_and_no_more(served: Any, engine: ScriptedEngine) -> None:
    first, second = served.versions
    await start(served, first, "champion")
    assert set(engine.adapters) == {first}
    trial = await start(served, second, "canary")
    assert set(engine.adapters) == {first, second}
    await call(served, "POST", f"/{trial['id']}/rollback")
    await settled(served, engine, first)
    await call(served, "POST", "/rollback")
    await settled(served, engine)
    asked = [path for path in engine.asked if "lora" in path]
    assert asked.count("/v1/unload_lora_adapter") == 2


async def test_what_an_engine_has_lost_is_loaded_again(served: Any, engine: ScriptedEngine) -> None:
    first, _ = served.versions
    await start(served, first, "champion")
    engine.adapters.clear()  # it was killed, and is back
    await settled(served, engine, first)


async def test_what_an_engine_refuses_is_said_and_goes_no_further(served: Any, engine: ScriptedEngine) -> None:
    first, _ = served.versions
    engine.refuses = True
    made = await call(served, "POST", "", 201, version=first, ungated="tried in a test", stage="canary")
    async with asyncio.timeout(60):
        while not (found := await call(served, "GET", f"/{made['id']}"))["problem"]:
            await asyncio.sleep(0.05)
    assert "did not take" in found["problem"]
    assert found["stage"] == "candidate"


async def test_damaged_files_are_never_loaded(served: Any, engine: ScriptedEngine, tmp_path: Path) -> None:
    first, _ = served.versions
    (tmp_path / "finetune" / "registry" / first / "adapter_model.safetensors").write_bytes(b"others")
    made = await call(served, "POST", "", 201, version=first, ungated="tried in a test")
    async with asyncio.timeout(60):
        while (found := await call(served, "GET", f"/{made['id']}"))["wanted"]:
            await asyncio.sleep(0.05)
    assert "damaged" in found["problem"]
    assert (found["stage"], engine.adapters) == ("candidate", {})


async def test_the_former_champion_is_loaded_before_it_answers(served: Any, engine: ScriptedEngine) -> None:
    first, second = served.versions
    await start(served, first, "champion")
    await start(served, second, "champion")
    await settled(served, engine, second)
    await call(served, "POST", "/rollback")
    assert first in engine.adapters
    listed = {each["version"]: each["stage"] for each in (await call(served, "GET"))["items"]}
    assert listed == {first: "champion", second: "rolled_back"}
    await settled(served, engine, first)
