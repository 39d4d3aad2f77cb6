"""The rails through the interface: a collection's policy, what is told of them, and who may set it."""

from __future__ import annotations

from typing import Any

import pytest

MAIL = "zoe.lang@example.org"
LEAVE = f"Leave is asked of {MAIL} in writing."


async def _answer(client: Any, question: str = "leave?", **more: Any) -> dict[str, Any]:
    response = await client.post("/v1/answers", json={"question": question, **more})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_a_policy_is_set_listed_and_holds(world: Any) -> None:
    made = await world.http.post("/v1/collections", json={"name": "staff", "personal": "block"})
    assert (made.status_code, made.json()["personal"]) == (201, "block")
    assert (await world.http.patch("/v1/collections/nowhere", json={"personal": "mask"})).status_code == 404
    assert (await world.http.patch("/v1/collections/staff", json={"personal": "some"})).status_code == 422
    changed = await world.http.patch("/v1/collections/staff", json={"personal": "mask", "description": "People."})
    assert (changed.json()["personal"], changed.json()["description"]) == ("mask", "People.")
    listed = {each["name"]: each["personal"] for each in (await world.http.get("/v1/collections")).json()["items"]}
    assert listed == {"default": "allow", "staff": "mask"}


async def test_masked_for_model_and_trace_and_shown_to_its_reader(world: Any) -> None:
    await world.http.patch("/v1/collections/default", json={"personal": "mask"})
    await world.handbook(LEAVE)
    answer = await _answer(world.http)
    (sent,) = world.generator.requests
    assert MAIL not in str(sent)
    assert "[EMAIL_ADDRESS_1]" in str(sent.messages)
    assert MAIL in answer["sources"][0]["text"]
    told = await world.http.get(f"/v1/answers/{answer['id']}/trace")
    assert MAIL not in told.text
    found = {"rail": "personal", "place": "passage", "action": "masked", "what": "EMAIL_ADDRESS", "count": 1}
    assert found in told.json()["findings"]
    metrics = (await world.http.get("/metrics")).text
    assert 'footnote_rail_findings_total{action="masked",place="passage",rail="personal"}' in metrics


async def test_a_change_of_policy_is_not_answered_from_memory(world: Any) -> None:
    await world.handbook(LEAVE)
    before = await world.store.corpus.version(["default"])
    await world.http.patch("/v1/collections/default", json={"personal": "mask"})
    assert await world.store.corpus.version(["default"]) != before


async def test_a_blocked_question_is_a_problem_with_a_code(monkeypatch: pytest.MonkeyPatch, make_world: Any) -> None:
    monkeypatch.setenv("FOOTNOTE_AGENTS__RAILS__TOPICS__BLOCKED", '["merger"]')
    async with make_world() as world:
        response = await world.http.post("/v1/answers", json={"question": "When is the merger?"})
        assert (response.status_code, response.json()["code"]) == (422, "blocked")
        assert world.generator.requests == []


async def test_only_administrators_set_policies(keyed: Any, ana: str, root_key: str) -> None:
    for key, status in ((ana, 403), (root_key, 200)):
        response = await keyed.http.patch(
            "/v1/collections/default", json={"personal": "mask"}, headers={"Authorization": f"Bearer {key}"}
        )
        assert response.status_code == status
    made = {"name": "x", "personal": "mask"}
    refused = await keyed.http.post("/v1/collections", json=made, headers={"Authorization": f"Bearer {ana}"})
    assert refused.status_code == 403
