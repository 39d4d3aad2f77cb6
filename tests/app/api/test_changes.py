"""Changing a document over HTTP."""

from __future__ import annotations

from typing import Any

import pytest


async def test_groups_and_metadata_change_at_once(world: Any) -> None:
    document = await world.handbook(metadata='{"year": 2025}')
    url = f"/v1/documents/{document['document_id']}"
    changed = await world.http.patch(url, json={"groups": ["hr", "everyone", "hr"], "metadata": {"year": 2026}})
    assert changed.status_code == 200, changed.text
    body = changed.json()
    (job_id,) = body.pop("job_ids")
    assert (body["groups"], body["metadata"]) == (["everyone", "hr"], {"year": 2026})
    assert body == (await world.http.get(url)).json()
    job = (await world.http.get(f"/v1/jobs/{job_id}")).json()
    assert (job["kind"], job["status"], job["document_id"]) == ("update", "queued", document["document_id"])
    assert (await world.http.post("/v1/search", json={"query": "leave"})).json()["hits"]


async def test_a_title_is_shown_at_once_and_read_anew(world: Any) -> None:
    document = await world.handbook("Leave is 28 days.", title="Policy")
    url = f"/v1/documents/{document['document_id']}"
    changed = (await world.http.patch(url, json={"title": " Leave rules "})).json()
    assert (changed["title"], changed["version_id"], changed["version"]) == ("Leave rules", document["version_id"], 1)
    hits = (await world.http.post("/v1/search", json={"query": "leave"})).json()["hits"]
    assert [hit["title"] for hit in hits] == ["Leave rules"]
    versions = (await world.http.get(f"{url}/versions")).json()["items"]
    assert [(item["seq"], item["status"], item["job_id"]) for item in versions] == [
        (2, "pending", changed["job_ids"][0]),
        (1, "live", document["job_id"]),
    ]
    await world.publish({"version_id": versions[0]["id"], "job_id": changed["job_ids"][0]}, "Leave is 28 days.")
    after = (await world.http.get(url)).json()
    assert (after["title"], after["version"], after["sha256"]) == ("Leave rules", 2, changed["sha256"])


async def test_nothing_is_changed_by_nothing(world: Any) -> None:
    document = await world.handbook(metadata='{"a": 1}')
    url = f"/v1/documents/{document['document_id']}"
    before = (await world.http.get(url)).json()
    for body in ({}, {"metadata": {"a": 1}}, {"groups": ["everyone"]}):
        assert (await world.http.patch(url, json=body)).json() == {**before, "job_ids": []}
    assert len((await world.http.get("/v1/jobs")).json()["items"]) == 1


WRONG: list[tuple[Any, str]] = [
    ({"titel": "x"}, "titel"),
    ({"title": ""}, "title"),
    ({"title": "   "}, "title"),
    ({"title": "t" * 1025}, "title"),
    ({"title": "a\u0000b"}, "control"),
    ({"groups": []}, "groups"),
    ({"groups": None}, "groups"),
    ({"groups": [" "]}, "at least one group"),
    ({"groups": "hr"}, "groups"),
    ({"groups": [1]}, "groups"),
    ({"groups": ["a\u0001"]}, "printable"),
    ({"groups": [f"g{n}" for n in range(65)]}, "64 groups"),
    ({"metadata": None}, "metadata"),
    ({"metadata": []}, "metadata"),
    ({"metadata": {"a": None}}, "metadata.'a'"),
    ({"metadata": {"a": [1]}}, "metadata.'a'"),
    ({"metadata": {"": 1}}, "metadata key"),
    ({"metadata": {"a": "x" * 4097}}, "4,096"),
    ({"metadata": {"a": 2**63}}, "too large"),
    ({"metadata": {str(n): n for n in range(65)}}, "64 keys"),
    ([], ""),
]


async def test_wrong_changes_change_nothing(world: Any, subtests: pytest.Subtests) -> None:
    document = await world.handbook()
    url = f"/v1/documents/{document['document_id']}"
    before = (await world.http.get(url)).json()
    for body, words in WRONG:
        with subtests.test(str(body)[:60]):
            response = await world.http.patch(url, json=body)
            assert (response.status_code, response.json()["code"]) == (422, "invalid_input"), response.text
            assert words in response.json()["detail"]
    infinite = b'{"metadata": {"a": 1e999}}'
    response = await world.http.patch(url, content=infinite, headers={"Content-Type": "application/json"})
    assert "finite" in response.json()["detail"]
    assert (await world.http.get(url)).json() == before
    assert (await world.http.patch("/v1/documents/unknown", json={})).status_code == 404


async def test_only_to_ones_own_groups(keyed: Any, ana: str, ben: str, root_key: str) -> None:
    document = await keyed.handbook(client=keyed.as_(root_key), groups="hr, board")
    url = f"/v1/documents/{document['document_id']}"
    for groups in (["sales", "hr"], ["board"]):
        refused = await keyed.as_(ana).patch(url, json={"groups": groups})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await keyed.as_(ben).patch(url, json={"title": "x"})).status_code == 404
    assert (await keyed.as_(ana).patch(url, json={"groups": ["hr", "board"], "title": "x"})).status_code == 200
    assert (await keyed.as_(root_key).patch(url, json={"groups": ["sales"]})).status_code == 200
    assert (await keyed.as_(ana).get(url)).status_code == 404
    assert (await keyed.as_(ben).get(url)).status_code == 200
