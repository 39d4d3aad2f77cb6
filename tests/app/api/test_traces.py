"""Why an answer is as it is: told to whoever asked, as far as they may still read what it rests on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents.judging import Judgement, Opinion


async def ask(client: Any, question: str = "leave?", **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.post("/v1/answers", json={"question": question, **more})).json()
    return answer


async def trace_of(client: Any, answer_id: str) -> dict[str, Any]:
    response = await client.get(f"/v1/answers/{answer_id}/trace")
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


async def test_from_the_question_to_the_raw_output(world: Any) -> None:
    book = await world.handbook()
    filters = {"document_ids": [book["document_id"]], "metadata": {"year": [2025, 2026]}}
    answer = await ask(world.http, " Leave? ", filters=filters, collection="default")
    told = await trace_of(world.http, answer["id"])
    assert (told["answer_id"], told["asked"], told["question"]) == (answer["id"], "Leave?", "Leave?")
    assert (told["collections"], told["filters"]["metadata"]) == (["default"], {"year": [2025, 2026]})
    search = told["search"]
    assert (search["mode"], search["proposed"], search["refused"], search["reranked"]) == ("hybrid", 2, 0, False)
    assert [one["chunk_id"] for one in search["candidates"]] == book["chunks"]
    assert search["candidates"][0]["excerpt"] == "Leave is 28 days."
    assert told["offered"] == [{"source": str(n), "chunk_id": id} for n, id in enumerate(book["chunks"], start=1)]
    (sent,) = world.generator.requests
    assert [part["content"] for part in told["sent"]["messages"]] == [message.content for message in sent.messages]
    assert told["sent"]["output_schema"] == sent.schema
    assert '"Leave is 28 days."' in told["attempts"][0]["output"]
    assert told["attempts"][0]["problem"] is None
    assert told["search_ms"] == {"embed": 1.0, "search": 2.0, "check": 0.5}
    assert told["timings_ms"] == answer["timings_ms"]
    assert told["withheld"] is False


async def test_a_streamed_answer_s_trace_is_there_when_it_is_done(live: Any, world: Any, read_events: Any) -> None:
    await world.handbook()
    async with live.stream("POST", "/v1/answers", json={"question": "leave?", "stream": True}) as response:
        async for event in read_events(response):
            assert event.name != "failed"
            done = event
    assert done.name == "done"
    assert "trace" not in done.data
    assert (await trace_of(live, done.data["id"]))["offered"]


async def test_an_answer_that_failed_tells_how_far_it_came(live: Any, world: Any, read_events: Any) -> None:
    await world.handbook()
    world.generator.outputs = ["No JSON.", "Nor this."]
    async with live.stream("POST", "/v1/answers", json={"question": "leave?", "stream": True}) as response:
        names = [event.name async for event in read_events(response)]
        answer_id = response.headers["x-answer-id"]
    assert names[-1] == "error"
    assert "failed" not in names
    told = await trace_of(live, answer_id)
    assert [attempt["output"] for attempt in told["attempts"]] == ["No JSON.", "Nor this."]
    assert all("not JSON" in attempt["problem"] for attempt in told["attempts"])


async def test_where_nothing_was_looked_up_nothing_was_sent(world: Any) -> None:
    told = await trace_of(world.http, (await ask(world.http, "Hello!"))["id"])
    assert (told["search"], told["sent"], told["attempts"], told["offered"]) == (None, None, [], [])


async def test_while_it_is_written_it_is_not_told(world: Any) -> None:
    await world.handbook()
    world.generator.hold = asyncio.Semaphore(0)
    asking = asyncio.create_task(ask(world.http))
    while not world.app.state.runs._runs:
        await asyncio.sleep(0.01)
    (answer_id,) = world.app.state.runs._runs
    response = await world.http.get(f"/v1/answers/{answer_id}/trace")
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    for _ in range(4):
        world.generator.hold.release()
    assert (await asking)["id"] == answer_id
    assert (await trace_of(world.http, answer_id))["attempts"]


async def test_it_is_its_askers_alone(keyed: Any, ana: str, ben: str, root_key: str) -> None:
    await keyed.handbook("Payroll is secret.", client=keyed.as_(ana), groups="hr")
    answer = await ask(keyed.as_(ana), "payroll?")
    assert "Payroll is secret." in str(await trace_of(keyed.as_(ana), answer["id"]))
    for key in (ben, root_key):
        response = await keyed.as_(key).get(f"/v1/answers/{answer['id']}/trace")
        unknown = await keyed.as_(key).get("/v1/answers/unknown/trace")
        assert (response.status_code, response.json()["detail"]) == (404, unknown.json()["detail"])


@pytest.mark.parametrize("how", ["revoked", "deleted"])
async def test_what_may_no_longer_be_read_is_left_out(keyed: Any, ana: str, root_key: str, how: str) -> None:
    client, root = keyed.as_(ana), keyed.as_(root_key)
    await keyed.handbook("Canteen and payroll are open.", client=client, groups="hr", name="open.txt")
    book = await keyed.handbook("Payroll is secret.", client=client, groups="hr")
    answer = await ask(client, "payroll?")
    if how == "revoked":
        file = {"file": ("leave.txt", b"Payroll is secret.")}
        changed = await root.post("/v1/documents", files=file, data={"groups": "board"})
    else:
        changed = await root.delete(f"/v1/documents/{book['document_id']}")
    assert changed.status_code in (200, 202)
    told = await trace_of(client, answer["id"])
    assert "secret" not in str(told)
    assert told["withheld"] is True
    assert [one["withheld"] for one in told["search"]["candidates"]] == [False, True]
    assert "Canteen" in told["search"]["candidates"][0]["excerpt"]
    system, user = told["sent"]["messages"]
    assert "withheld" not in system["content"]
    assert "withheld" in user["content"]


class Doubting:
    """Finds half of every statement borne out."""

    method = "generator"

    async def judge(self, claims: Any, asker: Any) -> Judgement:
        why = f"Of {claims[0].sources[0].text!r} only half."
        return Judgement(opinions=tuple(Opinion(support=0.5, supported=False, reason=why) for _ in claims))


async def test_a_judge_s_verdicts_are_streamed_kept_and_told(make_world: Any, read_events: Any) -> None:
    async with make_world(judge=Doubting()) as world:
        await world.handbook()
        response = await world.http.post("/v1/answers", json={"question": "leave?", "stream": True})
        events = [event async for event in read_events(response)]
        said = [event.data for event in events if event.name in ("statement", "verdict")]
        assert [each["index"] for each in said] == [0, 1, 0, 1]
        assert [each["statement"]["support"] for each in said] == [0.9, 0.9, 0.5, 0.5]
        assert [each["statement"] for each in said[2:]] == events[-1].data["statements"]
        told = await trace_of(world.http, events[-1].data["id"])
    assert told["verdicts"][1] == {
        "support": 0.5,
        "supported": False,
        "method": "generator",
        "similarity": 0.9,
        "reason": "Of 'Leave is 28 days.' only half.",
    }


async def test_openai_s_clients_are_sent_each_statement_once(make_world: Any) -> None:
    async with make_world(judge=Doubting()) as world:
        await world.handbook()
        body = {"model": "footnote", "messages": [{"role": "user", "content": "leave?"}], "stream": True}
        text = (await world.http.post("/v1/chat/completions", json=body)).text
    assert text.count('"content": "Leave is 28 days. [1]"') == 1
    assert "Correction" not in text


async def test_a_search_tells_how_it_came_about_where_it_is_asked_to(world: Any) -> None:
    book = await world.handbook()
    plain = (await world.http.post("/v1/search", json={"query": "leave"})).json()
    assert plain["trace"] is None
    traced = (await world.http.post("/v1/search", json={"query": "leave", "trace": True})).json()
    assert [one["chunk_id"] for one in traced["trace"]["candidates"]] == book["chunks"]
    assert traced["hits"] == plain["hits"]
