"""What is wrong gets one clear problem, and leaves nothing behind."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.early import DROPPED_BYTES
from app.settings import HttpSettings

FORM = {"Content-Type": "multipart/form-data; boundary=b"}
SURROGATE_CURSOR = base64.urlsafe_b64encode(b'["documents",1,"\\ud800"]').decode().rstrip("=")


def raw(filename: str) -> bytes:
    """A form whose file's name is sent as it is; the client would encode it."""
    return f'--b\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\nx\r\n--b--\r\n'.encode()


UPLOADS: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("empty file", {"files": {"file": ("a.txt", b"")}}, 422, "empty_file", "empty"),
    ("no file", {"files": {"title": (None, "x")}}, 422, "invalid_input", "no file"),
    ("other field", {"files": {"upload": ("a.txt", b"x")}}, 422, "invalid_input", "field `file`"),
    (
        "two files",
        {"files": [("file", ("a.txt", b"x")), ("file", ("b.txt", b"y"))]},
        422,
        "invalid_input",
        "one file at a time",
    ),
    ("parent folder", {"files": {"file": ("../a.txt", b"x")}}, 422, "invalid_input", "plain name"),
    ("absolute path", {"files": {"file": ("/etc/passwd", b"x")}}, 422, "invalid_input", "plain name"),
    ("backslash", {"files": {"file": ("a\\b.txt", b"x")}}, 422, "invalid_input", "plain name"),
    ("dots", {"files": {"file": ("..", b"x")}}, 422, "invalid_input", "plain name"),
    ("control", {"files": None, "content": raw("a\x01.txt"), "headers": FORM}, 422, "invalid_input", "control"),
    ("control in title", {"data": {"title": "a\x01b"}}, 422, "invalid_input", "control"),
    ("escape", {"files": {"file": ("a\u202etxt.exe", b"x")}}, 422, "invalid_input", "control"),
    ("no name", {"files": {"file": (" ", b"x")}}, 422, "invalid_input", "no name"),
    ("long name", {"files": {"file": ("ä" * 130, b"x")}}, 422, "invalid_input", "255 bytes"),
    ("unknown field", {"data": {"colour": "red"}}, 422, "invalid_input", "'colour'"),
    ("title twice", {"data": {"title": ["a", "b"]}}, 422, "invalid_input", "twice"),
    ("long title", {"data": {"title": "t" * 2000}}, 422, "invalid_input", "title"),
    ("huge field", {"data": {"title": "t" * 70_000}}, 422, "invalid_input", "longer than"),
    ("unknown collection", {"data": {"collection": "nowhere"}}, 404, "not_found", "nowhere"),
    ("metadata no JSON", {"data": {"metadata": "{year: 1}"}}, 422, "invalid_input", "valid JSON"),
    ("metadata list", {"data": {"metadata": "[1]"}}, 422, "invalid_input", "object"),
    ("metadata nested", {"data": {"metadata": '{"a": {"b": 1}}'}}, 422, "invalid_input", "metadata.'a'"),
    ("metadata null", {"data": {"metadata": '{"a": null}'}}, 422, "invalid_input", "metadata.'a'"),
    ("metadata NaN", {"data": {"metadata": '{"a": NaN}'}}, 422, "invalid_input", "finite"),
    ("metadata twice", {"data": {"metadata": '{"a": 1, "a": 2}'}}, 422, "invalid_input", "twice"),
    ("metadata deep", {"data": {"metadata": "[" * 30_000}}, 422, "invalid_input", "metadata"),
    (
        "metadata keys",
        {"data": {"metadata": json.dumps({str(n): n for n in range(65)})}},
        422,
        "invalid_input",
        "64 keys",
    ),
    ("groups", {"data": {"groups": ",".join(f"g{n}" for n in range(65))}}, 422, "invalid_input", "64 groups"),
    ("groups of numbers", {"data": {"groups": "[1]"}}, 422, "invalid_input", "list of names"),
    ("group control", {"data": {"groups": '["a\\u0001"]'}}, 422, "invalid_input", "printable"),
    ("no form", {"files": None, "json": {"file": "x"}}, 422, "invalid_input", "multipart"),
    (
        "broken form",
        {"files": None, "content": b"--b\r\nnonsense", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
        422,
        "invalid_input",
        "form",
    ),
    (
        "no boundary",
        {"files": None, "content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        422,
        "invalid_input",
        "multipart",
    ),
]


async def test_wrong_uploads(world: Any, subtests: pytest.Subtests) -> None:
    for name, given, status, code, words in UPLOADS:
        request = {"files": {"file": ("a.txt", b"text")}, **given}
        if request["files"] is None:
            del request["files"]
        with subtests.test(name):
            _is_problem(await world.http.post("/v1/documents", **request), status, code, words)
    assert (await world.http.get("/v1/documents")).json()["items"] == []
    assert (await world.http.get("/v1/jobs")).json()["items"] == []
    assert list((world.settings.data_dir / "blobs" / "tmp").iterdir()) == []


REQUESTS: list[tuple[str, str, Any, int, str, str]] = [
    ("POST", "/v1/search", {}, 422, "invalid_input", "query"),
    ("POST", "/v1/search", {"query": "   "}, 422, "invalid_input", "query"),
    ("POST", "/v1/search", {"query": "x" * 5000}, 422, "invalid_input", "5,000 characters"),
    ("POST", "/v1/search", {"query": "x" * 40_000}, 413, "body_too_large", "limit"),
    ("POST", "/v1/search", {"query": "x", "limit": 0}, 422, "invalid_input", "limit"),
    ("POST", "/v1/search", {"query": "x", "limit": 101}, 422, "invalid_input", "limit"),
    ("POST", "/v1/search", {"query": "x", "mode": "magic"}, 422, "invalid_input", "mode"),
    ("POST", "/v1/search", {"query": "x", "colour": 1}, 422, "invalid_input", "colour"),
    ("POST", "/v1/search", {"query": "x", "collection": "nowhere"}, 404, "not_found", "nowhere"),
    ("POST", "/v1/search", {"query": "x", "filters": {"colour": 1}}, 422, "invalid_filter", "filters.colour"),
    (
        "POST",
        "/v1/search",
        {"query": "x", "filters": {"metadata": {"a": {"b": 1}}}},
        422,
        "invalid_filter",
        "metadata.a",
    ),
    ("POST", "/v1/search", {"query": "x", "filters": {"metadata": {"a": []}}}, 422, "invalid_filter", "metadata.a"),
    (
        "POST",
        "/v1/search",
        {"query": "x", "filters": {"created_after": "soon"}},
        422,
        "invalid_filter",
        "created_after",
    ),
    (
        "POST",
        "/v1/search",
        {"query": "x", "filters": {"created_after": "2026-02-01", "created_before": "2026-01-01"}},
        422,
        "invalid_filter",
        "earlier",
    ),
    (
        "POST",
        "/v1/search",
        {"query": "x", "filters": {"created_after": "0001-01-01T00:00:00+14:00"}},
        422,
        "invalid_filter",
        "calendar",
    ),
    (
        "POST",
        "/v1/search",
        {"query": "x", "filters": {"created_before": "9999-12-31T23:00:00-14:00"}},
        422,
        "invalid_filter",
        "calendar",
    ),
    ("POST", "/v1/search", b'{"query": "x", "filters": {"metadata": {"a": NaN}}}', 422, "invalid_filter", "finite"),
    (
        "POST",
        "/v1/search",
        b'{"query": "x", "filters": {"metadata": {"a": 1' + b"0" * 400 + b"}}}",
        422,
        "invalid_filter",
        "metadata.a",
    ),
    ("POST", "/v1/search", b"{", 422, "invalid_json", "JSON"),
    ("POST", "/v1/search", b"[]", 422, "invalid_input", "Send a JSON object"),
    ("POST", "/v1/search", {"query": "x", "limit": 0}, 422, "invalid_input", "limit: This must be at least 1."),
    ("POST", "/v1/answers", {"question": ""}, 422, "invalid_input", "question"),
    ("POST", "/v1/answers", {"question": "x" * 5000}, 422, "invalid_input", "5,000 characters"),
    ("POST", "/v1/answers", {"question": "x", "collection": "nowhere"}, 404, "not_found", "nowhere"),
    ("POST", "/v1/answers", {"question": "x", "conversation_id": "nope"}, 404, "not_found", "conversation"),
    ("POST", "/v1/answers", {"question": "x", "stream": True, "collection": "nowhere"}, 404, "not_found", "nowhere"),
    ("GET", "/v1/answers/nope", None, 404, "not_found", "answer"),
    ("GET", "/v1/answers/nope/events", None, 404, "not_found", "answer"),
    ("POST", "/v1/answers/nope/cancel", None, 404, "not_found", "answer"),
    ("GET", "/v1/documents?cursor=nonsense", None, 422, "invalid_cursor", "cursor"),
    ("GET", "/v1/jobs?cursor=AAAA", None, 422, "invalid_cursor", "cursor"),
    ("GET", "/v1/feedback?cursor=%00", None, 422, "invalid_cursor", "cursor"),
    ("GET", "/v1/conversations?cursor=WyJqb2JzIiwxLCIiXQ", None, 422, "invalid_cursor", "cursor"),
    ("GET", f"/v1/documents?cursor={SURROGATE_CURSOR}", None, 422, "invalid_cursor", "cursor"),
    ("GET", "/v1/documents?limit=1000", None, 422, "invalid_input", "limit"),
    ("GET", "/v1/documents?limit=ten", None, 422, "invalid_input", "limit: This must be a whole number."),
    ("GET", "/v1/documents/nope", None, 404, "not_found", "document"),
    ("GET", "/v1/documents/nope/chunks", None, 404, "not_found", "document"),
    ("GET", "/v1/documents/nope/content", None, 404, "not_found", "document"),
    ("GET", "/v1/documents/nope/pages/1.png", None, 404, "not_found", "document"),
    ("GET", "/v1/documents/nope/pages/x.png", None, 422, "invalid_input", "n"),
    ("DELETE", "/v1/documents/nope", None, 404, "not_found", "document"),
    ("GET", "/v1/jobs/nope", None, 404, "not_found", "job"),
    ("GET", "/v1/jobs/nope/events", None, 404, "not_found", "job"),
    ("GET", "/v1/jobs?status=lost", None, 422, "invalid_filter", "status"),
    ("POST", "/v1/jobs/nope/cancel", None, 404, "not_found", "job"),
    ("POST", "/v1/jobs/nope/retry", None, 404, "not_found", "job"),
    (
        "POST",
        "/v1/collections",
        {"name": "Bad Name"},
        422,
        "invalid_input",
        "name: Write small letters, digits, - and _",
    ),
    ("POST", "/v1/collections", {"name": "default"}, 409, "conflict", "exists"),
    ("GET", "/v1/collections/nowhere", None, 404, "not_found", "nowhere"),
    ("DELETE", "/v1/collections/nowhere", None, 404, "not_found", "nowhere"),
    ("DELETE", "/v1/collections/default", None, 409, "conflict", "default"),
    ("PATCH", "/v1/conversations/nope", {"title": "x"}, 404, "not_found", "conversation"),
    ("PATCH", "/v1/conversations/nope", {"title": ""}, 422, "invalid_input", "title"),
    ("DELETE", "/v1/conversations/nope", None, 404, "not_found", "conversation"),
    ("POST", "/v1/feedback", {"answer_id": "nope", "rating": "up"}, 404, "not_found", "answer"),
    ("POST", "/v1/feedback", {"answer_id": "nope", "rating": "maybe"}, 422, "invalid_input", "one of 'up' or 'down'"),
    ("GET", "/v1/nothing", None, 404, "not_found", "/v1/nothing"),
    ("PUT", "/v1/documents", None, 405, "method_not_allowed", "PUT"),
]


async def test_wrong_requests(make_world: Any, subtests: pytest.Subtests) -> None:
    async with make_world(http=HttpSettings(max_body_bytes=30_000)) as world:
        for method, path, body, status, code, words in REQUESTS:
            if isinstance(body, bytes):
                sent = {"content": body, "headers": {"Content-Type": "application/json"}}
            else:
                sent = {} if body is None else {"json": body}
            with subtests.test(f"{method} {path} {words}"):
                _is_problem(await world.http.request(method, path, **sent), status, code, words)


async def test_last_event_ids_must_be_ones(world: Any) -> None:
    upload = await world.upload()
    answer = (await world.http.post("/v1/answers", json={"question": "leave?"})).json()
    for path in (f"/v1/jobs/{upload['job_id']}/events", f"/v1/answers/{answer['id']}/events"):
        for value in ("-1", "x", "1" * 20, "1.5"):
            response = await world.http.get(path, headers={"Last-Event-ID": value})
            _is_problem(response, 422, "invalid_input", "Last-Event-ID")


async def test_an_unexpected_failure_keeps_its_details(world: Any) -> None:
    world.searcher.error = RuntimeError("secret path /srv/keys")
    response = await world.http.post("/v1/search", json={"query": "x"})
    _is_problem(response, 500, "internal", "request id")
    assert "secret" not in response.text
    assert 'footnote_errors_total{code="internal"} 1.0' in (await world.http.get("/metrics")).text


async def test_a_file_over_the_limit_is_cut_off_while_it_comes(world: Any, make_world: Any, small_http: Any) -> None:
    """An endless body: what is kept stays near the limit, and so does memory; what is dropped has an end."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        while True:
            sent += 65536
            yield b"x" * 65536

    async with make_world(http=small_http) as small:
        tracemalloc.start()
        try:
            headers = {"Content-Type": "multipart/form-data; boundary=b"}
            response = await small.http.post("/v1/documents", content=endless(), headers=headers)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        _is_problem(response, 413, "file_too_large", "allowed")
        assert response.headers["connection"] == "close"
        assert sent < small_http.max_upload_bytes + 17 * 2**20 + DROPPED_BYTES
        assert peak < 8 * 2**20
        assert list((small.settings.data_dir / "blobs" / "tmp").iterdir()) == []
        assert list(small.blobs.all()) == []


async def test_a_file_that_says_it_is_too_large_is_not_read(make_world: Any, small_http: Any) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(10):
            read += 1
            yield b"x" * 1000

    async with make_world(http=small_http) as small:
        headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": "99999999"}
        response = await small.http.post("/v1/documents", content=body(), headers=headers)
        _is_problem(response, 413, "file_too_large", "allowed")


async def test_a_json_body_over_the_limit_is_cut_off_whatever_it_says(make_world: Any, small_http: Any) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1000
            yield b" " * 1000

    async with make_world(http=small_http) as small:
        headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
        response = await small.http.post("/v1/search", content=endless(), headers=headers)
        _is_problem(response, 413, "body_too_large", "10,000")
        assert sent <= small_http.max_body_bytes + 2000


def _is_problem(response: Any, status: int, code: str, words: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:footnote:problem:{code}"
    assert words.lower() in body["detail"].lower()
    assert body["request_id"] == response.headers["x-request-id"]
    assert "Traceback" not in response.text
