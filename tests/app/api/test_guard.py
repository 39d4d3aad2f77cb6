"""Keys, hosts and origins, as a caller meets them."""

from __future__ import annotations

from typing import Any

import pytest

from app.settings import HttpSettings

OPEN = {"get /healthz": 200, "get /readyz": 200, "post /v1/session": 422, "delete /v1/session": 204}
"""What may be asked without a key: the probes, and signing in and out."""


async def test_every_other_route_wants_a_key(keyed: Any, subtests: pytest.Subtests) -> None:
    for path, operations in keyed.app.openapi()["paths"].items():
        for method in operations:
            with subtests.test(f"{method} {path}"):
                url = path.replace("{n}", "1").replace("{", "").replace("}", "")
                response = await keyed.http.request(method, url, headers={"Tus-Resumable": "1.0.0"})
                if f"{method} {path}" in OPEN:
                    assert response.status_code == OPEN[f"{method} {path}"]
                    continue
                assert response.status_code == 401
                assert response.headers["www-authenticate"].startswith("Bearer")
                if method == "head":
                    continue  # it has no body
                body = response.json()
                assert (body.get("error") or body)["code"] == "unauthenticated"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic YTpi", "bearer ana-key-012345678", "Bearer é"]
)
async def test_wrong_keys(keyed: Any, header: str) -> None:
    response = await keyed.http.get("/v1/documents", headers={"Authorization": header.encode()})
    assert response.status_code == 401


async def test_a_key_is_never_in_a_response(keyed: Any, ana: str) -> None:
    for path in ("/v1/documents", "/v1/nothing", "/readyz", "/metrics", "/openapi.json"):
        assert ana not in (await keyed.as_(ana).get(path)).text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", "", "localhost.evil"])
async def test_foreign_hosts_are_refused(world: Any, host: str) -> None:
    for method, path in (("GET", "/v1/documents"), ("POST", "/v1/search"), ("GET", "/metrics")):
        response = await world.http.request(method, path, headers={"Host": host})
        assert (response.status_code, response.json()["code"]) == (421, "host_not_allowed")
    assert (await world.http.get("/healthz", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8000", "LOCALHOST", "[::1]", "[::1]:8000"])
async def test_own_hosts_are_answered(world: Any, host: str) -> None:
    assert (await world.http.get("/v1/documents", headers={"Host": host})).status_code == 200


async def test_hosts_can_be_added(make_world: Any) -> None:
    hosts = HttpSettings(host="192.168.1.5", allowed_hosts=("docs.example", "*.corp.example"))
    async with make_world(http=hosts) as world:
        for host, status in (
            ("docs.example", 200),
            ("a.corp.example:443", 200),
            ("192.168.1.5:8000", 200),
            ("corp.example", 421),
            ("127.0.0.1", 421),
        ):
            assert (await world.http.get("/v1/documents", headers={"Host": host})).status_code == status, host
    async with make_world(http=HttpSettings(allowed_hosts=("*",))) as world:
        assert (await world.http.get("/v1/documents", headers={"Host": "any.example"})).status_code == 200


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:3000"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "cross-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_other_sites_pages_change_nothing_where_no_key_is_needed(world: Any, headers: dict[str, str]) -> None:
    upload = await world.upload()
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/v1/documents", {"files": {"file": ("a.txt", b"x")}}),
        ("DELETE", f"/v1/documents/{upload['document_id']}", {}),
        ("POST", f"/v1/jobs/{upload['job_id']}/cancel", {}),
        ("POST", "/v1/answers", {"json": {"question": "x"}}),
        ("PATCH", "/v1/conversations/x", {"json": {"title": "x"}}),
    ]
    for method, path, sent in requests:
        response = await world.http.request(method, path, headers=headers, **sent)
        assert (response.status_code, response.json()["code"]) == (403, "cross_origin"), path
    assert len((await world.http.get("/v1/documents", headers=headers)).json()["items"]) == 1


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}],
    ids=str,
)
async def test_its_own_page_may(world: Any, headers: dict[str, str]) -> None:
    assert (await world.http.post("/v1/search", json={"query": "x"}, headers=headers)).status_code == 200


async def test_with_keys_other_sites_may_since_browsers_do_not_send_keys_by_themselves(keyed: Any, ana: str) -> None:
    response = await keyed.as_(ana).post("/v1/search", json={"query": "x"}, headers=FOREIGN[0])
    assert response.status_code == 200


async def test_forms_and_plain_text_are_no_json(world: Any) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        response = await world.http.post("/v1/search", content=b'{"query": "x"}', headers={"Content-Type": kind})
        assert response.status_code == 422


async def test_headers_of_every_response(world: Any) -> None:
    for path in ("/healthz", "/v1/documents", "/v1/nothing"):
        headers = (await world.http.get(path, headers={"X-Request-Id": "abc-1"})).headers
        assert headers["x-request-id"] == "abc-1"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
    for bad in ("a b", "x" * 200, 'a"b', "ä"):
        made = (await world.http.get("/healthz", headers={"X-Request-Id": bad.encode()})).headers["x-request-id"]
        assert made != bad
        assert len(made) == 32
