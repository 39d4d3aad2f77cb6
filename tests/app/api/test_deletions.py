"""Deleting for good, deleting for now, and taking it back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from app.settings import HttpSettings


async def paths_of(world: Any, document: Any, answer_id: str) -> dict[str, tuple[int, str]]:
    """What every read path tells of a document."""
    url = f"/v1/documents/{document['document_id']}"
    reads = [url, f"{url}/content", f"{url}/chunks", f"{url}/versions", f"{url}/pages/1.png", "/v1/documents"]
    told = {}
    for path in [*reads, "/v1/collections", f"/v1/answers/{answer_id}", f"/v1/answers/{answer_id}/events"]:
        response = await world.http.get(path)
        told[path] = (response.status_code, response.text)
    found = await world.http.post("/v1/search", json={"query": "leave"})
    told["search"] = (found.status_code, json.dumps(found.json()["hits"]))
    return told


async def test_a_document_is_gone_at_once_and_back_whole(world: Any) -> None:
    document = await world.handbook(groups="hr, everyone", metadata='{"year": 2026}', title="Leave")
    answer = (await world.http.post("/v1/answers", json={"question": "How much leave?"})).json()
    before = await paths_of(world, document, answer["id"])
    url = f"/v1/documents/{document['document_id']}"

    since = datetime.now(UTC)
    deleted = await world.http.delete(url)
    until = datetime.fromisoformat(deleted.json()["restorable_until"])
    assert deleted.status_code == 202
    assert since + timedelta(seconds=30) <= until <= datetime.now(UTC) + timedelta(seconds=30)
    job = (await world.http.get(deleted.headers["location"])).json()
    assert (job["status"], job["kind"], datetime.fromisoformat(job["not_before"])) == ("queued", "delete", until)
    hidden = await paths_of(world, document, answer["id"])
    assert [status for path, (status, _) in hidden.items() if path.startswith(url)] == [404] * 5
    assert all("28 days" not in text for _, text in hidden.values())

    restored = await world.http.post(f"{url}/restore")
    assert restored.status_code == 200
    assert restored.json() == json.loads(before[url][1])
    assert await paths_of(world, document, answer["id"]) == before
    job = (await world.http.get(deleted.headers["location"])).json()
    assert (job["status"], job["detail"]) == ("cancelled", "The document was restored.")
    assert (await world.http.post(f"{url}/restore")).json() == restored.json()


async def test_without_undo_it_is_gone_for_good(world: Any) -> None:
    document = await world.handbook()
    url = f"/v1/documents/{document['document_id']}"
    deleted = await world.http.delete(url, params={"undo": "false"})
    assert (deleted.status_code, deleted.json()["restorable_until"]) == (202, None)
    assert [job.id for job in await world.store.jobs.queued()] == [deleted.json()["job_id"]]
    late = await world.http.post(f"{url}/restore")
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    assert "upload it again" in late.json()["detail"]
    assert (await world.http.delete(url, params={"undo": "false"})).status_code == 404


async def test_second_thoughts_end_the_time_for_third_ones(world: Any) -> None:
    document = await world.handbook()
    url = f"/v1/documents/{document['document_id']}"
    first = (await world.http.delete(url)).json()
    assert (await world.http.delete(url)).status_code == 404
    second = await world.http.delete(url, params={"undo": "false"})
    assert (second.status_code, second.json()) == (202, {"job_id": first["job_id"], "restorable_until": None})
    assert (await world.http.post(f"{url}/restore")).status_code == 409


async def test_a_later_upload_wins(world: Any) -> None:
    first = await world.handbook()
    await world.http.delete(f"/v1/documents/{first['document_id']}")
    second = await world.handbook("Leave is 30 days.")
    lost = await world.http.post(f"/v1/documents/{first['document_id']}/restore")
    assert (lost.status_code, lost.json()["code"]) == (409, "conflict")
    assert "external id" in lost.json()["detail"]
    assert [item["id"] for item in (await world.http.get("/v1/documents")).json()["items"]] == [second["document_id"]]


async def test_the_time_is_a_setting_and_nought_is_none(make_world: Any) -> None:
    async with make_world(http=HttpSettings(undo_seconds=0)) as world:
        document = await world.handbook()
        deleted = await world.http.delete(f"/v1/documents/{document['document_id']}")
        assert deleted.json()["restorable_until"] is None
        assert len(await world.store.jobs.queued()) == 1


async def test_what_never_was_is_not_restored(world: Any) -> None:
    missing = await world.http.post("/v1/documents/unknown/restore")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    wrong = await world.http.delete("/v1/documents/unknown", params={"undo": "perhaps"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_input")


async def test_others_neither_restore_nor_end_the_time(keyed: Any, ana: str, ben: str) -> None:
    document = await keyed.handbook(client=keyed.as_(ana), groups="hr")
    url = f"/v1/documents/{document['document_id']}"
    assert (await keyed.as_(ana).delete(url)).status_code == 202
    for method, path in (("POST", f"{url}/restore"), ("DELETE", f"{url}?undo=false")):
        refused = await keyed.as_(ben).request(method, path)
        assert (refused.status_code, refused.json()["detail"]) == (404, "There is no such document.")
    assert (await keyed.as_(ana).post(f"{url}/restore")).status_code == 200


async def test_an_upload_in_hand_goes_on(world: Any) -> None:
    upload = await world.upload()
    url = f"/v1/documents/{upload['document_id']}"
    await world.http.delete(url)
    assert (await world.http.get(f"/v1/jobs/{upload['job_id']}")).json()["status"] == "cancelled"
    assert (await world.http.post(f"{url}/restore")).json()["version_id"] is None
    assert (await world.http.get(f"/v1/jobs/{upload['job_id']}")).json()["status"] == "queued"
    await world.publish(upload, "Leave is 28 days.")
    assert (await world.http.get(url)).json()["version_id"] == upload["version_id"]
