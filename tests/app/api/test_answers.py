"""Answers in whole and as streams: left, come back to, cancelled, asked for twice."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from core.errors import GeneratorUnavailable, IndexUnavailable


async def test_an_answer_cites_what_was_found(world: Any) -> None:
    document = await world.handbook()
    response = await world.http.post("/v1/answers", json={"question": "How much leave?"})
    assert response.status_code == 200
    answer = response.json()
    assert answer["answerable"] is True
    assert [s["text"] for s in answer["statements"]] == ["Leave is 28 days.", "Leave may be carried over."]
    assert [s["sources"] for s in answer["statements"]] == [["1"], ["2"]]
    assert answer["statements"][0]["supported"] is True
    assert [s["chunk_id"] for s in answer["sources"]] == document["chunks"]
    assert answer["sources"][0]["boxes"] == [{"page": 1, "x0": 1, "y0": 2, "x1": 3, "y1": 4}]
    assert answer["retrieval"] == {"used": True, "reason": answer["retrieval"]["reason"], "n": 2}
    assert answer["generator"]["name"] == "scripted"
    assert answer["timings_ms"]["total"] > 0
    assert (await world.http.get(f"/v1/answers/{answer['id']}")).json() == answer


async def test_what_is_not_in_the_documents_is_not_answerable(world: Any) -> None:
    answer = (await world.http.post("/v1/answers", json={"question": "Who won?"})).json()
    assert (answer["answerable"], answer["statements"], answer["retrieval"]["n"]) == (False, [], 0)


async def test_a_conversation_grows_and_is_told_to_the_generator(world: Any) -> None:
    await world.handbook()
    first = (await world.http.post("/v1/answers", json={"question": "How much leave?"})).json()
    asked = {"question": "May leave be kept?", "conversation_id": first["conversation_id"]}
    second = (await world.http.post("/v1/answers", json=asked)).json()
    assert second["conversation_id"] == first["conversation_id"]
    condensing = next(r for r in world.generator.requests if r.task == "condense")
    assert [m.content for m in condensing.history] == [
        "How much leave?",
        "Leave is 28 days. Leave may be carried over.",
    ]
    thread = (await world.http.get(f"/v1/conversations/{first['conversation_id']}")).json()
    assert thread["title"] == "How much leave?"
    assert [a["id"] for a in thread["answers"]] == [first["id"], second["id"]]
    renamed = await world.http.patch(f"/v1/conversations/{thread['id']}", json={"title": "Leave"})
    assert renamed.json()["title"] == "Leave"
    assert [c["title"] for c in (await world.http.get("/v1/conversations")).json()["items"]] == ["Leave"]
    assert (await world.http.delete(f"/v1/conversations/{thread['id']}")).status_code == 204
    assert (await world.http.get(f"/v1/answers/{first['id']}")).status_code == 404
    assert (await world.http.post("/v1/answers", json=asked)).status_code == 404


async def test_a_withheld_passage_is_not_told_to_the_generator(world: Any) -> None:
    document = await world.handbook()
    first = (await world.http.post("/v1/answers", json={"question": "How much leave?"})).json()
    await world.http.delete(f"/v1/documents/{document['document_id']}")
    asked = {"question": "May leave be kept?", "conversation_id": first["conversation_id"]}
    await world.http.post("/v1/answers", json=asked)
    told = [message.content for message in world.generator.requests[-1].history]
    assert told == ["How much leave?", ""]


async def test_a_question_is_narrowed_as_asked(world: Any) -> None:
    await world.http.post("/v1/collections", json={"name": "other"})
    await world.http.post(
        "/v1/answers",
        json={"question": "leave?", "collection": "other", "filters": {"metadata": {"year": [2025, 2026], "b": True}}},
    )
    request = world.searcher.requests[-1]
    assert request.collections == ("other",)
    assert request.filters.metadata == {"year": (2025, 2026), "b": True}


@pytest.mark.parametrize(
    ("part", "error", "status"),
    [
        ("searcher", IndexUnavailable("The index does not answer."), 503),
        ("generator", GeneratorUnavailable("The generator does not answer."), 503),
    ],
)
async def test_a_part_that_fails_is_named(world: Any, part: str, error: Exception, status: int) -> None:
    await world.handbook()
    getattr(world, part).error = error
    response = await world.http.post("/v1/answers", json={"question": "leave?"})
    assert (response.status_code, response.json()["detail"]) == (status, str(error))
    assert "retry-after" in response.headers
    thread = (await world.http.get("/v1/conversations")).json()["items"][0]
    kept = (await world.http.get(f"/v1/conversations/{thread['id']}")).json()["answers"][0]
    assert (kept["status"], kept["error"]["message"]) == ("failed", str(error))


async def test_the_stream_tells_every_step_with_growing_ids(live: Any, world: Any, read_events: Any) -> None:
    await world.handbook()
    async with live.stream("POST", "/v1/answers", json={"question": "How much leave?", "stream": True}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-accel-buffering"] == "no"
        assert "no-transform" in response.headers["cache-control"]
        seen = [event async for event in read_events(response)]
    assert [event.id for event in seen] == list(range(1, len(seen) + 1))
    assert seen[0].data["stage"] == "accepted"
    assert seen[0].data["answer_id"] == response.headers["x-answer-id"]
    assert [e.data["stage"] for e in seen if e.name == "status"][:4] == ["accepted", "condense", "retrieve", "generate"]
    sources = next(e for e in seen if e.name == "sources").data["sources"]
    statements = [e.data["statement"] for e in seen if e.name == "statement"]
    grown = "".join(e.data["text"] for e in seen if e.name == "delta" and e.data["index"] == 0)
    assert statements[0]["text"].startswith(grown)
    assert seen[-1].name == "done"
    assert seen[-1].data["statements"] == statements
    assert seen[-1].data["sources"] == sources
    assert seen[-1].data == (await live.get(f"/v1/answers/{seen[-1].data['id']}")).json()


async def test_leaving_does_not_cancel_and_nothing_is_missed(live: Any, world: Any, read_events: Any) -> None:
    await world.handbook()
    world.generator.hold = asyncio.Semaphore(3)  # the first statement is whole, the second is not
    before = []
    async with live.stream("POST", "/v1/answers", json={"question": "How much leave?", "stream": True}) as response:
        async for event in read_events(response):
            before.append(event)
            if event.name == "statement":
                break
    answer_id = before[0].data["answer_id"]
    url = f"/v1/answers/{answer_id}/events"
    assert (await live.get(f"/v1/answers/{answer_id}")).json()["status"] == "running"
    world.generator.hold.release()
    async with live.stream("GET", url, headers={"Last-Event-ID": str(before[-1].id)}) as response:
        after = [event async for event in read_events(response)]
    assert [e.id for e in before + after] == list(range(1, len(before + after) + 1))
    assert after[-1].name == "done"
    assert len(after[-1].data["statements"]) == 2
    whole = [event async for event in read_events(await live.get(url))]
    assert whole == before + after
    finished = await live.get(url, headers={"Last-Event-ID": str(after[-1].id)})
    assert (finished.status_code, finished.content) == (204, b"")


async def test_cancelling_stops_the_generator(live: Any, world: Any, read_events: Any) -> None:
    await world.handbook()
    world.generator.hold = asyncio.Semaphore(1)
    seen = []
    async with live.stream("POST", "/v1/answers", json={"question": "How much leave?", "stream": True}) as response:
        async for event in read_events(response):
            seen.append(event)
            if event.name == "status" and event.data["stage"] == "generate":
                cancelled = await live.post(f"/v1/answers/{seen[0].data['answer_id']}/cancel")
                assert cancelled.status_code == 202
    assert (seen[-1].name, seen[-1].data["code"]) == ("error", "cancelled")
    assert world.generator.stopped == 1
    answer = (await live.get(f"/v1/answers/{seen[0].data['answer_id']}")).json()
    assert (answer["status"], answer["error"]["code"]) == ("failed", "cancelled")
    again = await live.post(f"/v1/answers/{answer['id']}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


async def test_a_caller_who_waits_learns_that_it_was_cancelled(world: Any) -> None:
    await world.handbook()
    world.generator.hold = asyncio.Semaphore(0)
    asking = asyncio.create_task(world.http.post("/v1/answers", json={"question": "leave?"}))
    while not world.generator.requests:
        await asyncio.sleep(0.01)
    (thread,) = (await world.http.get("/v1/conversations")).json()["items"]
    (answer,) = (await world.http.get(f"/v1/conversations/{thread['id']}")).json()["answers"]
    await world.http.post(f"/v1/answers/{answer['id']}/cancel")
    response = await asking
    assert (response.status_code, response.json()["code"]) == (409, "cancelled")


async def test_an_error_ends_the_stream(live: Any, world: Any, read_events: Any) -> None:
    await world.handbook()
    world.generator.error = RuntimeError("secret")
    response = await live.post("/v1/answers", json={"question": "How much leave?", "stream": True})
    seen = [event async for event in read_events(response)]
    assert response.status_code == 200
    assert (seen[-1].name, seen[-1].data["code"], seen[-1].data["status"]) == ("error", "internal", 500)
    assert "secret" not in response.text


async def test_a_stream_that_is_no_longer_kept_is_told_in_one_event(world: Any, read_events: Any) -> None:
    await world.handbook()
    answer = (await world.http.post("/v1/answers", json={"question": "How much leave?"})).json()
    world.streams._streams.clear()
    told = [event async for event in read_events(await world.http.get(f"/v1/answers/{answer['id']}/events"))]
    assert [event.name for event in told] == ["done"]
    assert told[0].data == answer


async def test_the_same_key_asks_once(world: Any, read_events: Any) -> None:
    await world.handbook()
    send = {"json": {"question": "How much leave?"}, "headers": {"Idempotency-Key": "ask-1"}}
    first = await world.http.post("/v1/answers", **send)
    second = await world.http.post("/v1/answers", **send)
    assert first.json() == second.json()
    assert len([r for r in world.generator.requests if r.task == "answer"]) == 1
    stream = {"json": {"question": "How much leave?", "stream": True}, "headers": {"Idempotency-Key": "ask-2"}}
    streams = [[e async for e in read_events(await world.http.post("/v1/answers", **stream))] for _ in range(2)]
    assert streams[0] == streams[1]
    assert streams[0][-1].name == "done"
    mixed = await world.http.post("/v1/answers", json={"question": "Other?"}, headers={"Idempotency-Key": "ask-1"})
    assert (mixed.status_code, mixed.json()["code"]) == (409, "conflict")


async def test_a_stopping_server_says_so_on_its_streams(world: Any) -> None:
    await world.handbook()
    world.generator.hold = asyncio.Semaphore(0)
    asking = asyncio.create_task(world.http.post("/v1/answers", json={"question": "leave?"}))
    while not world.generator.requests:
        await asyncio.sleep(0.01)
    await world.app.state.runs.close()
    response = await asking
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    refused = await world.http.post("/v1/answers", json={"question": "leave?"})
    assert refused.status_code == 503


async def test_a_server_that_is_stopped_finishes_what_it_writes_and_begins_nothing(world: Any) -> None:
    await world.handbook()
    world.generator.hold = asyncio.Semaphore(0)
    asking = asyncio.create_task(world.http.post("/v1/answers", json={"question": "leave?"}))
    while not world.generator.requests:
        await asyncio.sleep(0.01)
    leaving = asyncio.create_task(world.app.state.runs.drain(60))
    await asyncio.sleep(0)
    refused = await world.http.post("/v1/answers", json={"question": "leave?"})
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    state = await world.http.get("/readyz")
    assert (state.status_code, state.json()["status"]) == (503, "stopping")
    for _ in range(1000):
        world.generator.hold.release()
    assert (await asking).status_code == 200
    await leaving


async def test_a_stopped_server_waits_only_so_long(world: Any) -> None:
    await world.handbook()
    world.generator.hold = asyncio.Semaphore(0)
    asking = asyncio.create_task(world.http.post("/v1/answers", json={"question": "leave?"}))
    while not world.generator.requests:
        await asyncio.sleep(0.01)
    await world.app.state.runs.drain(0.05)
    await world.app.state.runs.close()
    assert (await asking).status_code == 503


async def test_feedback_on_an_answer(world: Any) -> None:
    await world.handbook()
    answer = (await world.http.post("/v1/answers", json={"question": "How much leave?"})).json()
    said = {
        "answer_id": answer["id"],
        "rating": "down",
        "reason": "wrong",
        "citations": [{"source": "1", "correct": False}],
    }
    given = await world.http.post("/v1/feedback", json=said)
    assert given.status_code == 201
    assert given.json()["citations"] == [{"source": "1", "correct": False}]
    again = (await world.http.post("/v1/feedback", json={"answer_id": answer["id"], "rating": "up"})).json()
    assert (again["id"], again["rating"]) == (given.json()["id"], "up")
    listed = (await world.http.get("/v1/feedback", params={"answer_id": answer["id"]})).json()
    assert listed["items"] == [again]
    wrong = await world.http.post("/v1/feedback", json={**said, "citations": [{"source": "9", "correct": True}]})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_input")
    assert (await world.http.delete(f"/v1/feedback/{again['id']}")).status_code == 204
    assert (await world.http.get("/v1/feedback")).json()["items"] == []
    gone = await world.http.delete(f"/v1/feedback/{again['id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
    figures = (await world.http.get("/metrics")).text
    assert 'footnote_feedback_total{rating="down"} 1.0' in figures
    assert json.loads(json.dumps(again))["principal_id"] == "local"
