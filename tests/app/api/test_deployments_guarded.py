"""What guards deployments themselves: administrators alone move them, no word speaks to a log or a terminal, an alarm
goes where the settings say and tells no secret, and no answer of one version is given as another's."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from app.adapters import Adapters
from app.cli.output import plain
from app.rollout.alarm import Alarm
from app.settings import AuthSettings, Settings
from finetune.settings import FinetuneSettings, RolloutSettings

GOOD, BAD = "hr@aaaaaaaaaaaaaaaa", "hr@bbbbbbbbbbbbbbbb"
HOSTILE = (
    "group:\x1b[2Jcleared",
    "group:a\r2026-11-23 00:00:00,000 WARNING footnote: forged",
    "group:\u202eevil",
    "group:a\u2028b",
    "group:a\x00b",
    "group:\ud800",
    "collection:",
    "group::x",
    "collection:../../etc/passwd",
    "everybody",
    "*,group:hr",
)


@pytest.fixture
async def office(make_world: Any, keys: Any) -> AsyncIterator[Any]:
    """A server with keys, and two adapters that are always loaded."""
    settings = FinetuneSettings(rollout=RolloutSettings(gate="optional"))
    async with make_world(auth=AuthSettings(keys=keys), finetune=settings) as world:
        hands = world.app.state.boot.services.rollout.desk.hands
        fixed = {GOOD: "/adapters/good", BAD: "/adapters/bad"}
        object.__setattr__(hands, "adapters", Adapters(settings=Settings(), base="scripted", fixed=fixed))
        world.root = world.as_("root-key-0123456789")
        await world.handbook(client=world.root)
        yield world


async def reached(office: Any, version: str, stage: str, **more: Any) -> str:
    """A version's deployment, once it is at a stage."""
    made = await office.root.post("/v1/deployments", json={"version": version, "stage": stage, **more})
    assert made.status_code == 201, made.text
    name = str(made.json()["id"])
    async with asyncio.timeout(60):
        while (await office.root.get(f"/v1/deployments/{name}")).json()["stage"] != stage:
            await asyncio.sleep(0.05)
    return name


async def test_every_route_is_for_administrators_alone(office: Any) -> None:
    trial = await reached(office, GOOD, "shadow")
    paths = (await office.root.get("/openapi.json")).json()["paths"]
    routes = [
        (method.upper(), path.replace("{deployment_id}", trial))
        for path, methods in paths.items() if path.startswith(("/v1/deployments", "/v1/gates"))
        for method in methods
    ]  # fmt: skip
    assert len(routes) >= 9
    for method, path in routes:
        kind = {"json": {}} if method == "POST" else {}
        for person, refused in ((office.as_("ana-key-0123456789"), 403), (office.http, 401)):
            response = await person.request(method, path.replace("{", "").replace("}", ""), **kind)
            assert response.status_code == refused, (method, path, response.text)
    assert (await office.root.get(f"/v1/deployments/{trial}")).json()["stage"] == "shadow"


async def test_metrics_tell_of_rollouts_to_whoever_has_a_key(office: Any) -> None:
    await reached(office, GOOD, "canary", share=0.25)
    told = (await office.root.get("/metrics")).text
    assert f'footnote_rollout_stage{{scope="*",stage="canary",version="{GOOD}"}} 1.0' in told
    assert f'footnote_rollout_share{{scope="*",version="{GOOD}"}} 0.25' in told
    assert "footnote_rollout_keeper 1.0" in told
    assert (await office.http.get("/metrics")).status_code == 401


@pytest.mark.parametrize("scope", HOSTILE)
async def test_what_is_no_scope_is_refused(office: Any, scope: str) -> None:
    body = json.dumps({"version": GOOD, "scope": scope}).encode()
    response = await office.root.post(
        "/v1/deployments", content=body, headers={"content-type": "application/json"}
    )  # fmt: skip
    assert response.status_code in (400, 404, 422), response.text
    assert (await office.root.get("/v1/deployments")).json()["items"] == []


@pytest.mark.parametrize("version", ["../../../etc/passwd", "hr@\x1b[2J", "hr@" + "a" * 64, "", "-rf", "hr@..%2f"])
async def test_what_is_no_version_is_not_found(office: Any, version: str) -> None:
    response = await office.root.post("/v1/deployments", json={"version": version})
    assert response.status_code in (400, 404, 409, 422), response.text
    assert (await office.root.get("/v1/deployments")).json()["items"] == []


async def test_a_hostile_reason_forges_no_row_and_says_nothing_to_a_terminal(office: Any) -> None:
    why = 'so\n{"at": 1, "by": "root", "did": "deleted"}\r\x1b[2J\u202e[red]'
    trial = await reached(office, GOOD, "canary", why=why)
    response = await office.root.post(f"/v1/deployments/{trial}/rollback", json={"why": why})
    assert response.status_code == 200
    rows = (await office.root.get("/v1/finetune/audit")).json()["items"]
    assert {row["did"] for row in rows} == {"wants canary", "now canary", "rolled back"}
    change = (await office.root.get("/v1/deployments/history")).json()["items"][0]
    assert change["why"] == why.strip()
    shown = plain(change["why"])
    assert "\x1b" not in shown
    assert "\r" not in shown
    assert "\u202e" not in shown
    assert "\\[red]" in shown


async def ask(office: Any) -> Any:
    response = await office.as_("ana-key-0123456789").post("/v1/answers", json={"question": "How much leave is there?"})
    assert response.status_code == 200, response.text
    return response.json()


async def test_what_one_version_answered_is_never_given_as_another_s(office: Any) -> None:
    """The question stays the same: were the adapter not in the key, the first answer would be given throughout."""
    await reached(office, GOOD, "champion")
    await ask(office)
    assert (await ask(office))["cached"], "it is remembered"
    assert [each.adapter for each in office.generator.requests] == [GOOD]
    await reached(office, BAD, "champion")
    assert not (await ask(office))["cached"]
    assert (await ask(office))["cached"]
    assert [each.adapter for each in office.generator.requests] == [GOOD, BAD]
    assert (await office.root.post("/v1/deployments/rollback", json={})).status_code == 200
    assert (await ask(office))["cached"], "the former champion's own answer, which it gave before"
    assert [each.adapter for each in office.generator.requests] == [GOOD, BAD]
    assert (await office.root.post("/v1/deployments/rollback", json={})).status_code == 200
    assert not (await ask(office))["cached"], "nobody's but the default's"
    assert [each.adapter for each in office.generator.requests] == [GOOD, BAD, None]


async def test_after_a_rollback_a_canary_s_answer_is_not_given_again(office: Any) -> None:
    trial = await reached(office, BAD, "canary", share=1.0)
    await ask(office)
    assert (await office.root.post(f"/v1/deployments/{trial}/rollback", json={})).status_code == 200
    before = len(office.generator.requests)
    assert not (await ask(office))["cached"]
    assert office.generator.requests[before].adapter is None


@pytest.fixture
def listener() -> Iterator[Any]:
    """A webhook that sends whoever posts to it somewhere else, and keeps the paths that were asked for."""
    found: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.append(self.path)
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(307)
            self.send_header("Location", "/latest/meta-data")
            self.end_headers()

        def do_GET(self) -> None:
            found.append(f"GET {self.path}")

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.found = found  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()


async def test_an_alarm_goes_nowhere_else_and_its_address_is_not_said(
    listener: Any, caplog: pytest.LogCaptureFixture
) -> None:
    key = RolloutSettings(webhook_key="the key of alarms").webhook_key  # type: ignore[arg-type]
    caplog.set_level(logging.DEBUG, "footnote")
    for port in (listener.server_port, 9):  # one that points elsewhere, and one that nobody listens on
        alarm = Alarm(f"http://127.0.0.1:{port}/services/T0/secret-token", key)
        alarm.say("drift", "Something drifts.")
        await alarm.close()
    assert set(listener.found) == {"/services/T0/secret-token"}
    assert "did not take an alarm: it answered 307" in caplog.text
    assert "did not take an alarm: ConnectError" in caplog.text
    for secret in ("secret-token", "the key of alarms"):
        assert secret not in caplog.text


def test_an_address_with_a_password_is_refused() -> None:
    for wrong in ("http://user:password@host/x", "file:///etc/passwd", "gopher://host/", "http://a b/"):
        with pytest.raises(ValueError, match="webhook"):
            RolloutSettings(webhook=wrong)
