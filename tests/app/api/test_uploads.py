"""Resumable uploads: the tus protocol as its clients speak it, and as nobody should."""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import HttpSettings
from app.unfinished import Unfinished
from core.types import Principal

TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream"}
DATA = bytes(range(256)) * 40
OWNER = Principal(id="ana", groups=frozenset({"hr"}))


def pairs(**fields: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in fields.items())


async def begin(client: httpx.AsyncClient, length: int | str = len(DATA), **fields: str) -> httpx.Response:
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": pairs(**{"filename": "leave.txt", **fields})}
    return await client.post("/v1/uploads", headers=headers)


async def begun(client: httpx.AsyncClient, length: int = len(DATA), **fields: str) -> str:
    response = await begin(client, length, **fields)
    assert response.status_code == 201, response.text
    place: str = response.headers["location"]
    return place


async def send(client: httpx.AsyncClient, place: str, offset: int | str, data: Any) -> httpx.Response:
    return await client.patch(place, headers={**PART, "Upload-Offset": str(offset)}, content=data)


async def head(client: httpx.AsyncClient, place: str) -> httpx.Response:
    return await client.head(place, headers=TUS)


def files(world: Any) -> set[str]:
    return {path.suffix for path in (world.settings.files_dir / "uploads").iterdir() if path.is_file()}


def detail(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    found: str = response.json()["detail"]
    return found


# ---- as it should be -----------------------------------------------------------------------------------------------


async def test_a_file_in_three_parts_becomes_a_document(world: Any) -> None:
    place = await begun(
        world.http, title="Leave", groups='["hr"]', external_id="2026/../leave", metadata='{"year": 2026}'
    )
    for offset in (0, 4000):
        part = await send(world.http, place, offset, DATA[offset : offset + 4000])
        assert part.status_code == 204
        assert part.headers["upload-offset"] == str(offset + 4000)
        assert part.headers["tus-resumable"] == "1.0.0"
        assert "location" not in part.headers
    last = await send(world.http, place, 8000, DATA[8000:])
    assert last.headers["upload-offset"] == str(len(DATA))
    told = (await world.http.get(place)).json()
    assert last.headers["location"] == f"/v1/jobs/{told['job_id']}"
    assert last.headers["footnote-document"] == told["document_id"]
    assert last.headers["footnote-unchanged"] == "false"
    document = (await world.http.get(f"/v1/documents/{told['document_id']}")).json()
    assert (document["title"], document["groups"], document["metadata"]) == ("Leave", ["hr"], {"year": 2026})
    assert document["external_id"] == "2026/../leave"
    assert (await world.http.get(last.headers["location"])).json()["status"] == "queued"
    version = await world.store.documents.version(told["version_id"])
    assert version.sha256 == hashlib.sha256(DATA).hexdigest()
    assert world.blobs.path(version.sha256).read_bytes() == DATA
    assert files(world) == {".json"}


async def test_the_bytes_may_come_with_the_beginning(world: Any) -> None:
    headers = {**PART, "Upload-Length": str(len(DATA)), "Upload-Metadata": pairs(filename="leave.txt")}
    whole = await world.http.post("/v1/uploads", headers=headers, content=DATA)
    assert whole.status_code == 201
    assert whole.json()["job_id"] == whole.headers["footnote-job"]
    half = await world.http.post("/v1/uploads", headers=headers, content=DATA[:100])
    assert (half.headers["upload-offset"], half.json()["job_id"]) == ("100", None)
    assert (await send(world.http, half.headers["location"], 100, DATA[100:])).headers["footnote-document"]


async def test_the_same_bytes_again_are_unchanged(world: Any) -> None:
    upload = await world.upload("leave.txt", DATA)
    await world.publish(upload, "Leave is 28 days.")
    last = await send(world.http, await begun(world.http), 0, DATA)
    assert last.headers["footnote-unchanged"] == "true"
    assert last.headers["footnote-document"] == upload["document_id"]


async def test_where_it_stands_is_told(world: Any) -> None:
    place = await begun(world.http)
    await send(world.http, place, 0, DATA[:10])
    stands = await head(world.http, place)
    assert stands.status_code == 200
    assert stands.headers["upload-offset"] == "10"
    assert stands.headers["upload-length"] == str(len(DATA))
    assert stands.headers["upload-metadata"] == pairs(filename="leave.txt")
    assert stands.headers["cache-control"] == "no-store"
    assert stands.headers["upload-expires"].endswith("GMT")


async def test_what_the_server_can_do(world: Any) -> None:
    response = await world.http.options("/v1/uploads")
    assert response.status_code == 204
    assert response.headers["tus-version"] == "1.0.0"
    assert response.headers["tus-extension"].split(",") == [
        "creation",
        "creation-with-upload",
        "termination",
        "expiration",
    ]
    assert response.headers["tus-max-size"] == str(200 * 2**20)


async def test_a_cancelled_upload_is_gone(world: Any) -> None:
    place = await begun(world.http)
    await send(world.http, place, 0, DATA[:10])
    assert (await world.http.delete(place, headers=TUS)).status_code == 204
    assert (await head(world.http, place)).status_code == 404
    assert files(world) == set()


async def test_a_part_larger_than_other_bodies_is_streamed(make_world: Any, small_http: HttpSettings) -> None:
    data = os.urandom(600_000)
    async with make_world(http=small_http) as world:
        place = await begun(world.http, len(data))
        last = await send(world.http, place, 0, data)
        assert last.status_code == 204, last.text
        version = await world.store.documents.version(last.headers["footnote-version"])
        assert world.blobs.path(version.sha256).read_bytes() == data


# ---- broken connections and processes ------------------------------------------------------------------------------


async def test_what_arrived_before_the_connection_broke_is_kept(world: Any, live: httpx.AsyncClient) -> None:
    place = await begun(live, 2_000_000)
    data = os.urandom(2_000_000)

    async def breaks() -> AsyncIterator[bytes]:
        yield data[:1_000_000]
        await until_kept(world, 1_000_000)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await send(live, place, 0, breaks())
    offset = int((await head(live, place)).headers["upload-offset"])
    assert offset == 1_000_000
    last = await send(live, place, offset, data[offset:])
    version = await world.store.documents.version(last.headers["footnote-version"])
    assert version.sha256 == hashlib.sha256(data).hexdigest()


async def until_kept(world: Any, size: int) -> None:
    folder: Path = world.settings.data_dir / "uploads"
    while sum(path.stat().st_size for path in folder.glob("*.part")) < size - 2**18:
        await asyncio.sleep(0.01)


async def test_a_connection_that_only_looks_alive_gives_way(world: Any, live: httpx.AsyncClient) -> None:
    place = await begun(live, 2_000_000)
    data = os.urandom(2_000_000)
    waiting = asyncio.Event()

    async def stalls() -> AsyncIterator[bytes]:
        yield data[:1_000_000]
        await until_kept(world, 1_000_000)
        waiting.set()
        await asyncio.Event().wait()

    stalled = asyncio.create_task(send(live, place, 0, stalls()))
    await waiting.wait()
    offset = int((await head(live, place)).headers["upload-offset"])
    assert offset == 1_000_000
    assert (await send(live, place, offset, data[offset:])).headers["footnote-document"]
    stalled.cancel()
    with pytest.raises((asyncio.CancelledError, httpx.HTTPError)):
        await stalled


async def test_an_upload_outlives_the_process(world: Any) -> None:
    place = await begun(world.http, title="Leave")
    await send(world.http, place, 0, DATA[:100])
    again = Unfinished(world.settings.data_dir / "uploads", world.settings.http)
    local = Principal(id="local", admin=True)
    upload = await again.get(place.rpartition("/")[2], local)
    assert (upload.length, upload.fields["title"]) == (len(DATA), ["Leave"])
    assert await again.offset(upload) == 100
    assert files(world) == {".part", ".json"}


async def test_all_had_arrived_when_the_process_was_killed(world: Any) -> None:
    """The document is made when the caller asks how far it is; it cannot know that one byte more is wanted of it."""
    place = await begun(world.http)
    await send(world.http, place, 0, DATA[:-1])
    [part] = (world.settings.data_dir / "uploads").glob("*.part")
    part.write_bytes(DATA)
    stands = await head(world.http, place)
    assert stands.headers["upload-offset"] == str(len(DATA))
    document = (await world.http.get(f"/v1/documents/{stands.headers['footnote-document']}")).json()
    assert document["external_id"] == "leave.txt"
    again = await send(world.http, place, len(DATA), b"")
    assert again.headers["footnote-document"] == document["id"]


async def test_what_expired_is_swept(world: Any) -> None:
    old, young = await begun(world.http), await begun(world.http)
    uploads: Unfinished = world.app.state.boot.services.uploads
    part = world.settings.data_dir / "uploads" / f"{old.rpartition('/')[2]}.part"
    before = time.time() - world.settings.http.upload_retention - 1
    os.utime(part, (before, before))
    assert await uploads.sweep() == 1
    assert (await head(world.http, old)).status_code == 404
    assert (await head(world.http, young)).status_code == 200


# ---- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [1, 11, 9, 10**17])
async def test_an_offset_that_is_not_the_end_is_a_conflict(world: Any, offset: int) -> None:
    place = await begun(world.http)
    await send(world.http, place, 0, DATA[:10])
    response = await send(world.http, place, offset, DATA[10:20])
    assert response.status_code == 409
    assert "is at 10 bytes" in detail(response)
    assert (await head(world.http, place)).headers["upload-offset"] == "10"


@pytest.mark.parametrize("offset", ["-1", "1.0", "", "ten", "١", "9" * 30])
async def test_an_offset_is_a_count(world: Any, offset: str) -> None:
    place = await begun(world.http)
    response = await world.http.patch(place, headers={**PART, "Upload-Offset": offset.encode()}.items(), content=b"x")
    assert response.status_code == 422
    assert response.headers["tus-resumable"] == "1.0.0"


@pytest.mark.parametrize(
    ("length", "status"), [("0", 422), ("-1", 422), ("", 422), ("many", 422), (str(201 * 2**20), 413), ("9" * 30, 422)]
)
async def test_a_length_must_be_one_that_is_allowed(world: Any, length: str, status: int) -> None:
    response = await begin(world.http, length)
    assert response.status_code == status
    assert files(world) == set()


async def test_more_than_was_announced_is_not_kept(world: Any, live: httpx.AsyncClient) -> None:
    place = await begun(live, 1000)
    assert (await send(live, place, 0, DATA[:400])).status_code == 204

    async def unannounced() -> AsyncIterator[bytes]:
        yield DATA[:5000]

    for body in (DATA[:601], unannounced()):
        response = await send(live, place, 400, body)
        assert response.status_code == 413
        assert "1,000 bytes" in detail(response)
    assert (await head(live, place)).headers["upload-offset"] == "400"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b.txt", "..", "a\\b.txt", "a\nb.txt", "x" * 300])
async def test_names_that_point_elsewhere_are_refused(world: Any, name: str) -> None:
    response = await begin(world.http, filename=name)
    assert response.status_code == 422
    assert "name" in detail(response)
    assert files(world) == set()


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "names no file"),
        ("filename", "no name"),
        ("filename !!!", "no UTF-8 text in base64"),
        ("filename bGVh dmU=", "no UTF-8 text in base64"),
        ("filename //79", "no UTF-8 text in base64"),
        (pairs(filename="a.txt", owner="root"), "'owner' is not known"),
        (pairs(filename="a.txt") + "," + pairs(title="a") + "," + pairs(title="b"), "title is given twice"),
        (pairs(filename="a.txt", metadata="[1]"), "must be a JSON object"),
        (pairs(filename="a.txt", metadata='{"a": {}}'), "must be a text, a number"),
        (pairs(filename="a.txt", groups='["a", 1]'), "list of names"),
        (pairs(filename="a.txt", external_id="x" * 600), "external_id is longer"),
        (pairs(filename="a.txt", title="x" * 40_000), "longer than"),
    ],
)
async def test_what_metadata_cannot_say(world: Any, header: str, words: str) -> None:
    response = await world.http.post("/v1/uploads", headers={**TUS, "Upload-Length": "10", "Upload-Metadata": header})
    assert response.status_code == 422
    assert words in detail(response)
    assert files(world) == set()


async def test_an_unknown_collection_is_told_before_the_bytes_are_sent(world: Any) -> None:
    response = await begin(world.http, collection="nowhere")
    assert response.status_code == 404
    assert files(world) == set()


async def test_the_version_of_the_protocol_must_be_named(world: Any) -> None:
    place = await begun(world.http)
    for response in (
        await world.http.post("/v1/uploads", headers={"Upload-Length": "1"}),
        await world.http.patch(place, headers={**PART, "Tus-Resumable": "0.2.2", "Upload-Offset": "0"}, content=b"x"),
    ):
        assert response.status_code == 412
        assert response.headers["tus-version"] == "1.0.0"
    assert (await world.http.head(place)).status_code == 412


async def test_another_kind_of_body_is_refused(world: Any) -> None:
    place = await begun(world.http)
    for response in (
        await world.http.patch(place, headers={**TUS, "Upload-Offset": "0"}, json={}),
        await world.http.post(
            "/v1/uploads",
            headers={**TUS, "Upload-Length": "2", "Upload-Metadata": pairs(filename="a.txt")},
            json={},
        ),
    ):
        assert response.status_code == 415


@pytest.mark.parametrize("upload_id", ["0" * 32, "..%2f..%2fserver", "x", "%00", "a" * 64])
async def test_an_unknown_upload_is_not_found(world: Any, upload_id: str) -> None:
    place = f"/v1/uploads/{upload_id}"
    assert (await head(world.http, place)).status_code == 404
    assert (await world.http.get(place)).status_code == 404
    assert (await send(world.http, place, 0, b"x")).status_code == 404
    assert (await world.http.delete(place, headers=TUS)).status_code == 404


async def test_uploads_of_others_do_not_exist(keyed: Any, ana: str, ben: str, root_key: str) -> None:
    async with keyed.as_(ana) as owner:
        place = await begun(owner)
        for key in (ben, root_key):
            async with keyed.as_(key) as other:
                assert (await head(other, place)).status_code == 404
                assert (await other.get(place)).status_code == 404
                assert (await send(other, place, 0, DATA)).status_code == 404
                assert (await other.delete(place, headers=TUS)).status_code == 404
        assert (await send(owner, place, 0, DATA)).status_code == 204
    async with keyed.as_(ben) as other:
        assert (await other.get(place)).status_code == 404
    assert (await keyed.http.head(place, headers=TUS)).status_code == 401


async def test_others_neither_interrupt_an_upload_nor_learn_of_it_by_waiting(keyed: Any, ana: str, ben: str) -> None:
    async with keyed.as_(ana) as owner, keyed.as_(ben) as other:
        place = await begun(owner)
        uploads = keyed.app.state.boot.services.uploads
        async with uploads.alone(place.rpartition("/")[2], OWNER) as give_way:
            for response in (
                await head(other, place),
                await other.get(place),
                await send(other, place, 0, DATA),
                await other.delete(place, headers=TUS),
            ):
                assert response.status_code == 404
            assert not give_way.is_set()


async def test_a_document_goes_only_to_groups_of_ones_own(keyed: Any, ana: str) -> None:
    async with keyed.as_(ana) as client:
        assert (await begin(client, groups="sales")).status_code == 403
        assert (await begin(client, groups="hr")).status_code == 201


async def test_what_can_never_become_a_document_is_not_kept(keyed: Any, ana: str, ben: str) -> None:
    async with keyed.as_(ben) as client:
        await keyed.upload(client=client, external_id="theirs", groups="sales")
    async with keyed.as_(ana) as client:
        place = await begun(client, external_id="theirs")
        response = await send(client, place, 0, DATA)
        assert response.status_code == 403
        assert (await head(client, place)).status_code == 404
    assert files(keyed) == set()


async def test_how_much_one_caller_may_have_unfinished(make_world: Any) -> None:
    limits = HttpSettings(unfinished_uploads_per_caller=2, unfinished_bytes_per_caller=30_000)
    async with make_world(http=limits) as world:
        place = await begun(world.http)
        await begun(world.http)
        many = await begin(world.http)
        assert many.status_code == 429
        assert "2 unfinished uploads" in detail(many)
        await send(world.http, place, 0, DATA)  # a finished one no longer counts
        much = await begin(world.http, 20_000)
        assert much.status_code == 429
        assert "exceed" in detail(much)
        assert (await begin(world.http)).status_code == 201


async def test_a_file_that_would_not_fit_is_refused_at_once(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = os.statvfs(world.settings.data_dir)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result([*found[:4], 1, *found[5:]]))
    response = await begin(world.http, found.f_frsize + 1)
    assert response.status_code == 507
    assert response.json()["code"] == "disk_full"
    assert "free some space" in detail(response)
    assert files(world) == set()


async def test_a_disk_that_fills_up_keeps_what_fitted(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = await begun(world.http)
    real, room = os.write, 3000

    def write(descriptor: int, data: Any) -> int:
        nonlocal room
        if room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real(descriptor, data[:room])
        room -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr("app.store.files.os.write", write)
        response = await send(world.http, place, 0, DATA)
    assert response.status_code == 507
    assert response.json()["code"] == "disk_full"
    offset = int((await head(world.http, place)).headers["upload-offset"])
    assert offset == 3000
    assert (await send(world.http, place, offset, DATA[offset:])).headers["footnote-document"]


async def test_a_note_tells_nothing_that_was_not_sent(world: Any) -> None:
    await begun(world.http, title="Leave")
    [note] = (world.settings.data_dir / "uploads").glob("*.json")
    assert note.stat().st_mode & 0o077 == 0
    assert set(json.loads(note.read_text())) == {"id", "owner", "length", "filename", "fields", "metadata", "became"}
