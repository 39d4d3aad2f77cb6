"""Jobs as states and as streams."""

from __future__ import annotations

import asyncio
from typing import Any


async def test_a_job_is_followed_to_its_end(live: Any, world: Any, read_events: Any) -> None:
    upload = await world.upload()
    url = f"/v1/jobs/{upload['job_id']}/events"
    seen = []
    async with live.stream("GET", url) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        async for event in read_events(response):
            seen.append(event)
            if len(seen) == 1:
                await world.publish(upload, "Leave is 28 days.")
    assert seen[0].data["status"] == "queued"
    assert (seen[-1].name, seen[-1].data["status"], seen[-1].data["progress"]) == ("done", "succeeded", 1.0)
    ids = [event.id for event in seen]
    assert ids == sorted(set(ids))
    assert seen[-1].data == (await live.get(f"/v1/jobs/{upload['job_id']}")).json()
    over = await live.get(url, headers={"Last-Event-ID": str(ids[-1])})
    assert (over.status_code, over.content) == (204, b"")
    rest = [e async for e in read_events(await live.get(url, headers={"Last-Event-ID": str(ids[0])}))]
    assert rest == [seen[-1]]


async def test_a_reader_who_has_seen_the_state_waits_for_the_next(live: Any, world: Any, read_events: Any) -> None:
    upload = await world.upload()
    revision = (await world.store.jobs.get(upload["job_id"])).revision
    headers = {"Last-Event-ID": str(revision)}
    async with live.stream("GET", f"/v1/jobs/{upload['job_id']}/events", headers=headers) as response:
        await world.store.jobs.fail(upload["job_id"], "broken_file", "The file is broken.")
        seen = [event async for event in read_events(response)]
    assert [event.name for event in seen] == ["done"]
    assert seen[0].data["error"] == {"code": "broken_file", "message": "The file is broken."}


async def test_cancel_and_retry(world: Any) -> None:
    upload = await world.upload()
    url = f"/v1/jobs/{upload['job_id']}"
    cancelled = await world.http.post(f"{url}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (await world.http.post(f"{url}/cancel")).json()["code"] == "conflict"
    retried = await world.http.post(f"{url}/retry")
    assert (retried.status_code, retried.json()["status"]) == (200, "queued")
    assert (await world.http.post(f"{url}/retry")).status_code == 409
    await world.publish(upload, "Leave.")
    assert (await world.http.get(url)).json()["status"] == "succeeded"


async def test_a_running_job_is_asked_to_stop(world: Any) -> None:
    upload = await world.upload()
    await world.store.jobs.start(upload["job_id"])
    stopped = (await world.http.post(f"/v1/jobs/{upload['job_id']}/cancel")).json()
    assert (stopped["status"], stopped["cancel_requested"]) == ("running", True)


async def test_jobs_are_listed_newest_first_and_by_state(world: Any) -> None:
    first, second = await world.upload("a.txt"), await world.upload("b.txt", b"b")
    await world.publish(first, "Leave.")
    listed = (await world.http.get("/v1/jobs")).json()["items"]
    assert [job["id"] for job in listed] == [second["job_id"], first["job_id"]]
    for params, ids in (
        ({"status": "succeeded"}, [first["job_id"]]),
        ({"kind": "delete"}, []),
        ({"document_id": second["document_id"]}, [second["job_id"]]),
        ({"document_id": [first["document_id"], second["document_id"]]}, [second["job_id"], first["job_id"]]),
        ({"id": first["job_id"]}, [first["job_id"]]),
        ({"id": [first["job_id"], second["job_id"], "none"]}, [second["job_id"], first["job_id"]]),
        ({"id": "none"}, []),
    ):
        items = (await world.http.get("/v1/jobs", params=params)).json()["items"]
        assert [job["id"] for job in items] == ids


async def test_leaving_a_followed_job_ends_its_watching(live: Any, world: Any, read_events: Any) -> None:
    upload = await world.upload()
    async with live.stream("GET", f"/v1/jobs/{upload['job_id']}/events") as response:
        await anext(read_events(response))
        assert _watching()
    while _watching():
        await asyncio.sleep(0.01)


def _watching() -> list[object]:
    """The tasks that wait for a stream's next event."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return [name for name in names if name == "_next"]


async def test_what_waits_for_a_restart_says_so_wherever_it_is_told(
    world: Any, live: Any, read_events: Any, switch_index: Any
) -> None:
    kept = await world.handbook(name="kept.txt")
    await switch_index(world)
    upload = await world.upload("late.txt", b"Too late.")
    url = f"/v1/jobs/{upload['job_id']}"
    told = (await world.http.get(url)).json()
    assert (told["status"], told["stage"], told["attempts"]) == ("queued", "waiting_for_restart", 0)
    assert "restarted" in told["detail"]
    listed = {job["id"]: job for job in (await world.http.get("/v1/jobs")).json()["items"]}
    assert listed[upload["job_id"]] == told
    assert listed[kept["job_id"]]["stage"] == "done"
    async with live.stream("GET", f"{url}/events") as response:
        assert (await anext(read_events(response))).data == told
    deleted = (await world.http.delete(f"/v1/documents/{kept['document_id']}")).json()
    assert (await world.http.get(f"/v1/jobs/{deleted['job_id']}")).json()["stage"] == "queued"
