"""Two servers on one database and one Redis: what is begun on the one is read, continued and stopped on the other, and
without Redis each goes on alone and says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis as Client

from app.settings import AuthSettings, HttpSettings
from tests.redis_process import RedisProcess


@pytest.fixture
async def two(make_world: Any, redis_process: RedisProcess) -> AsyncIterator[tuple[Any, Any]]:
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(make_world(redis_url=redis_process.url)),
            await stack.enter_async_context(make_world(redis_url=redis_process.url)),
        )


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)


async def ask(world: Any) -> tuple[asyncio.Task[Any], str]:
    """A question whose answer is held back, and the answer's id."""
    asking = asyncio.create_task(world.http.post("/v1/answers", json={"question": "How many days of leave?"}))
    asked = len(world.generator.requests)
    await until(lambda: len(world.generator.requests) > asked)
    [answer_id] = world.app.state.runs._runs
    return asking, answer_id


async def events(world: Any, answer_id: str) -> str:
    return str((await world.http.get(f"/v1/answers/{answer_id}/events", timeout=30)).text)


async def notes(world: Any) -> set[str]:
    response = await world.http.get("/readyz")
    assert response.status_code == 200
    return set(response.json()["notes"])


async def is_up(world: Any) -> float:
    families = text_string_to_metric_families((await world.http.get("/metrics")).text)
    [found] = [family for family in families if family.name == "footnote_redis_up"]
    return float(found.samples[0].value)


async def test_an_answer_is_read_while_it_is_written_elsewhere(two: tuple[Any, Any]) -> None:
    here, there = two
    await here.handbook()
    here.generator.hold = asyncio.Semaphore(1)
    asking, answer_id = await ask(here)
    reading = asyncio.create_task(events(there, answer_id))
    await asyncio.sleep(0.1)
    assert not reading.done()
    for _ in range(10):
        here.generator.hold.release()
    answer = (await asking).json()
    assert answer["degraded"] == []
    said = await reading
    assert "event: delta" in said
    assert said == await events(here, answer_id) == await events(there, answer_id)


async def test_an_answer_is_stopped_from_elsewhere(two: tuple[Any, Any]) -> None:
    here, there = two
    await here.handbook()
    here.generator.hold = asyncio.Semaphore(0)
    asking, answer_id = await ask(here)
    while not asking.done():  # the first message may come before anybody listens
        assert (await there.http.post(f"/v1/answers/{answer_id}/cancel")).status_code in {202, 409}
        await asyncio.wait({asking}, timeout=0.1)
    assert (await asking).json()["code"] == "cancelled"
    assert here.generator.stopped == 1
    assert (await there.http.post(f"/v1/answers/{answer_id}/cancel")).status_code == 409


async def test_redis_is_killed_while_an_answer_is_written(two: tuple[Any, Any], redis_process: RedisProcess) -> None:
    here, there = two
    await here.handbook()
    assert await notes(here) == set()
    assert await is_up(here) == 1
    here.generator.hold = asyncio.Semaphore(1)
    asking, answer_id = await ask(here)
    redis_process.kill()
    for _ in range(100):
        here.generator.hold.release()
    assert (await asking).status_code == 200
    assert "event: delta" in await events(here, answer_id)
    told = await events(there, answer_id)  # the other server has the record, not the stream
    assert "event: done" in told
    assert "event: delta" not in told

    second = (await here.http.post("/v1/answers", json={"question": "How many days of leave?"})).json()
    assert second["degraded"] == ["redis_unavailable"]
    assert await is_up(here) == 0
    asking, answer_id = await _held(here)
    refused = await there.http.post(f"/v1/answers/{answer_id}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert (await here.http.post(f"/v1/answers/{answer_id}/cancel")).status_code == 202
    await asking

    async with asyncio.timeout(20):
        while await notes(here) != {"redis_unavailable"}:
            await asyncio.sleep(0.1)
        redis_process.start()
        while await notes(here):
            await asyncio.sleep(0.1)
    assert await is_up(here) == 1


async def _held(world: Any) -> tuple[asyncio.Task[Any], str]:
    world.generator.hold = asyncio.Semaphore(0)
    return await ask(world)


async def test_questions_are_counted_over_both(make_world: Any, redis_process: RedisProcess) -> None:
    keys = [{"key": f"{name}-key-0123456789", "id": name} for name in ("ana", "ben")]
    settings = {
        "auth": AuthSettings.model_validate({"keys": keys}),
        "http": HttpSettings(questions_per_minute=2),
        "redis_url": redis_process.url,
    }
    ana, ben = ({"Authorization": f"Bearer {name}-key-0123456789"} for name in ("ana", "ben"))
    question = {"question": "How many days of leave?"}
    async with make_world(**settings) as here, make_world(**settings) as there:
        await here.http.post("/v1/search", json={"query": "leave"}, headers=ana)
        await there.http.post("/v1/answers", json=question, headers=ana)
        for world, path, body in (
            (here, "/v1/answers", question),
            (there, "/v1/search", {"query": "leave"}),
            (there, "/v1/chat/completions", {"model": "footnote", "messages": [{"role": "user", "content": "Leave?"}]}),
        ):
            refused = await world.http.post(path, json=body, headers=ana)
            assert refused.status_code == 429
            assert 1 <= int(refused.headers["Retry-After"]) <= 30
            assert "2 times a minute" in refused.text
        assert (await there.http.get("/v1/documents", headers=ana)).status_code == 200
        assert (await there.http.post("/v1/search", json={"query": "leave"}, headers=ben)).status_code == 200
        redis_process.kill()
        alone = [await here.http.post("/v1/search", json={"query": "leave"}, headers=ana) for _ in range(3)]
        assert [response.status_code for response in alone] == [200, 200, 429]
        assert alone[0].json()["degraded"] == ["redis_unavailable"]


async def test_what_one_has_answered_the_other_gives_again(two: tuple[Any, Any], redis_process: RedisProcess) -> None:
    here, there = two
    document = await here.handbook()
    question = {"question": "How many days of leave?"}
    first = (await here.http.post("/v1/answers", json=question)).json()
    again = (await there.http.post("/v1/answers", json=question)).json()
    assert (first["cached"], again["cached"], again["statements"]) == (False, True, first["statements"])
    assert (there.searcher.requests, there.generator.requests) == ([], [])

    redis = Client.from_url(redis_process.url)
    [key] = redis.keys("*:cache:*")
    value = redis.get(key)
    for broken in (b"", b"\x80\x04.", value[:-9], value[:40] + b"x" + value[41:], b"footnote answer 1\n" + b"{}"):
        redis.set(key, broken)
        answer = await here.http.post("/v1/answers", json=question)
        assert (answer.status_code, answer.json()["cached"], answer.json()["degraded"]) == (200, False, []), broken
        assert redis.get(key) != broken, "it was written anew"
    redis.close()

    assert (await there.http.post("/v1/answers", json=question)).json()["cached"]
    await here.http.delete(f"/v1/documents/{document['document_id']}")
    gone = (await there.http.post("/v1/answers", json=question)).json()
    assert (gone["cached"], gone["sources"]) == (False, [])
    await here.http.post(f"/v1/documents/{document['document_id']}/restore")
    redis_process.kill()
    for _ in range(2):
        alone = (await here.http.post("/v1/answers", json=question)).json()
        assert (alone["cached"], alone["degraded"]) == (False, ["redis_unavailable"])
        assert alone["statements"] == first["statements"]


async def test_what_a_caller_holds_is_counted_over_both(make_world: Any, redis_process: RedisProcess) -> None:
    settings = {"http": HttpSettings(answers_per_caller=1), "redis_url": redis_process.url}
    async with make_world(**settings) as here, make_world(**settings) as there:
        await here.handbook()
        asking, _ = await _held(here)
        refused = await there.http.post("/v1/answers", json={"question": "leave?"})
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        for _ in range(10):
            here.generator.hold.release()
        assert (await asking).status_code == 200
        async with asyncio.timeout(20):
            while (await there.http.post("/v1/answers", json={"question": "leave?"})).status_code == 429:
                await asyncio.sleep(0.02)


TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream"}


@pytest.fixture
async def sharing(make_world: Any, tmp_path: Path) -> AsyncIterator[tuple[Any, Any]]:
    """Two that share a folder, and no Redis."""
    async with AsyncExitStack() as stack:
        folder = tmp_path / "shared"
        yield (
            await stack.enter_async_context(make_world(shared_dir=folder)),
            await stack.enter_async_context(make_world(shared_dir=folder)),
        )


async def begun(world: Any, length: int) -> str:
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": "filename bGVhdmUudHh0"}
    response = await world.http.post("/v1/uploads", headers=headers)
    assert response.status_code == 201, response.text
    return str(response.headers["location"])


async def send(world: Any, place: str, offset: int, data: Any) -> Any:
    return await world.http.patch(place, headers={**PART, "Upload-Offset": str(offset)}, content=data)


async def test_an_upload_goes_on_at_whichever_server(sharing: tuple[Any, Any], tmp_path: Path) -> None:
    here, there = sharing
    place = await begun(here, 10)
    assert (await send(there, place, 0, b"1234")).headers["upload-offset"] == "4"
    assert (await here.http.head(place, headers=TUS)).headers["upload-offset"] == "4"
    assert (await send(there, place, 0, b"1234")).status_code == 409
    last = await send(here, place, 4, b"567890")
    told = (await there.http.get(place)).json()
    assert (last.status_code, told["document_id"]) == (204, last.headers["footnote-document"])
    version = await there.store.documents.version(told["version_id"])
    assert there.blobs.path(version.sha256).read_bytes() == b"1234567890"
    assert (tmp_path / "shared" / "uploads").is_dir()
    assert not (tmp_path / "uploads").exists()

    other = await begun(here, 10)
    assert (await there.http.delete(other, headers=TUS)).status_code == 204
    assert (await here.http.head(other, headers=TUS)).status_code == 404


async def test_a_connection_that_only_looks_alive_gives_way_to_another_server(sharing: tuple[Any, Any]) -> None:
    here, there = sharing
    place = await begun(here, 1_000_000)
    [part] = (here.settings.files_dir / "uploads").glob("*.part")
    stalled = asyncio.Event()

    async def stalls() -> AsyncIterator[bytes]:
        yield b"x" * 600_000
        await stalled.wait()

    sending = asyncio.create_task(send(here, place, 0, stalls()))
    await until(lambda: part.stat().st_size == 600_000)
    stands = await there.http.head(place, headers=TUS)
    assert (stands.status_code, stands.headers["upload-offset"]) == (200, "600000")
    last = await send(there, place, 600_000, b"y" * 400_000)
    assert last.headers["footnote-document"]
    stalled.set()
    assert (await sending).headers["upload-offset"] == "600000"
