"""One caller leaves room for the others: streams, answers and uploads at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from app.settings import AuthSettings, HttpSettings

KEYS = AuthSettings.model_validate({"keys": [{"key": f"{name}-key-0123456789", "id": name} for name in ("ana", "ben")]})
FEW = HttpSettings(streams_per_caller=3, answers_per_caller=2, uploads_per_caller=1)


@pytest.fixture
async def few(make_world: Any, serve: Any) -> AsyncIterator[tuple[Any, httpx.AsyncClient, httpx.AsyncClient]]:
    """A world of small shares with a document in it, and two callers over real connections."""
    async with make_world(auth=KEYS, http=FEW) as world, serve(world.app) as address, AsyncExitStack() as stack:
        ana, ben = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=address, timeout=20, headers={"Authorization": f"Bearer {name}-key-0123456789"}
                )
            )
            for name in ("ana", "ben")
        ]
        await world.handbook(client=ana)
        yield world, ana, ben


def refused(response: httpx.Response) -> bool:
    """Whether this is a refusal as it should be told."""
    if response.status_code != 429:
        return False
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "too_many_requests"
    assert int(response.headers["retry-after"]) > 0
    return True


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def test_so_many_streams_and_no_more(few: Any, read_events: Any) -> None:
    world, ana, ben = few
    jobs = [(await world.upload(f"{n}.txt", b"%d" % n, ana))["job_id"] for n in range(4)]
    streams = world.app.state.limits.streams
    async with AsyncExitStack() as stack:
        for job in jobs[:3]:
            response = await stack.enter_async_context(ana.stream("GET", f"/v1/jobs/{job}/events"))
            assert response.status_code == 200
        assert refused(await ana.get(f"/v1/jobs/{jobs[3]}/events"))
        assert refused(await ana.post("/v1/answers", json={"question": "leave?"}))
        assert (await ana.get("/v1/jobs")).status_code == 200
        asked = await ben.post("/v1/answers", json={"question": "leave?"})
        assert asked.status_code == 200
        assert (await ben.get(f"/v1/answers/{asked.json()['id']}/events")).status_code == 200
        assert refused(await ana.get(f"/v1/answers/{await _answer_of(world, ana)}/events"))
    await until(lambda: len(streams) == 0)  # leaving gives back
    async with ana.stream("GET", f"/v1/jobs/{jobs[3]}/events") as response:
        assert response.status_code == 200
        await world.store.jobs.fail(jobs[3], "broken_file", "It is broken.")
        assert [event.name async for event in read_events(response)][-1] == "done"
    await until(lambda: len(streams) == 0)  # so does a stream that ends


async def _answer_of(world: Any, client: httpx.AsyncClient) -> str:
    """An answer of ana's that is kept, written without a connection."""
    from app.runs import Question

    services = world.app.state.boot.services
    caller = world.app.state.keys.principal(client.headers["authorization"].removeprefix("Bearer "))
    run = await world.app.state.runs.start(services, Question(text="leave?", caller=caller))
    await run.result()
    return str(run.answer_id)


async def test_so_many_answers_and_no_more(few: Any) -> None:
    world, ana, ben = few
    world.generator.hold = asyncio.Semaphore(0)
    runs = world.app.state.runs
    for _ in range(2):  # who leaves does not free the generator
        async with ana.stream("POST", "/v1/answers", json={"question": "leave?", "stream": True}) as response:
            assert response.status_code == 200
    await until(lambda: len(world.app.state.limits.streams) == 0)
    assert len(runs._runs) == 2
    key = {"Idempotency-Key": "once"}
    assert refused(await ana.post("/v1/answers", json={"question": "leave?"}, headers=key))
    chat = {"model": "footnote", "messages": [{"role": "user", "content": "leave?"}]}
    response = await ana.post("/v1/chat/completions", json=chat)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["type"]) == (429, "too_many_requests", "rate_limit_error")
    assert int(response.headers["retry-after"]) > 0
    waiting = asyncio.create_task(ben.post("/v1/answers", json={"question": "leave?"}))
    await until(lambda: len(runs._runs) == 3)
    for _ in range(20):
        world.generator.hold.release()
    assert (await waiting).status_code == 200
    await until(lambda: not runs._runs)
    again = await ana.post("/v1/answers", json={"question": "leave?"}, headers=key)
    assert again.status_code == 200  # a refusal did not use the key up
    assert len(world.app.state.limits.answers) == 0


async def test_a_question_that_is_refused_gives_its_share_back(few: Any) -> None:
    world, ana, _ = few
    for _ in range(4):
        wrong = {"question": "leave?", "collection": "nowhere"}
        assert (await ana.post("/v1/answers", json=wrong)).status_code == 404
    assert len(world.app.state.limits.answers) == 0
    await until(lambda: len(world.app.state.limits.streams) == 0)


@asynccontextmanager
async def _sending(client: httpx.AsyncClient) -> AsyncIterator[Any]:
    """An upload that has begun, and that goes on when its event is set."""
    go, begun = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="slow.txt"\r\n\r\nslow'
        begun.set()
        await go.wait()
        yield b"ly\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    task = asyncio.create_task(client.post("/v1/documents", content=body(), headers=headers))
    await begun.wait()
    try:
        yield task, go
    finally:
        task.cancel()


async def test_so_many_uploads_and_no_more(few: Any) -> None:
    world, ana, ben = few
    async with _sending(ana) as (first, go):
        await until(lambda: len(world.app.state.limits.uploads) == 1)
        files = {"file": ("second.txt", b"second" * 10_000)}
        assert refused(await ana.post("/v1/documents", files=files))
        assert (await ben.post("/v1/documents", files=files)).status_code == 202
        go.set()
        assert (await first).status_code == 202
    await until(lambda: len(world.app.state.limits.uploads) == 0)
    assert (await ana.post("/v1/documents", files=files)).status_code == 202


async def test_an_upload_that_breaks_off_gives_its_share_back(few: Any) -> None:
    world, ana, _ = few
    async with _sending(ana):
        await until(lambda: len(world.app.state.limits.uploads) == 1)
    await until(lambda: len(world.app.state.limits.uploads) == 0)
