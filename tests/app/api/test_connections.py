"""What only a real connection shows: uploads that break off or are refused while they are sent, many readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.settings import HttpSettings

LIMIT = 1_000_000


@pytest.fixture
async def small(make_world: Any, serve: Any) -> Any:
    """A world with a low limit, and a client of it over a real connection."""
    async with (
        make_world(http=HttpSettings(max_upload_bytes=LIMIT)) as world,
        serve(world.app) as address,
        httpx.AsyncClient(base_url=address, timeout=20) as client,
    ):
        yield world, client


async def test_a_refused_upload_is_answered_and_not_only_cut_off(small: Any) -> None:
    world, client = small
    for size in (LIMIT + 1, 5 * LIMIT):
        response = await client.post("/v1/documents", files={"file": ("a.bin", b"x" * size)})
        assert (response.status_code, response.json()["code"]) == (413, "file_too_large")
    assert (await client.post("/v1/documents", files={"file": ("a.bin", b"x" * LIMIT)})).status_code == 202
    assert _left_over(world) == []


async def test_an_upload_that_breaks_off_leaves_nothing(small: Any) -> None:
    world, client = small
    _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(
        b"POST /v1/documents HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n' + b"x" * 300_000
    )
    await writer.drain()
    while not _left_over(world):
        await asyncio.sleep(0.01)
    writer.close()
    while _left_over(world):
        await asyncio.sleep(0.01)
    assert list(world.blobs.all()) == []
    assert (await client.get("/v1/jobs")).json()["items"] == []


async def test_many_readers_of_one_stream(live: Any, world: Any, read_events: Any) -> None:
    await world.handbook(*(f"Leave rule {n}." for n in range(6)))
    world.generator.hold = asyncio.Semaphore(1)
    async with live.stream("POST", "/v1/answers", json={"question": "Which leave?", "stream": True}) as response:
        asking = read_events(response)
        answer_id = (await anext(asking)).data["answer_id"]

        async def follow(after: int) -> list[int]:
            headers = {"Last-Event-ID": str(after)}
            async with live.stream("GET", f"/v1/answers/{answer_id}/events", headers=headers) as following:
                return [event.id async for event in read_events(following)]

        followers = [asyncio.create_task(follow(after)) for after in (0, 1, 3, 5)]
        for _ in range(20):
            world.generator.hold.release()
        rest = [event.id async for event in asking]
    found = await asyncio.gather(*followers)
    last = rest[-1]
    assert found == [list(range(after + 1, last + 1)) for after in (0, 1, 3, 5)]


async def test_a_quiet_stream_pings(live: Any, world: Any, read_events: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.api import sse

    monkeypatch.setattr(sse, "PING_SECONDS", 0.05)
    await world.handbook()
    world.generator.hold = asyncio.Semaphore(0)
    pings = 0
    async with live.stream("POST", "/v1/answers", json={"question": "leave?", "stream": True}) as response:
        async for event in read_events(response):
            if event.name == "ping":
                assert event.id is None
                pings += 1
                world.generator.hold.release()
    assert pings >= 4


def _left_over(world: Any) -> list[Any]:
    return list((world.settings.data_dir / "blobs" / "tmp").iterdir())


async def test_a_caller_that_sends_far_too_much_hears_why(small: Any) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="big.txt"\r\n\r\n'
        for _ in range(60):
            yield bytes(2**20)
        yield b"\r\n--B--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    response = await small[1].post("/v1/documents", content=body(), headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, "file_too_large")
    assert response.headers["connection"] == "close"
