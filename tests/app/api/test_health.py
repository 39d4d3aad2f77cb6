"""Probes and figures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.main import create_app
from app.settings import ApiKey, AuthSettings, Settings
from core.errors import ConfigurationError, IndexUnavailable, Unavailable


async def test_ready(world: Any) -> None:
    response = await world.http.get("/readyz")
    body = response.json()
    assert (response.status_code, body["status"], body["missing"]) == (200, "ready", [])
    assert set(body["parts"]) == {"database", "index", "generator"}
    assert body["workers"] == {"worker-0": "running"}
    assert body["notes"] == {}


async def test_a_missing_part_is_named(world: Any) -> None:
    world.index.error = IndexUnavailable("The index process does not answer.")
    response = await world.http.get("/readyz")
    assert response.status_code == 503
    assert response.json()["missing"] == ["index"]
    assert response.json()["parts"]["index"] == {"ok": False, "detail": "The index process does not answer."}
    assert (await world.http.get("/healthz")).json() == {"status": "ok"}


async def test_what_parts_say_of_themselves_is_for_administrators(keyed: Any, ana: str, root_key: str) -> None:
    said = "No answer from /home/ana/.footnote/index.sock\n" + "Traceback: vendor " * 100
    keyed.index.error = IndexUnavailable(said)
    for client in (keyed.http, keyed.as_("no-key-of-this-server"), keyed.as_(ana)):
        response = await client.get("/readyz")
        assert (response.status_code, response.json()["missing"]) == (503, ["index"])
        assert "/home" not in response.text
        assert "vendor" not in response.text
    detail = (await keyed.as_(root_key).get("/readyz")).json()["parts"]["index"]["detail"]
    assert detail.startswith("No answer from /home/ana/.footnote/index.sock Traceback")
    assert len(detail) <= 300


async def test_a_page_under_a_rebound_name_learns_no_details(world: Any) -> None:
    world.index.error = IndexUnavailable("No answer from /home/ana/.footnote/index.sock.")
    rebound = await world.http.get("/readyz", headers={"Host": "evil.example"})
    assert (rebound.status_code, rebound.json()["missing"]) == (503, ["index"])
    assert "/home" not in rebound.text
    assert "/home" in (await world.http.get("/readyz")).text


async def test_why_a_part_does_not_answer_is_logged_once(world: Any, caplog: pytest.LogCaptureFixture) -> None:
    world.index.error = IndexUnavailable("The socket is gone.")
    for _ in range(3):
        await world.http.get("/readyz")
    assert [record.message for record in caplog.records if record.name == "footnote.ready"] == [
        "the index does not answer: The socket is gone."
    ]


async def test_a_server_whose_index_was_replaced_reads_on_and_says_so(world: Any, switch_index: Any) -> None:
    await world.handbook()
    await switch_index(world)
    response = await world.http.get("/readyz")
    body = response.json()
    assert (response.status_code, body["status"], body["missing"]) == (200, "ready", [])
    assert list(body["notes"]) == ["restart_needed"]
    assert "restart" in body["notes"]["restart_needed"]


async def test_an_index_that_is_being_mended_is_ready_and_says_so(keyed: Any, root_key: str) -> None:
    keyed.lacking = (3, 0)
    outside = (await keyed.http.get("/readyz")).json()
    assert (outside["status"], list(outside["notes"]), outside["returning"]) == ("ready", ["index_incomplete"], None)
    assert (await keyed.as_(root_key).get("/readyz")).json()["returning"] == 3


class Opening:
    """Services that open when they are told to, after the errors they were given."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.go = asyncio.Event()
        self.closed = False

    @asynccontextmanager
    async def __call__(self, settings: Settings) -> AsyncIterator[Any]:
        await self.go.wait()
        if self.errors:
            raise self.errors.pop(0)
        try:
            yield object()
        finally:
            self.closed = True


@asynccontextmanager
async def starting(tmp_path: Any, opening: Opening, **settings: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    app = create_app(Settings(data_dir=tmp_path, **settings), opening)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client,
    ):
        yield client, app.state.boot


async def test_alive_before_anything_is_open(tmp_path: Any) -> None:
    opening = Opening()
    async with starting(tmp_path, opening) as (client, boot):
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"], ready.json()["missing"]) == (503, "starting", ["services"])
        other = await client.get("/v1/documents")
        assert (other.status_code, other.json()["code"]) == (503, "starting")
        assert int(other.headers["retry-after"]) > 0
        assert (await client.get("/metrics")).status_code == 200
        upload = await client.post("/v1/documents", files={"file": ("a.txt", b"x")})
        assert (upload.status_code, upload.json()["code"]) == (503, "starting")
        opening.go.set()
        await boot.opened()
        assert not opening.closed
    assert opening.closed


async def test_a_setting_that_cannot_work_is_told(tmp_path: Any) -> None:
    opening = Opening(ConfigurationError("The index was built by another embedder; run footnote reindex."))
    opening.go.set()
    async with starting(tmp_path, opening) as (client, boot):
        with pytest.raises(ConfigurationError):
            await boot.opened()
        ready = (await client.get("/readyz")).json()
        assert ready["status"] == "failed"
        assert "footnote reindex" in ready["parts"]["services"]["detail"]
        assert (await client.get("/v1/documents")).json()["code"] == "configuration"
        assert (await client.get("/healthz")).status_code == 200


async def test_why_the_services_do_not_open_is_for_administrators(tmp_path: Any) -> None:
    opening = Opening(ConfigurationError("The model in /srv/models cannot be read."))
    opening.go.set()
    keys = [{"key": "ana-key-0123456789", "id": "ana"}, {"key": "root-key-0123456789", "id": "root", "admin": True}]
    async with starting(tmp_path, opening, auth={"keys": keys}) as (client, boot):
        with pytest.raises(ConfigurationError):
            await boot.opened()
        told = {}
        for name in ("nobody", "ana", "root"):
            headers = {"Authorization": f"Bearer {name}-key-0123456789"}
            ready = await client.get("/readyz", headers=headers)
            assert (ready.status_code, ready.json()["status"]) == (503, "failed")
            documents = await client.get("/v1/documents", headers=headers)
            told[name] = ("/srv" in ready.text, documents.status_code, "/srv" in documents.text)
        assert told == {"nobody": (False, 401, False), "ana": (False, 500, False), "root": (True, 500, True)}


async def test_an_unexpected_failure_to_open_is_not_told_in_detail(tmp_path: Any) -> None:
    opening = Opening(RuntimeError("password=hunter2"))
    opening.go.set()
    async with starting(tmp_path, opening) as (client, boot):
        with pytest.raises(ConfigurationError):
            await boot.opened()
        assert "hunter2" not in (await client.get("/readyz")).text


async def test_what_does_not_answer_yet_is_tried_again(tmp_path: Any) -> None:
    opening = Opening(Unavailable("The database cannot be reached."))
    opening.go.set()
    async with starting(tmp_path, opening) as (client, boot):
        while boot.error is None:
            await asyncio.sleep(0.01)
        assert "database" in (await client.get("/readyz")).json()["parts"]["services"]["detail"]
        await boot.opened()
        assert boot.error is None


async def test_stopping_while_it_opens(tmp_path: Any) -> None:
    async with starting(tmp_path, Opening()) as (client, _):
        assert (await client.get("/healthz")).status_code == 200


async def test_the_figures(world: Any) -> None:
    upload = await world.handbook()
    await world.upload("waiting.txt", b"waiting")
    await world.http.post("/v1/search", json={"query": "leave"})
    await world.http.post("/v1/answers", json={"question": "How much leave?"})
    await world.http.post("/v1/answers", json={"question": "Who won?"})
    await world.http.get("/v1/documents/unknown-1")
    await world.http.get("/v1/documents/unknown-2")
    await world.http.get("/somewhere/else")
    response = await world.http.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    figures = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }

    def value(name: str, **labels: str) -> float:
        return figures[(name, *sorted(labels.items()))]

    assert value("footnote_documents") == 1
    assert value("footnote_chunks") == 2
    assert value("footnote_jobs", status="queued") == 1
    assert value("footnote_jobs", status="succeeded") == 1
    assert value("footnote_jobs", status="failed") == 0
    assert value("footnote_answers_total", answerable="true") == 1
    assert value("footnote_answers_total", answerable="false") == 1
    assert value("footnote_statement_support_count", supported="true") == 2  # the statements of the one answer
    assert not [name for name, *_ in figures if name == "footnote_redis_up"]  # there is none that could be away
    assert value("footnote_stage_duration_seconds_count", operation="search", stage="embed") == 1
    assert value("footnote_stage_duration_seconds_sum", operation="search", stage="search") == 0.002
    assert value("footnote_stage_duration_seconds_count", operation="answer", stage="generate") == 1
    assert value("footnote_stage_duration_seconds_count", operation="answer", stage="total") == 2
    assert value("footnote_errors_total", code="not_found") == 3
    requests = "footnote_http_request_duration_seconds_count"
    assert value(requests, method="GET", route="/v1/documents/{id}", status="404") == 2
    assert value(requests, method="any", route="unmatched", status="404") == 1
    assert value(requests, method="POST", route="/v1/documents", status="202") == 2
    assert "unknown-1" not in response.text
    job = (await world.http.get(f"/v1/jobs/{upload['job_id']}")).json()
    assert set(job["timings_ms"]) == {"queued"}
    assert value("footnote_job_stage_duration_seconds_count", kind="ingest", stage="queued") == 1


async def test_the_stages_of_jobs_are_told_once(world: Any) -> None:
    upload = await world.upload()
    await world.store.jobs.start(upload["job_id"])
    await world.store.jobs.took(upload["job_id"], "parse", 1500.0)
    name = 'footnote_job_stage_duration_seconds_{}{{kind="ingest",stage="{}"}} {}'
    assert name.format("count", "parse", "1.0") not in (await world.http.get("/metrics")).text
    await world.store.jobs.succeed(upload["job_id"], took=("sweep", 20.0))
    assert (await world.http.get(f"/v1/jobs/{upload['job_id']}")).json()["timings_ms"]["parse"] == 1500.0
    for _ in range(2):
        told = (await world.http.get("/metrics")).text
        for stage, seconds in (("parse", "1.5"), ("sweep", "0.02")):
            assert name.format("count", stage, "1.0") in told
            assert name.format("sum", stage, seconds) in told


async def test_outputs_that_broke_their_schema_are_counted(world: Any) -> None:
    await world.handbook()

    async def counted() -> float:
        text = (await world.http.get("/metrics")).text
        families = {family.name: family for family in text_string_to_metric_families(text)}
        return families["footnote_generator_invalid_outputs"].samples[0].value

    assert await counted() == 0
    world.generator.outputs = ["Once upon a time", '{"answerable": false, "statements": []}']
    assert (await world.http.post("/v1/answers", json={"question": "How much leave?"})).status_code == 200
    assert await counted() == 1
    world.generator.outputs = ["Once upon a time", "there was"]
    assert (await world.http.post("/v1/answers", json={"question": "How much leave?"})).status_code == 502
    assert await counted() == 3


async def test_rollouts_are_told_to_administrators_and_keys_for_figures_alone(make_world: Any) -> None:
    keys = (
        ApiKey(key="s" * 20, id="prometheus", metrics_only=True),
        ApiKey(key="a" * 20, id="ana"),
        ApiKey(key="r" * 20, id="root", admin=True),
    )
    async with make_world(auth=AuthSettings(keys=keys)) as world:
        told = {who: (await world.as_(who * 20).get("/metrics")).text for who in "sar"}
    assert {who: "footnote_rollout_" in text for who, text in told.items()} == {"s": True, "a": False, "r": True}
    assert all("footnote_http_request" in text for text in told.values())


async def test_a_key_for_the_figures_reads_nothing_else(make_world: Any) -> None:
    keys = (ApiKey(key="s" * 20, id="prometheus", metrics_only=True), ApiKey(key="a" * 20, id="ana"))
    async with make_world(auth=AuthSettings(keys=keys)) as world:
        shown = {"Authorization": "Bearer " + "s" * 20}
        assert (await world.http.get("/metrics", headers=shown)).status_code == 200
        assert (await world.http.get("/metrics")).status_code == 401
        for path in ("/v1/documents", "/v1/conversations", "/v1/stats", "/v1/models"):
            refused = await world.http.get(path, headers=shown)
            assert refused.status_code == 403, path
        assert (await world.http.get("/readyz", headers=shown)).status_code == 200
        assert (await world.http.post("/v1/session", json={"key": "s" * 20})).status_code == 403
