"""Uploads, listings, downloads, passages, pages and deletions."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from app.api.content import PageCache


async def test_upload_answers_with_a_job(world: Any) -> None:
    response = await world.http.post(
        "/v1/documents",
        files={"file": ("leave.txt", b"Everyone has 28 days.")},
        data={"title": "Leave", "groups": '["hr", "everyone"]', "metadata": '{"year": 2026, "draft": false}'},
    )
    assert response.status_code == 202
    body = response.json()
    assert response.headers["location"] == f"/v1/jobs/{body['job_id']}"
    document = (await world.http.get(f"/v1/documents/{body['document_id']}")).json()
    assert document["title"] == "Leave"
    assert document["external_id"] == "leave.txt"
    assert document["groups"] == ["everyone", "hr"]
    assert document["metadata"] == {"year": 2026, "draft": False}
    assert document["version_id"] is None
    job = (await world.http.get(response.headers["location"])).json()
    assert (job["status"], job["kind"], job["document_id"]) == ("queued", "ingest", body["document_id"])


async def test_fields_may_follow_the_file_and_groups_may_repeat(world: Any) -> None:
    response = await world.http.post(
        "/v1/documents",
        files=[
            ("file", ("a.txt", b"text")),
            ("groups", (None, "hr, sales")),
            ("groups", (None, "board")),
            ("external_id", (None, "policy/1")),
        ],
    )
    assert response.status_code == 202, response.text
    document = (await world.http.get(f"/v1/documents/{response.json()['document_id']}")).json()
    assert document["groups"] == ["board", "hr", "sales"]
    assert document["external_id"] == "policy/1"


async def test_the_bytes_are_kept_as_they_came(world: Any) -> None:
    data = bytes(range(256)) * 5000
    upload = await world.upload("näch\u0073te Übersicht.bin", data)
    await world.publish(upload, "Leave is 28 days.")
    response = await world.http.get(f"/v1/documents/{upload['document_id']}/content")
    assert response.content == data
    assert response.headers["content-disposition"].startswith("attachment; filename*=")
    assert response.headers["x-content-type-options"] == "nosniff"
    part = await world.http.get(f"/v1/documents/{upload['document_id']}/content", headers={"Range": "bytes=256-259"})
    assert (part.status_code, part.content) == (206, bytes([0, 1, 2, 3]))


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript", "x"])
async def test_nothing_a_browser_could_run_keeps_its_type(world: Any, media_type: str) -> None:
    upload = await world.upload("page.html", b"<script>alert(1)</script>")
    await world.publish(upload, "Leave.")
    await world.store.documents.set_parsed(upload["version_id"], title="Page", media_type=media_type)
    response = await world.http.get(f"/v1/documents/{upload['document_id']}/content")
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in response.headers["content-security-policy"]


async def test_same_bytes_again_are_unchanged(world: Any) -> None:
    first = await world.handbook()
    again = await world.upload("leave.txt", b"Leave is 28 days. Leave may be carried over.")
    assert again["unchanged"] is True
    assert again["document_id"] == first["document_id"]
    assert (await world.http.get(f"/v1/jobs/{again['job_id']}")).json()["status"] == "succeeded"


async def test_listing_pages_through_everything_once(world: Any) -> None:
    made = {(await world.upload(f"{n}.txt", f"text {n}".encode()))["document_id"] for n in range(5)}
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await world.http.get("/v1/documents", params=params)).json()
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 5
    assert set(seen) == made
    found = (await world.http.get("/v1/documents", params={"query": "3.TXT"})).json()["items"]
    assert [item["filename"] or item["external_id"] for item in found] == ["3.txt"]


async def test_chunks_are_listed_in_reading_order(world: Any) -> None:
    document = await world.handbook("One leave.", "Two leave.", "Three leave.")
    url = f"/v1/documents/{document['document_id']}/chunks"
    first = (await world.http.get(url, params={"limit": 2})).json()
    rest = (await world.http.get(url, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [item["text"] for item in first["items"] + rest["items"]] == ["One leave.", "Two leave.", "Three leave."]
    assert [item["id"] for item in first["items"] + rest["items"]] == document["chunks"]
    assert rest["next_cursor"] is None


async def test_a_page_is_drawn_once_for_the_same_passages(world: Any) -> None:
    document = await world.handbook()
    url = f"/v1/documents/{document['document_id']}/pages/1.png"
    first = await world.http.get(url, params={"chunk": document["chunks"]})
    second = await world.http.get(url, params={"chunk": document["chunks"][::-1]})
    assert first.headers["content-type"] == "image/png"
    assert first.content == second.content
    assert len(world.drawn) == 1
    path, page, boxes = world.drawn[0]
    assert (page, sorted(box.y1 for box in boxes)) == (1, [4.0, 5.0])
    assert path.read_bytes() == b"Leave is 28 days. Leave may be carried over."
    plain = await world.http.get(url)
    assert plain.content != first.content
    unchanged = await world.http.get(url, headers={"If-None-Match": plain.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


async def test_the_page_cache_keeps_what_was_used_last() -> None:
    drawn: list[str] = []
    cache = PageCache(capacity=10)

    async def page(key: str, size: int = 4) -> bytes:
        async def draw() -> bytes:
            drawn.append(key)
            await asyncio.sleep(0)
            return key.encode() * size

        return await cache.get(key, draw)

    assert await asyncio.gather(*(page("a") for _ in range(5))) == [b"aaaa"] * 5
    assert len(drawn) <= 2  # those who wait find it drawn
    drawn.clear()
    for key in ("b", "a", "c", "a", "b"):  # c takes the place of b, b then that of c
        await page(key)
    assert drawn == ["b", "c", "b"]
    await page("d", 11)
    await page("d", 11)
    await page("a")
    assert drawn == ["b", "c", "b", "d", "d"]


async def test_pages_that_are_not_there(world: Any) -> None:
    document = await world.handbook()
    other = await world.handbook("Another leave.", name="other.txt")
    url = f"/v1/documents/{document['document_id']}/pages"
    assert (await world.http.get(f"{url}/4.png")).status_code == 404
    assert (await world.http.get(f"{url}/0.png")).status_code == 422
    foreign = await world.http.get(f"{url}/1.png", params={"chunk": other["chunks"]})
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")
    unpublished = await world.upload("new.txt", b"new")
    assert (await world.http.get(f"/v1/documents/{unpublished['document_id']}/pages/1.png")).status_code == 404
    assert (await world.http.get(f"/v1/documents/{unpublished['document_id']}/content")).status_code == 404
    assert world.drawn == []


async def test_a_delete_takes_effect_at_once_everywhere(world: Any) -> None:
    document = await world.handbook()
    url = f"/v1/documents/{document['document_id']}"
    await world.http.get(f"{url}/pages/1.png")  # cached
    answer = (await world.http.post("/v1/answers", json={"question": "How much leave?"})).json()
    assert answer["answerable"] is True
    deleted = await world.http.delete(url)
    assert deleted.status_code == 202
    assert deleted.headers["location"] == f"/v1/jobs/{deleted.json()['job_id']}"
    for path in ("", "/content", "/chunks", "/pages/1.png"):
        assert (await world.http.get(url + path)).status_code == 404, path
    assert (await world.http.get("/v1/documents")).json()["items"] == []
    assert (await world.http.post("/v1/search", json={"query": "leave"})).json()["hits"] == []
    old = (await world.http.get(f"/v1/answers/{answer['id']}")).json()
    events = (await world.http.get(f"/v1/answers/{answer['id']}/events")).text
    thread = (await world.http.get(f"/v1/conversations/{answer['conversation_id']}")).text
    for told in (json.dumps(old), events, thread):
        assert "28 days" not in told
    assert all(source["withheld"] and source["text"] == "" for source in old["sources"])
    assert (await world.http.delete(url)).status_code == 404


async def test_the_same_key_uploads_once(world: Any) -> None:
    key = {"Idempotency-Key": "upload-1"}
    send = {"files": {"file": ("a.txt", b"text")}, "headers": key}
    first = await world.http.post("/v1/documents", **send)
    second = await world.http.post("/v1/documents", **send)
    assert first.json() == second.json()
    assert second.status_code == 202
    assert second.headers["location"] == first.headers["location"]
    assert second.headers["idempotency-replayed"] == "true"
    other = await world.http.post("/v1/documents", files={"file": ("a.txt", b"other")}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert len((await world.http.get("/v1/jobs")).json()["items"]) == 1


async def test_a_key_is_free_again_after_a_refusal(world: Any) -> None:
    key = {"Idempotency-Key": "upload-2"}
    file = {"file": ("a.txt", b"text")}
    refused = await world.http.post("/v1/documents", files=file, data={"collection": "none"}, headers=key)
    assert refused.status_code == 404
    assert (await world.http.post("/v1/documents", files=file, headers=key)).status_code == 202


async def test_a_listing_of_an_unknown_collection_is_refused(world: Any) -> None:
    response = await world.http.get("/v1/documents", params={"collection": "nope"})
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert (await world.http.get("/v1/documents", params={"collection": "default"})).json()["items"] == []


async def test_a_passage_is_shown_among_its_neighbours(world: Any, subtests: pytest.Subtests) -> None:
    made = await world.handbook(*(f"Leave {number}." for number in range(6)))
    other = await world.handbook("Leave elsewhere.", name="other.txt")
    path = f"/v1/documents/{made['document_id']}/chunks"
    for number, expected in ((0, [0, 1, 2]), (1, [0, 1, 2]), (3, [2, 3, 4]), (5, [4, 5])):
        with subtests.test(number):
            response = await world.http.get(path, params={"around": made["chunks"][number], "limit": 3})
            assert [item["ordinal"] for item in response.json()["items"]] == expected
    for wrong in (other["chunks"][0], "unknown"):
        assert (await world.http.get(path, params={"around": wrong})).status_code == 404
    both = {"around": made["chunks"][0], "cursor": "x"}
    assert (await world.http.get(path, params=both)).status_code == 422
