"""`web_search` over real sockets, against engines that answer well, badly and never."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import ValidationError

from agents.settings import WebSettings
from agents.tools.base import Observation, ToolContext, call
from agents.tools.web import web_tool
from core.types import Principal
from tests.agents.tools.web_server import SILENCE, WebServer, reply, web_server

CONTEXT = ToolContext(principal=Principal(id="ada"), run_id="run-1")
ASKED = "GET /search?q=leave+in+Europe&format=json"


@pytest.fixture
async def server() -> AsyncIterator[WebServer]:
    async with web_server() as made:
        yield made


async def search(server: WebServer, **settings: Any) -> Observation:
    chosen = WebSettings(**{"url": f"http://127.0.0.1:{server.port}", "seconds": 60, **settings})
    return await call(web_tool(chosen), {"query": "leave in Europe"}, CONTEXT)


def found(*results: Any) -> bytes:
    return reply(json.dumps({"results": results}).encode(), kind="application/json")


async def test_results_are_shown_with_their_addresses(server: WebServer) -> None:
    server.answers[ASKED] = found(
        {"title": "Leave", "url": "https://a.example/x", "content": "Twenty\ndays.\u202e\0"},
        {"title": "Bad", "url": "javascript:alert(1)", "content": "no"},
        {"title": None, "url": "https://b.example/", "content": "y" * 9_000},
    )
    seen = await search(server, max_chars=50)
    assert seen.failure is None
    assert seen.untrusted
    assert seen.text == f"Leave\nhttps://a.example/x\nTwenty days.\n\n\nhttps://b.example/\n{'y' * 50}"
    assert [each["url"] for each in seen.data["results"]] == ["https://a.example/x", "https://b.example/"]


async def test_the_key_goes_to_the_engine_and_nowhere_else(server: WebServer) -> None:
    server.answers[ASKED] = found()
    seen = await search(server, key="s3cret-key", url=f"http://127.0.0.1:{server.port}/search")
    assert "authorization: bearer s3cret-key" in server.asked[0].lower()
    assert "s3cret" not in repr(seen)
    assert not seen.untrusted, "nothing was read"


def endless() -> Any:
    return itertools.chain([reply(b"", length=False)], itertools.repeat(b"[" * 10_000))


@pytest.mark.parametrize("answer", [
    reply(b"no", status=500),
    reply(b"", status=302, location="http://127.0.0.1:1/"),
    reply(b"<html>", kind="text/html"),
    reply(b"[]"),
    reply(b'{"results": {"a": 1}}'),
    reply(b'{"results": ' + b"[" * 200_000),
    reply(gzip.compress(b"a" * 50_000_000), content_encoding="gzip"),
    reply(b"x", content_encoding="br"),
    b"nonsense\r\n\r\n",
    b"",
], ids=range(10))  # fmt: skip
async def test_an_engine_that_answers_badly_is_gone_on_without(server: WebServer, answer: bytes) -> None:
    server.answers[ASKED] = answer
    assert (await search(server)).failure == "refused"


async def test_an_engine_that_never_ends_or_never_begins_is_left(server: WebServer) -> None:
    server.answers[ASKED] = endless
    assert (await search(server)).failure == "refused"
    server.answers[ASKED] = SILENCE
    assert (await search(server, seconds=0.5)).failure in {"timeout", "refused"}
    assert (await search(server, url="http://127.0.0.1:1", seconds=60)).failure == "refused"


@pytest.mark.parametrize(
    "url", ["ftp://a.example", "https://", "https://a.example/?q=1", "https://u:p@a.example", "a b"]
)
def test_what_is_no_engines_address(url: str) -> None:
    with pytest.raises(ValidationError):
        WebSettings(url=url)
