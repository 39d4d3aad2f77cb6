"""Two callers of different groups: neither sees, guesses or changes what is the other's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest


@pytest.fixture
async def theirs(keyed: Any, ana: str) -> Any:
    """What ana has: a document of her group, its job, an answer about it, its conversation and feedback."""
    client = keyed.as_(ana)
    document = await keyed.handbook("Payroll is secret.", client=client, groups="hr")
    answer = (await client.post("/v1/answers", json={"question": "payroll secret?"})).json()
    assert answer["answerable"] is True
    given = await client.post("/v1/feedback", json={"answer_id": answer["id"], "rating": "up"})
    assert given.status_code == 201
    return {**document, "answer_id": answer["id"], "conversation_id": answer["conversation_id"]}


PATHS = [
    ("GET", "/v1/documents/{document_id}"),
    ("GET", "/v1/documents/{document_id}/content"),
    ("GET", "/v1/documents/{document_id}/chunks"),
    ("GET", "/v1/documents/{document_id}/pages/1.png"),
    ("GET", "/v1/documents/{document_id}/versions"),
    ("DELETE", "/v1/documents/{document_id}"),
    ("POST", "/v1/documents/{document_id}/restore"),
    ("GET", "/v1/jobs/{job_id}"),
    ("GET", "/v1/jobs/{job_id}/events"),
    ("POST", "/v1/jobs/{job_id}/cancel"),
    ("POST", "/v1/jobs/{job_id}/retry"),
    ("GET", "/v1/answers/{answer_id}"),
    ("GET", "/v1/answers/{answer_id}/events"),
    ("GET", "/v1/answers/{answer_id}/trace"),
    ("POST", "/v1/answers/{answer_id}/cancel"),
    ("GET", "/v1/conversations/{conversation_id}"),
    ("GET", "/v1/conversations/{conversation_id}/export.md"),
    ("DELETE", "/v1/conversations/{conversation_id}"),
]


async def test_another_finds_nothing(keyed: Any, theirs: Any, ben: str, subtests: pytest.Subtests) -> None:
    client = keyed.as_(ben)
    for method, path in PATHS:
        with subtests.test(f"{method} {path}"):
            response = await client.request(method, path.format(**theirs))
            unknown = await client.request(method, path.format(**dict.fromkeys(theirs, "unknown")))
            assert (response.status_code, unknown.status_code) == (404, 404)
            assert response.json()["detail"] == unknown.json()["detail"]


async def test_anothers_lists_are_empty(keyed: Any, theirs: Any, ana: str, ben: str, subtests: pytest.Subtests) -> None:
    for path in ("/v1/documents", "/v1/jobs", "/v1/conversations", "/v1/feedback"):
        with subtests.test(path):
            assert len((await keyed.as_(ana).get(path)).json()["items"]) == 1
            assert (await keyed.as_(ben).get(path)).json()["items"] == []


async def test_another_searches_and_asks_in_vain(keyed: Any, theirs: Any, ana: str, ben: str) -> None:
    for key, n in ((ana, 1), (ben, 0)):
        client = keyed.as_(key)
        assert len((await client.post("/v1/search", json={"query": "payroll"})).json()["hits"]) == n
        answer = (await client.post("/v1/answers", json={"question": "payroll?"})).json()
        assert len(answer["sources"]) == n
        assert answer["answerable"] is bool(n)


async def test_another_cannot_speak_where_it_is_not_its_own(keyed: Any, theirs: Any, ben: str) -> None:
    client = keyed.as_(ben)
    asked = {"question": "payroll?", "conversation_id": theirs["conversation_id"]}
    assert (await client.post("/v1/answers", json=asked)).status_code == 404
    said = {"answer_id": theirs["answer_id"], "rating": "down"}
    assert (await client.post("/v1/feedback", json=said)).status_code == 404
    changed = await client.patch(f"/v1/documents/{theirs['document_id']}", json={"title": "mine"})
    assert changed.status_code == 404
    renamed = await client.patch(f"/v1/conversations/{theirs['conversation_id']}", json={"title": "mine"})
    assert renamed.status_code == 404


async def test_another_cannot_replace_a_document_or_give_to_groups_it_is_not_in(
    keyed: Any, theirs: Any, ben: str
) -> None:
    client = keyed.as_(ben)
    replaced = await client.post("/v1/documents", files={"file": ("leave.txt", b"other")})
    assert (replaced.status_code, replaced.json()["code"]) == (403, "forbidden")
    given = await client.post("/v1/documents", files={"file": ("b.txt", b"b")}, data={"groups": "hr"})
    assert (given.status_code, given.json()["code"]) == (403, "forbidden")


async def test_a_key_of_another_caller_does_not_replay(keyed: Any, ana: str, ben: str) -> None:
    headers = {"Idempotency-Key": "same"}
    for key, status in ((ana, 201), (ben, 409)):
        made = await keyed.as_(key).post("/v1/collections", json={"name": "shared"}, headers=headers)
        assert made.status_code == status


async def test_a_stream_in_progress_is_its_askers_alone(keyed: Any, ana: str, ben: str) -> None:
    await keyed.handbook("Payroll is secret.", client=keyed.as_(ana), groups="hr")
    keyed.generator.hold = asyncio.Semaphore(0)
    asking = asyncio.create_task(keyed.as_(ana).post("/v1/answers", json={"question": "payroll?"}))
    while not keyed.app.state.runs._runs:
        await asyncio.sleep(0.01)
    (answer_id,) = keyed.app.state.runs._runs
    for method, path in (("GET", "events"), ("POST", "cancel")):
        response = await keyed.as_(ben).request(method, f"/v1/answers/{answer_id}/{path}")
        assert response.status_code == 404
    for _ in range(3):
        keyed.generator.hold.release()
    assert (await asking).json()["answerable"] is True


async def test_administrators_read_documents_but_not_conversations(keyed: Any, theirs: Any, root_key: str) -> None:
    client = keyed.as_(root_key)
    assert (await client.get(f"/v1/documents/{theirs['document_id']}")).status_code == 200
    assert (await client.get(f"/v1/jobs/{theirs['job_id']}")).status_code == 200
    assert len((await client.get("/v1/feedback")).json()["items"]) == 1
    assert (await client.get(f"/v1/conversations/{theirs['conversation_id']}")).status_code == 404
    assert (await client.get(f"/v1/answers/{theirs['answer_id']}")).status_code == 404


async def test_only_administrators_delete_collections(keyed: Any, ana: str, root_key: str) -> None:
    assert (await keyed.as_(ana).post("/v1/collections", json={"name": "team"})).status_code == 201
    refused = await keyed.as_(ana).delete("/v1/collections/team")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await keyed.as_(root_key).delete("/v1/collections/team")).status_code == 200


async def test_a_revoked_group_withholds_what_was_told(keyed: Any, theirs: Any, ana: str, root_key: str) -> None:
    changed = await keyed.as_(root_key).post(
        "/v1/documents", files={"file": ("leave.txt", b"Payroll is secret.")}, data={"groups": "board"}
    )
    assert changed.status_code == 202
    client = keyed.as_(ana)
    answer = (await client.get(f"/v1/answers/{theirs['answer_id']}")).json()
    assert answer["sources"][0]["withheld"] is True
    for path in (f"/v1/answers/{theirs['answer_id']}", f"/v1/answers/{theirs['answer_id']}/events"):
        assert "Payroll" not in (await client.get(path)).text


async def _broken_off(keyed: Any, client: Any) -> str:
    """An answer that was cancelled after its passages had been told; its id."""
    keyed.generator.requests.clear()
    keyed.generator.hold = asyncio.Semaphore(0)
    asking = asyncio.create_task(client.post("/v1/answers", json={"question": "payroll?", "stream": True}))
    while not any(request.task == "answer" for request in keyed.generator.requests):
        await asyncio.sleep(0.01)
    (answer_id,) = keyed.app.state.runs._runs
    assert (await client.post(f"/v1/answers/{answer_id}/cancel")).status_code == 202
    await asking
    found: str = answer_id
    return found


@pytest.mark.parametrize("lost", ["revoked", "deleted"])
async def test_a_stream_that_broke_off_withholds_what_may_no_longer_be_read(
    keyed: Any, theirs: Any, ana: str, root_key: str, lost: str
) -> None:
    client, root = keyed.as_(ana), keyed.as_(root_key)
    answer_id = await _broken_off(keyed, client)
    url = f"/v1/answers/{answer_id}/events"
    assert "Payroll is secret." in (await client.get(url)).text

    if lost == "revoked":
        changed = await root.patch(f"/v1/documents/{theirs['document_id']}", json={"groups": ["board"]})
        assert changed.status_code == 200
    else:
        assert (await root.delete(f"/v1/documents/{theirs['document_id']}")).status_code == 202

    for seen in ("0", "2"):
        told = (await client.get(url, headers={"Last-Event-ID": seen})).text
        assert "Payroll" not in told
        assert "event: error" in told
        assert '"cancelled"' in told


async def test_who_may_no_longer_read_a_document_cannot_publish_into_it_by_a_retry(
    keyed: Any, theirs: Any, ana: str, root_key: str
) -> None:
    client = keyed.as_(ana)
    upload = await keyed.upload(data=b"Payroll is forged.", client=client)
    job = f"/v1/jobs/{upload['job_id']}"
    assert (await client.post(f"{job}/cancel")).json()["status"] == "cancelled"
    changed = await keyed.as_(root_key).patch(f"/v1/documents/{theirs['document_id']}", json={"groups": ["board"]})
    assert changed.status_code == 200

    refused = await client.post(f"{job}/retry")

    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert (await keyed.store.jobs.get(upload["job_id"])).status == "cancelled"
    assert (await keyed.as_(root_key).post(f"{job}/retry")).json()["status"] == "queued"
