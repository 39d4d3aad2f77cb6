"""`http_request` over real sockets: what it reads, how much of it, and whom it proves itself to."""

from __future__ import annotations

import gzip
import itertools
import ssl
import subprocess
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agents.settings import HttpSettings
from agents.tools.base import Observation, ToolContext, call
from agents.tools.http import http_tool
from core.types import Principal
from tests.agents.tools.web_server import SILENCE, WebServer, reply, web_server

TRUST = ssl.create_default_context()
CONTEXT = ToolContext(principal=Principal(id="ada"), run_id="run-1")
HOST = "docs.example"


async def here(host: str, port: int) -> list[str]:
    """Every name is this machine's."""
    return ["127.0.0.1"]


@pytest.fixture
async def server() -> AsyncIterator[WebServer]:
    async with web_server() as made:
        yield made


async def ask(server: WebServer, path: str = "/", arguments: Any = None, **settings: Any) -> Observation:
    given = {"hosts": (HOST,), "plain_http": True, "ports": (server.port,), "seconds": 60, **settings}
    tool = http_tool(HttpSettings(**given), resolver=here, permitted=lambda _: True, context=TRUST)
    url = f"http://{HOST}:{server.port}{path}"
    return await call(tool, {"url": url, **(arguments or {})}, CONTEXT)


async def test_text_is_read(server: WebServer) -> None:
    server.answers["GET /a?b=c"] = reply("Grüße".encode("latin-1"), kind="text/plain; charset=ISO-8859-1")
    seen = await ask(server, "/a?b=c#d")
    assert (seen.text, seen.failure, seen.untrusted) == ("Status 200.\nGrüße", None, True)
    assert seen.data["status"] == 200
    assert f"host: {HOST}:{server.port}\r\n" in server.asked[0].lower()


async def test_a_page_becomes_its_text(server: WebServer) -> None:
    page = b"<html><head><title>Fees</title><style>p{}</style></head><body><script>evil()</script><!-- hidden -->"
    page += b"<h1>Fees &amp; terms</h1><p>One   two<br>three</p><table><tr><td>a<td>b</table><svg><text>no</text></svg>"
    server.answers["GET /"] = reply(page, kind="text/html; charset=utf-8")
    seen = await ask(server)
    assert seen.text == "Status 200.\nFees\nFees & terms\nOne two\nthree\na | b"


async def test_json_and_errors_are_told_as_they_are(server: WebServer) -> None:
    server.answers["GET /"] = reply(b'{"detail": "gone"}', kind="application/problem+json", status=410)
    seen = await ask(server)
    assert seen.text == 'Status 410.\n{"detail": "gone"}'


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "application/pdf", "", "multipart/mixed"])
async def test_what_is_no_text_is_not_read(server: WebServer, kind: str) -> None:
    server.answers["GET /"] = reply(b"\x00" * 100, kind=kind)
    assert (await ask(server)).failure == "refused"


async def test_head_reads_no_body(server: WebServer) -> None:
    server.answers["HEAD /"] = reply(b"")
    seen = await ask(server, arguments={"method": "HEAD"})
    assert seen.text == "Status 200."


async def test_nothing_of_the_environment_goes_along(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {HOST} login ada password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.answers["GET /"] = reply(b"x", set_cookie="a=b")
    assert (await ask(server)).failure is None
    assert "authorization" not in server.asked[0].lower()
    assert "cookie" not in server.asked[0].lower()


async def test_long_answers_are_cut(server: WebServer) -> None:
    server.answers["GET /"] = reply(b"x" * 5_000)
    seen = await ask(server, max_bytes=2_000)
    assert seen.data["cut"] is True
    assert seen.text == "Status 200. Only the first 2,000 bytes were read.\n" + "x" * 2_000
    seen = await ask(server, max_chars=100)
    assert "more characters" in seen.text
    assert len(seen.text) < 200


async def test_what_sends_carries_its_calls_name(server: WebServer) -> None:
    settings = HttpSettings(hosts=(HOST,), plain_http=True, ports=(server.port,), methods=("GET", "POST"), seconds=60)
    tool = http_tool(settings, resolver=here, permitted=lambda _: True, context=TRUST)
    context = ToolContext(principal=Principal(id="ada"), run_id="run-1", call_id="run-1:7")
    for method in ("POST", "GET"):
        await call(tool, {"url": f"http://{HOST}:{server.port}/", "method": method}, context)
    assert "idempotency-key: run-1:7\r\n" in server.asked[0].lower()
    assert "idempotency-key" not in server.asked[1].lower()


def endless(first: bytes, piece: bytes) -> Any:
    return lambda: itertools.chain([first], itertools.repeat(piece))


async def test_an_answer_without_end_ends(server: WebServer) -> None:
    server.answers["GET /"] = endless(reply(b"", length=False), b"x" * 10_000)
    assert (await ask(server, max_bytes=100_000)).data["cut"] is True


async def test_a_bomb_is_unpacked_no_further_than_its_limit(server: WebServer) -> None:
    bomb = gzip.compress(bytes(200_000_000), 1)
    assert len(bomb) < 1_000_000
    server.answers["GET /"] = reply(bomb, content_encoding="gzip")
    seen = await ask(server, max_bytes=1_000_000)
    assert (seen.data["cut"], seen.failure) == (True, None)


@pytest.mark.parametrize(
    "name", ["gzip", "deflate"], ids=["members without content", "blocks without content"]
)  # fmt: skip
async def test_packed_air_without_end_ends(server: WebServer, name: str) -> None:
    packer = zlib.compressobj(wbits=31 if name == "gzip" else 15)
    first = packer.compress(b"x") + packer.flush(zlib.Z_SYNC_FLUSH)
    head = reply(b"", length=False, content_encoding=name)
    server.answers["GET /"] = endless(head + first, b"\x00\x00\x00\xff\xff" * 2_000)
    assert (await ask(server, max_bytes=100_000)).data["cut"] is True


@pytest.mark.parametrize("body", [gzip.compress(b"whole"), zlib.compress(b"whole")])
async def test_packed_text_is_unpacked(server: WebServer, body: bytes) -> None:
    server.answers["GET /"] = reply(body, content_encoding="gzip")
    assert (await ask(server)).text == "Status 200.\nwhole"


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"not gzip", content_encoding="gzip"),
        reply(b"x", content_encoding="br"),
        reply(b"x", content_encoding="gzip, gzip"),
        b"nonsense\r\n\r\n",
        b"",
        reply(b"short")[:-3],
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100_000,
    ],
    ids=["broken gzip", "unasked packing", "packed twice", "no HTTP", "nothing", "cut short", "endless head"],
)
async def test_a_broken_answer_is_an_observation(server: WebServer, answer: bytes) -> None:
    server.answers["GET /"] = answer
    assert (await ask(server)).failure == "refused"


async def test_a_server_that_never_answers_is_left(server: WebServer) -> None:
    server.answers["GET /"] = SILENCE
    seen = await ask(server, seconds=0.3)
    assert seen.failure in {"timeout", "refused"}


async def test_sending_is_another_effect_and_is_not_redirected(server: WebServer) -> None:
    methods = ("GET", "POST")
    assert http_tool(HttpSettings(hosts=(HOST,))).effect == "reads_outside"
    assert http_tool(HttpSettings(hosts=(HOST,), methods=methods)).effect == "sends"
    assert (await ask(server, arguments={"method": "POST", "body": "{}"})).failure == "invalid_arguments"
    server.answers["POST /"] = reply(b"moved", status=307, location="/other")
    seen = await ask(server, arguments={"method": "POST", "body": '{"a": 1}'}, methods=methods)
    assert seen.data["status"] == 307
    assert len(server.asked) == 1
    assert "content-type: application/json" in server.asked[0].lower()
    assert (await ask(server, arguments={"method": "PUT"}, methods=methods)).failure == "refused"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for docs.example, and a client's that trusts it alone."""
    folder = tmp_path_factory.mktemp("tls")
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={HOST}"
    command += f" -addext subjectAltName=DNS:{HOST} -keyout key.pem -out cert.pem"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return ours, ssl.create_default_context(cafile=str(folder / "cert.pem"))


async def test_tls_is_for_the_name_though_the_address_is_pinned(
    certificates: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    theirs, trusting = certificates
    async with web_server(theirs) as server:
        server.answers["GET /"] = reply(b"safe")
        settings = HttpSettings(hosts=(HOST, "other.example"), ports=(server.port,))
        tool = http_tool(settings, resolver=here, permitted=lambda _: True, context=trusting)
        seen = await call(tool, {"url": f"https://{HOST}:{server.port}/"}, CONTEXT)
        assert seen.text == "Status 200.\nsafe"
        assert server.served_name == HOST
        seen = await call(tool, {"url": f"https://other.example:{server.port}/"}, CONTEXT)
        assert seen.failure == "refused", "the certificate is not for that name"
        distrusting = http_tool(settings, resolver=here, permitted=lambda _: True)
        seen = await call(distrusting, {"url": f"https://{HOST}:{server.port}/"}, CONTEXT)
        assert seen.failure == "refused"
        assert len(server.asked) == 1
