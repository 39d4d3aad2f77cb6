"""Answers that are given again: to whoever may read the same, and only while nothing has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.answer import AnswerRequest
from agents.settings import AgentSettings
from app.api.deps import forbids_cache
from app.settings import ApiKey, AuthSettings, CacheSettings
from core.types import Principal

ASKED = {"question": "How much leave?"}
HR, STAFF = ("hr",), ("hr", "staff")
KEYS = (
    ApiKey(key="ana-key-0123456789", id="ana", groups=HR),
    ApiKey(key="amy-key-0123456789", id="amy", groups=HR),
    ApiKey(key="ben-key-0123456789", id="ben", groups=("sales",)),
    ApiKey(key="sue-key-0123456789", id="sue", groups=STAFF),
    ApiKey(key="root-key-0123456789", id="root", admin=True),
)


async def ask(world: Any, name: str | None = None, **how: Any) -> dict[str, Any]:
    headers = how.pop("headers", {}) | ({"Authorization": f"Bearer {name}-key-0123456789"} if name else {})
    response = await world.http.post("/v1/answers", json={**ASKED, **how}, headers=headers)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def texts(answer: dict[str, Any]) -> list[str]:
    return [statement["text"] for statement in answer["statements"]]


def written(world: Any) -> int:
    """How often the generator has been asked for an answer."""
    return sum(request.task == "answer" for request in world.generator.requests)


async def lookups(world: Any) -> dict[str, float]:
    text = (await world.http.get("/metrics")).text
    [family] = [each for each in text_string_to_metric_families(text) if each.name == "footnote_cache_lookups"]
    return {s.labels["outcome"]: s.value for s in family.samples if s.name.endswith("_total")}


@pytest.fixture
async def shared(make_world: Any) -> AsyncIterator[Any]:
    """A server whose callers differ in what they may read: ana and amy do not."""
    async with make_world(auth=AuthSettings(keys=KEYS)) as world:
        yield world


async def test_the_same_question_is_answered_again_and_says_so(world: Any) -> None:
    await world.handbook()
    first, second = await ask(world), await ask(world, question="  How much leave? ")
    assert written(world) == 1
    assert (first["cached"], first["written_at"]) == (False, None)
    assert second["cached"]
    assert first["created_at"] <= second["written_at"] <= second["created_at"]
    assert second["id"] != first["id"]
    assert second["conversation_id"] != first["conversation_id"]
    assert second["usage"] == {"prompt_tokens": 0, "completion_tokens": 0}
    assert set(second["timings_ms"]) == {"cache", "total"}
    for told in ("statements", "sources", "answerable", "retrieval", "generator", "degraded", "standalone_question"):
        assert second[told] == first[told], told
    assert (await world.http.get(f"/v1/answers/{second['id']}")).json() == second
    assert await lookups(world) == {"hit": 1, "miss": 1, "stale": 0, "fresh": 0}
    assert await lookups(world) == {"hit": 1, "miss": 1, "stale": 0, "fresh": 0}, "counted once, however often read"


async def test_it_is_streamed_in_the_same_events(live: Any, world: Any, read_events: Any) -> None:
    await world.handbook()
    told = []
    for _ in range(2):
        async with live.stream("POST", "/v1/answers", json={**ASKED, "stream": True}) as response:
            told.append([event async for event in read_events(response)])
    first, again = told
    assert [e.id for e in again] == list(range(1, len(again) + 1))
    assert {e.name for e in again} == {e.name for e in first}
    for name in ("sources", "statement"):
        assert [e.data for e in again if e.name == name] == [e.data for e in first if e.name == name]
    grown = "".join(e.data["text"] for e in again if e.name == "delta" and e.data["index"] == 1)
    assert grown == again[-1].data["statements"][1]["text"]
    assert (first[-1].data["cached"], again[-1].data["cached"]) == (False, True)
    assert again[-1].data == (await live.get(f"/v1/answers/{again[0].data['answer_id']}")).json()


async def test_why_and_feedback_work_on_it(world: Any) -> None:
    await world.handbook()
    first, second = await ask(world), await ask(world)
    traces = [(await world.http.get(f"/v1/answers/{each['id']}/trace")).json() for each in (first, second)]
    assert traces[0]["reused"] is None
    assert traces[1]["reused"] == {"answer_id": first["id"], "written_at": second["written_at"]}
    for told in ("asked", "question", "search", "offered", "sent", "attempts"):
        assert traces[1][told] == traces[0][told], told
    said = await world.http.post("/v1/feedback", json={"answer_id": second["id"], "rating": "down"})
    assert said.status_code in (200, 201), said.text
    thread = (await world.http.get(f"/v1/conversations/{second['conversation_id']}")).json()
    assert [answer["id"] for answer in thread["answers"]] == [second["id"]]


async def test_whoever_wants_it_written_anew_gets_that(world: Any) -> None:
    await world.handbook()
    await ask(world)
    assert not (await ask(world, cache=False))["cached"]
    assert not (await ask(world, headers={"Cache-Control": "max-age=0, no-cache"}))["cached"]
    assert (written(world), (await lookups(world))["fresh"]) == (3, 2)
    assert (await ask(world))["cached"]


@pytest.mark.parametrize(
    ("said", "forbids"), [(None, False), ("", False), ("max-age=0", False), ("No-Cache", True), ("a, no-store", True)]
)
def test_what_forbids_it(said: str | None, forbids: bool) -> None:
    assert forbids_cache(said) is forbids


async def test_openais_clients_are_told_too(world: Any) -> None:
    await world.handbook()
    body = {"model": "footnote", "messages": [{"role": "user", "content": "How much leave?"}]}
    told = [
        (await world.http.post("/v1/chat/completions", json=each)).json()["choices"][0]["message"]["footnote"]["cached"]
        for each in (body, body, {**body, "cache": False})
    ]
    assert told == [False, True, False]


# What has changed since


async def _upload(world: Any, document: Any) -> None:
    await world.handbook("Leave is also granted for moving house.", name="moving.txt")


async def _new_version(world: Any, document: Any) -> None:
    world.searcher.chunk_ids.clear()
    await world.handbook("Leave is 30 days.")


async def _delete(world: Any, document: Any) -> None:
    await world.http.delete(f"/v1/documents/{document['document_id']}")


async def _metadata(world: Any, document: Any) -> None:
    await world.http.patch(f"/v1/documents/{document['document_id']}", json={"metadata": {"year": 2026}})


async def _title(world: Any, document: Any) -> None:
    await world.http.patch(f"/v1/documents/{document['document_id']}", json={"title": "Rules of leave"})


async def _groups(world: Any, document: Any) -> None:
    await world.http.patch(f"/v1/documents/{document['document_id']}", json={"groups": ["everyone", "staff"]})


@pytest.mark.parametrize("change", [_upload, _new_version, _delete, _metadata, _title, _groups])
async def test_a_change_of_a_document_is_the_end_of_it(world: Any, change: Callable[[Any, Any], Any]) -> None:
    document = await world.handbook()
    first = await ask(world)
    assert (await ask(world))["cached"]
    await change(world, document)
    after = await ask(world)
    assert not after["cached"]
    if change in (_upload, _new_version, _delete):
        assert texts(after) != texts(first)


async def test_taking_a_deletion_back_is_a_change_too(world: Any) -> None:
    document = await world.handbook()
    await world.handbook("Leave is also granted for moving house.", name="moving.txt")
    await world.http.delete(f"/v1/documents/{document['document_id']}")
    assert texts(await ask(world)) == ["Leave is also granted for moving house."]
    assert (await ask(world))["cached"]
    await world.http.post(f"/v1/documents/{document['document_id']}/restore")
    back = await ask(world)
    assert not back["cached"]
    assert len(texts(back)) == 3


async def test_a_change_during_the_answer_counts(world: Any) -> None:
    await world.handbook()
    world.generator.hold = hold = asyncio.Semaphore(0)
    asking = asyncio.create_task(ask(world))
    while not world.generator.requests:
        await asyncio.sleep(0.01)
    await world.handbook("Leave is also granted for moving house.", name="moving.txt")
    world.generator.hold = None
    hold.release()
    assert len(texts(await asking)) == 2
    assert len(texts(await ask(world))) == 3


async def test_another_collection_is_no_change(world: Any) -> None:
    await world.http.post("/v1/collections", json={"name": "other"})
    await world.handbook()
    await ask(world, collection="default")
    await world.handbook("Leave is elsewhere.", name="else.txt", collection="other")
    assert (await ask(world, collection="default"))["cached"]
    everywhere = await ask(world)
    assert not everywhere["cached"]
    assert len(texts(everywhere)) == 3
    await world.http.delete("/v1/collections/other?force=true")
    assert (await ask(world, collection="default"))["cached"]
    assert not (await ask(world))["cached"]


# Who asks, and what


async def test_it_is_for_those_who_may_read_the_same_and_nobody_else(shared: Any) -> None:
    async with shared.as_("ana-key-0123456789") as ana:
        await shared.handbook("Leave is 28 days.", client=ana, groups="hr")
    async with shared.as_("ben-key-0123456789") as ben:
        await shared.handbook("Leave is what sales say.", client=ben, name="sales.txt", groups="sales")
    first = await ask(shared, "ana")
    assert texts(first) == ["Leave is 28 days."]
    assert (await ask(shared, "amy"))["cached"]
    for name, sees in (
        ("ben", ["Leave is what sales say."]),
        ("sue", ["Leave is 28 days."]),
        ("root", ["Leave is 28 days.", "Leave is what sales say."]),
    ):
        other = await ask(shared, name)
        assert (other["cached"], texts(other)) == (False, sees)
    amys = await ask(shared, "amy")
    headers = {"Authorization": "Bearer amy-key-0123456789"}
    trace = (await shared.http.get(f"/v1/answers/{amys['id']}/trace", headers=headers)).json()
    assert trace["reused"]["answer_id"] == first["id"]
    assert (await shared.http.get(f"/v1/answers/{first['id']}", headers=headers)).status_code == 404


async def test_what_is_revoked_is_not_told_again(shared: Any) -> None:
    async with shared.as_("root-key-0123456789") as root:
        document = await shared.handbook("Leave is 28 days.", client=root, groups="hr")
        assert texts(await ask(shared, "ana")) == ["Leave is 28 days."]
        await root.patch(f"/v1/documents/{document['document_id']}", json={"groups": ["sales"]})
    assert (await ask(shared, "amy"))["sources"] == []
    assert texts(await ask(shared, "ben")) == ["Leave is 28 days."]


class Standstill:
    """A corpus that notices nothing."""

    async def version(self, collections: Any = ()) -> str:
        return "always the same"


async def test_the_store_has_the_last_word(shared: Any) -> None:
    shared.app.state.boot.services.remembered.corpus = Standstill()
    async with shared.as_("root-key-0123456789") as root:
        document = await shared.handbook("Leave is 28 days.", client=root, groups="hr")
        path = f"/v1/documents/{document['document_id']}"
        assert not (await ask(shared, "ana"))["cached"]
        assert (await ask(shared, "amy"))["cached"]
        await root.patch(path, json={"title": "Rules of leave"})
        told = await ask(shared, "ana")
        assert (told["cached"], told["sources"][0]["title"]) == (False, "Rules of leave")
        assert (await ask(shared, "amy"))["cached"]
        await root.patch(path, json={"groups": ["sales"]})
        assert (await ask(shared, "ana"))["sources"] == []
        await root.patch(path, json={"groups": ["hr"]})
        assert (await ask(shared, "ana"))["cached"]
        await root.delete(path)
        assert (await ask(shared, "ana"))["sources"] == []
        text = (await root.get("/metrics")).text
    assert 'footnote_cache_lookups_total{outcome="stale"} 3.0' in text


@pytest.mark.parametrize(
    "otherwise",
    [
        {"question": "How much leave"},
        {"collection": "default"},
        {"filters": {"metadata": {"year": 2026}}},
        {"filters": {"created_after": "2020-01-01T00:00:00Z"}},
    ],
)
async def test_another_question_is_another(world: Any, otherwise: dict[str, Any]) -> None:
    await world.handbook()
    await ask(world)
    assert not (await ask(world, **otherwise))["cached"]
    assert (await ask(world, **otherwise))["cached"]


async def test_a_follow_up_depends_on_what_was_said_before(world: Any) -> None:
    await world.handbook()
    await world.handbook("Rent is paid monthly.", name="rent.txt")
    follow_up = {"question": "How much rent or leave?"}
    plain = await ask(world, **follow_up)
    threads = [(await ask(world, question=question))["conversation_id"] for question in ("Leave?", "Rent?", "Leave?")]
    told = [await ask(world, conversation_id=thread, **follow_up) for thread in threads]
    assert [each["cached"] for each in (plain, *told)] == [False, False, False, True]


# What is not remembered


async def test_what_is_not_as_it_should_be_is_not_remembered(world: Any) -> None:
    await world.handbook()
    world.generator.outputs = ["not JSON", '{"answerable": false, "statements": []}']
    second_try = await ask(world)
    assert second_try["answerable"] is False
    world.generator.outputs = ['{"answerable": false, "statements": []}']
    abstained = await ask(world)
    assert (abstained["cached"], abstained["answerable"]) == (False, False)
    assert (await ask(world))["cached"], "an abstention at the first try, from passages found, is"
    for question in ("Hello!", "Who won?"):  # no document was consulted; nothing was found
        await ask(world, question=question)
        assert not (await ask(world, question=question))["cached"]


async def test_an_answer_that_failed_or_was_stopped_is_not_remembered(world: Any) -> None:
    await world.handbook()
    world.generator.outputs = ["not JSON", "nor this"]
    assert (await world.http.post("/v1/answers", json=ASKED)).status_code == 502
    answer = await ask(world)
    assert not answer["cached"]
    assert len(texts(answer)) == 2


async def test_it_can_be_switched_off(make_world: Any) -> None:
    async with make_world(cache=CacheSettings(enabled=False)) as world:
        await world.handbook()
        assert [(await ask(world))["cached"] for _ in range(2)] == [False, False]
        assert "footnote_cache_lookups_total{" not in (await world.http.get("/metrics")).text


async def test_its_time_passes(make_world: Any) -> None:
    async with make_world(cache=CacheSettings(seconds=0.000_001), agents=AgentSettings(sources=3)) as world:
        await world.handbook()
        assert [(await ask(world))["cached"] for _ in range(2)] == [False, False]


async def test_what_is_to_be_forgotten_is_not_given_again(world: Any) -> None:
    await world.handbook()
    remembered = world.app.state.boot.services.remembered
    asked = AnswerRequest(
        id="beside", question=ASKED["question"], principal=Principal(id="ana", admin=True), fresh=True
    )
    kept = []
    for forgotten in (True, False):
        async for _ in remembered.run(replace(asked, forgotten=forgotten)):
            pass
        again = [event async for event in remembered.run(replace(asked, id=f"again {forgotten}", fresh=False))]
        kept.append(again[-1].data["trace"].reused is not None)
    assert kept == [False, True]
    assert written(world) == 3, "beside, once more since that was forgotten, and afresh"
