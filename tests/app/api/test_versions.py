"""The versions of a document, over HTTP."""

from __future__ import annotations

from typing import Any


async def test_each_version_with_its_figures_and_its_error(world: Any) -> None:
    first = await world.handbook("Leave is 28 days.")
    second = await world.upload("leave.txt", b"broken")
    await world.store.jobs.start(second["job_id"])
    await world.store.jobs.fail(second["job_id"], "broken_file", "The file is broken.")
    third = await world.handbook("Leave is 30 days.", "It may be carried over.")
    await world.store.documents.forget_versions([first["version_id"], second["version_id"]])

    url = f"/v1/documents/{first['document_id']}/versions"
    items = (await world.http.get(url)).json()["items"]
    assert [(item["seq"], item["status"], item["id"]) for item in items] == [
        (3, "live", third["version_id"]),
        (2, "failed", second["version_id"]),
        (1, "replaced", first["version_id"]),
    ]
    assert [item["error"] for item in items] == [
        None,
        {"code": "broken_file", "message": "The file is broken."},
        None,
    ]
    assert [item["job_id"] for item in items] == [each["job_id"] for each in (third, second, first)]
    assert [item["chunks"] for item in items] == [2, 0, 1]
    assert [item["size"] for item in items] == [41, 6, 17]
    assert {item["filename"] for item in items} == {"leave.txt"}
    assert items[0]["pages"] == 3
    assert items[0]["sha256"] == (await world.http.get(f"/v1/documents/{first['document_id']}")).json()["sha256"]
    assert all(item["warnings"] == [] for item in items)

    page = (await world.http.get(url, params={"limit": 2})).json()
    rest = (await world.http.get(url, params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert page["items"] + rest["items"] == items
    assert rest["next_cursor"] is None


async def test_versions_that_cannot_be_listed(world: Any) -> None:
    upload = await world.upload()
    for path, status, code in (
        ("/v1/documents/unknown/versions", 404, "not_found"),
        (f"/v1/documents/{upload['document_id']}/versions?cursor=nonsense", 422, "invalid_cursor"),
        (f"/v1/documents/{upload['document_id']}/versions?limit=0", 422, "invalid_input"),
    ):
        response = await world.http.get(path)
        assert (response.status_code, response.json()["code"]) == (status, code)


async def test_who_came_later_sees_no_name_from_before(keyed: Any, ana: str, root_key: str) -> None:
    document = await keyed.handbook("Secret.", client=keyed.as_(root_key), groups="board", title="Dismissals")
    changed = await keyed.as_(root_key).post(
        "/v1/documents", files={"file": ("leave.txt", b"Open.")}, data={"groups": "hr", "title": "Rules"}
    )
    await keyed.publish(changed.json(), "Open.")
    url = f"/v1/documents/{document['document_id']}/versions"
    assert [item["title"] for item in (await keyed.as_(ana).get(url)).json()["items"]] == ["Rules"]
    assert len((await keyed.as_(root_key).get(url)).json()["items"]) == 2
