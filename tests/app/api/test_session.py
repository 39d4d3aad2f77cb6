"""Signing in from a browser: a key once, a cookie from then on, and what a cookie is not good for."""

from __future__ import annotations

import hashlib
import hmac
import time
from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx
import pytest

from app.auth import SESSION_COOKIE, SESSION_SECONDS
from app.settings import ApiKey, AuthSettings

OTHER_SITE = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
OTHER_PORT = {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-site"}
SEARCH = {"query": "leave"}


def set_cookie(response: httpx.Response) -> Morsel[str]:
    (line,) = response.headers.get_list("set-cookie")
    return SimpleCookie(line)[SESSION_COOKIE]


async def sign_in(http: httpx.AsyncClient, key: str) -> Morsel[str]:
    """Signs a client in; it sends the cookie by itself from then on, as a browser does."""
    response = await http.post("/v1/session", json={"key": key})
    assert (response.status_code, response.content) == (204, b"")
    return set_cookie(response)


async def status(http: httpx.AsyncClient, cookie: str) -> int:
    """What somebody who sends this cookie is answered."""
    response = await http.get("/v1/session", headers={"Cookie": f"{SESSION_COOKIE}={cookie}".encode()})
    return response.status_code


async def test_without_keys_everyone_is_the_owner(world: Any) -> None:
    body = (await world.http.get("/v1/session")).json()
    assert body["principal"]["id"] == "local"
    assert body["principal"]["admin"] is True
    assert body["keys_required"] is False
    assert body["limits"]["upload_bytes"] == world.settings.http.max_upload_bytes


async def test_a_cookie_stands_for_its_key(keyed: Any, ana: str) -> None:
    assert (await keyed.http.get("/v1/session")).status_code == 401
    await sign_in(keyed.http, ana)
    body = (await keyed.http.get("/v1/session")).json()
    assert (body["principal"]["id"], body["principal"]["admin"], body["keys_required"]) == ("ana", False, True)
    assert "hr" in body["principal"]["groups"]
    assert (await keyed.http.post("/v1/search", json=SEARCH)).status_code == 200


async def test_scripts_and_other_sites_never_see_the_cookie_nor_the_cookie_the_key(keyed: Any, ana: str) -> None:
    cookie = await sign_in(keyed.http, ana)
    assert cookie["httponly"] is True
    assert (cookie["samesite"].lower(), cookie["path"], cookie["domain"]) == ("strict", "/", "")
    assert int(cookie["max-age"]) == SESSION_SECONDS
    assert not cookie["secure"], "over plain HTTP a browser would drop it"
    assert ana not in cookie.value
    assert hashlib.sha256(ana.encode()).hexdigest() not in cookie.value


async def test_over_tls_the_cookie_stays_there(keyed: Any, ana: str) -> None:
    async with httpx.AsyncClient(transport=keyed.http._transport, base_url="https://127.0.0.1") as http:
        assert (await sign_in(http, ana))["secure"] is True


@pytest.mark.parametrize("key", ["wrong-key-0123456789", "ana-key-012345678", "é"])
async def test_a_wrong_key_signs_nobody_in_and_is_not_repeated(keyed: Any, key: str) -> None:
    response = await keyed.http.post("/v1/session", json={"key": key})
    assert response.status_code == 401
    assert "set-cookie" not in response.headers
    assert key not in response.text


@pytest.mark.parametrize("body", [{}, {"key": ""}, {"key": "x" * 5000}, {"key": None}, {"key": "a", "more": 1}, []])
async def test_what_is_no_key_is_refused_without_repeating_it(keyed: Any, body: Any) -> None:
    response = await keyed.http.post("/v1/session", json=body)
    assert response.status_code == 422
    assert "x" * 50 not in response.text


async def test_signing_out_takes_the_cookie_away(keyed: Any, ana: str) -> None:
    await sign_in(keyed.http, ana)
    response = await keyed.http.delete("/v1/session")
    assert response.status_code == 204
    cookie = set_cookie(response)
    assert (cookie.value, cookie["max-age"], cookie["path"]) == ("", "0", "/")
    assert (await keyed.http.get("/v1/session")).status_code == 401
    assert (await keyed.http.delete("/v1/session")).status_code == 204, "twice is as good as once"


async def test_a_session_ends_by_itself(keyed: Any, ana: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = (await sign_in(keyed.http, ana)).value
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + SESSION_SECONDS - 60)
    assert await status(keyed.http, cookie) == 200
    monkeypatch.setattr(time, "time", lambda: now + SESSION_SECONDS + 60)
    assert await status(keyed.http, cookie) == 401


async def test_a_cookie_cannot_be_made_or_made_longer(keyed: Any, ana: str) -> None:
    cookie = (await sign_in(keyed.http, ana)).value
    keyed.http.cookies.clear()
    until, signature = cookie.split(".")
    digest = hashlib.sha256(ana.encode()).digest()
    for made in (
        f"{int(until) + 1}.{signature}",
        f"{until}.{signature[:-1]}",
        f"{until}.{'0' * 64}",
        f"{until}.",
        f".{signature}",
        f"{until}",
        f"{until}.{signature}.{signature}",
        f"{until}.{hmac.new(b'', until.encode(), hashlib.sha256).hexdigest()}",
        f"{until}.{digest.hex()}",
        f"-1.{signature}",
        f"{'9' * 5000}.{signature}",
        "é.é",
        '"\\303\\251"',
        ana,
    ):
        assert await status(keyed.http, made) == 401, made
    assert await status(keyed.http, cookie) == 200


async def test_a_cookie_ends_with_its_key_and_not_with_anothers(make_world: Any, ana: str, ben: str) -> None:
    both = (ApiKey(key=ana, id="ana", groups=("hr",)), ApiKey(key=ben, id="ben"))
    async with make_world(auth=AuthSettings(keys=both)) as world:
        of_ana, of_ben = (await sign_in(world.http, ana)).value, (await sign_in(world.http, ben)).value
    async with make_world(auth=AuthSettings(keys=both)) as world:
        assert await status(world.http, of_ana) == 200, "a restart ends nobody's session"
    async with make_world(auth=AuthSettings(keys=both[1:])) as world:
        assert await status(world.http, of_ana) == 401
        assert await status(world.http, of_ben) == 200
    changed = ApiKey(key="another-key-0123456789", id="ana", groups=("hr",))
    async with make_world(auth=AuthSettings(keys=(changed,))) as world:
        assert await status(world.http, of_ana) == 401


async def test_what_a_keyless_server_signed_opens_nothing_once_there_are_keys(make_world: Any, ana: str) -> None:
    async with make_world() as world:
        cookie = (await sign_in(world.http, "anything at all")).value
    async with make_world(auth=AuthSettings(keys=(ApiKey(key=ana, id="ana"),))) as world:
        assert await status(world.http, cookie) == 401


@pytest.mark.parametrize("origin", [OTHER_SITE, OTHER_PORT, {"Origin": "null"}], ids=str)
async def test_another_sites_page_cannot_use_the_cookie(keyed: Any, ana: str, origin: dict[str, str]) -> None:
    await sign_in(keyed.http, ana)
    for method, path, sent in (
        ("POST", "/v1/search", {"json": SEARCH}),
        ("POST", "/v1/documents", {"files": {"file": ("a.txt", b"x")}}),
        ("DELETE", "/v1/session", {}),
        ("POST", "/v1/session", {"json": {"key": ana}}),
    ):
        response = await keyed.http.request(method, path, headers=origin, **sent)
        assert (response.status_code, response.json()["code"]) == (403, "cross_origin"), path


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "Digest x", "x"])
async def test_a_header_that_is_no_key_does_not_open_the_cookie_to_other_sites(
    keyed: Any, ana: str, header: str
) -> None:
    """A form can make a browser add `Basic …` by itself; the cookie would then still be what is looked at."""
    await sign_in(keyed.http, ana)
    headers = {**OTHER_PORT, "Authorization": header}
    assert (await keyed.http.post("/v1/search", json=SEARCH, headers=headers)).status_code == 403


async def test_a_key_in_the_header_is_nobodys_cookie(keyed: Any, ana: str, ben: str) -> None:
    headers = {**OTHER_SITE, "Authorization": f"Bearer {ben}"}
    assert (await keyed.http.post("/v1/search", json=SEARCH, headers=headers)).status_code == 200
    await sign_in(keyed.http, ana)
    body = (await keyed.http.get("/v1/session", headers={"Authorization": f"Bearer {ben}"})).json()
    assert body["principal"]["id"] == "ben"
    wrong = {"Authorization": "Bearer wrong-key-0123456789"}
    assert (await keyed.http.get("/v1/session", headers=wrong)).status_code == 401


async def test_its_own_page_uses_the_cookie(keyed: Any, ana: str) -> None:
    await sign_in(keyed.http, ana)
    own = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}
    assert (await keyed.http.post("/v1/search", json=SEARCH, headers=own)).status_code == 200


async def test_behind_a_proxy_that_asks_for_a_password_the_cookie_still_holds(keyed: Any, ana: str) -> None:
    await sign_in(keyed.http, ana)
    own = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin", "Authorization": "Basic YTpi"}
    assert (await keyed.http.post("/v1/search", json=SEARCH, headers=own)).status_code == 200
