"""Nobody gets inside by `http_request`: forms of addresses, names that resolve inside, rebinding and redirects."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import pytest
from pydantic import ValidationError

from agents.settings import HttpSettings
from agents.tools.addresses import is_public
from agents.tools.base import Observation, ToolContext, call
from agents.tools.http import http_tool, resolve
from core.errors import Unavailable
from core.types import Principal
from tests.agents.tools.web_server import WebServer, reply, web_server

TRUST = ssl.create_default_context()
CONTEXT = ToolContext(principal=Principal(id="ada"), run_id="run-1")

FORMS = [
    # this machine, however it is spelled
    "http://127.0.0.1/", "http://localhost/", "http://localhost./", "http://LOCALHOST/", "http://127.1/", "http://127.0.1/",
    "http://2130706433/", "http://017700000001/", "http://0177.0.0.1/", "http://0177.0.0.01/", "http://0x7f000001/",
    "http://0x7f.0.0.1/", "http://0x7f.1/", "http://0X7F000001/", "http://127.0.0.0x1/", "http://0/", "http://0.0.0.0/",
    "http://127.0.0.1./", "http://127.127.127.127/", "http://4294967297/", "http://00000177.0.0.1/", "http://[::1]/",
    "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/", "http://[64:ff9b::127.0.0.1]/", "http://[2002:7f00:1::]/", "http://[fe80::1%25lo]/",
    "http://[::ffff:0:127.0.0.1]/", "http://[2001:0:53aa:64c:0:0:80ff:fffe]/",
    # other insides
    "http://10.0.0.1/", "http://192.168.1.1/", "http://172.16.0.1/", "http://3232235777/", "http://[fc00::1]/",
    "http://[fd00:ec2::254]/", "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/", "http://[::ffff:a9fe:a9fe]/", "http://169.254.170.2/v2/credentials",
    "http://100.100.100.200/", "http://168.63.129.16/", "http://metadata.google.internal/", "http://224.0.0.1/",
    # letters that look like digits, marks that look like dots
    "http://１２７.0.0.1/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://ⓛocalhost/", "http://loc\u00adalhost/",
    "http://%31%32%37.0.0.1/", "http://127%2e0%2e0%2e1/", "http://xn--127-0-0-1/",
    # two readings of one address
    "http://docs.example@127.0.0.1/", "http://127.0.0.1@docs.example/", "http://docs.example:80@127.0.0.1/",
    "http://127.0.0.1\\@docs.example/", "http://docs.example\\@127.0.0.1/", "http://127.0.0.1 @docs.example/",
    "http://docs.example%00.inside.example/", "http://docs.example\t.inside.example/", "http://docs.example\r\nX: in/",
    "http:///127.0.0.1/", "http:127.0.0.1", "//127.0.0.1/", "http://", "http://docs.example:22/", "http://docs.example:0/",
    "http://docs.example:99999/", "http://docs.example.inside.example/", "http://insidedocs.example/", "http://*/",
    "http://*.example/", "http://docs.example:80:80/", "http://[docs.example]/", "http://[::1/", "http://.docs.example/",
    "http://docs..example/", "http://docs.example../",
    # other protocols
    "file:///etc/passwd", "gopher://docs.example/", "ftp://docs.example/", "dict://docs.example:11211/",
    "data:text/plain,x",
    "javascript:alert(1)", "unix:///run/docker.sock", "HTTPX://docs.example/", "ws://docs.example/", "jar:http://x!/",
]  # fmt: skip

SAME_SERVER = {"http:///127.0.0.1/", "http:127.0.0.1", "http://"}
"""Without a host: a redirect to one of them stays where it is."""

OUTSIDE = "127.0.0.2"
"""Where the tests' server is: it stands for a public address; 127.0.0.1 does not."""

PUBLIC = "93.184.215.14"
INSIDE = [
    "127.0.0.1",
    "10.0.0.7",
    "169.254.169.254",
    "::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "fe80::1%eth0",
    "nonsense",
]


class Names:
    """A name server: `answers` maps a name to one list after another, the last for ever. `asked` keeps the names."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = {name.replace("_", "."): list(lists) for name, lists in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host == "localhost":
            return await resolve(host, port)
        if host not in self._answers:
            raise Unavailable("There is no such name.")
        lists = self._answers[host]
        return lists.pop(0) if len(lists) > 1 else lists[0]


class Allowed:
    """What counts as public in a test: the rule itself, and every address of `but`, which stands for a public one."""

    def __init__(self, *but: str) -> None:
        self.but = but

    def __call__(self, address: str) -> bool:
        return address in self.but or is_public(address)


@pytest.fixture
async def server() -> AsyncIterator[WebServer]:
    async with web_server(address=OUTSIDE) as made:
        made.answers["GET /secret"] = reply(b"the inside")
        yield made


async def ask(url: str, names: Names, *but: str, **settings: object) -> Observation:
    given = {"hosts": ("docs.example",), "plain_http": True, "seconds": 60, **settings}
    tool = http_tool(HttpSettings(**given), resolver=names, permitted=Allowed(*but), context=TRUST)
    return await call(tool, {"url": url}, CONTEXT)


def test_there_are_enough_forms() -> None:
    assert len(FORMS) == len(set(FORMS)) >= 80


@pytest.mark.parametrize("url", FORMS)
async def test_no_form_of_an_address_leads_inside(url: str) -> None:
    """Once with a list of hosts, and once with any host allowed: then the addresses alone decide."""
    names = Names(docs_example=[["127.0.0.1"]])
    assert (await ask(url, names)).failure in {"refused", "invalid_arguments"}
    assert (await ask(url, names, hosts=("*",))).failure in {"refused", "invalid_arguments"}


@pytest.mark.parametrize("address", INSIDE)
@pytest.mark.parametrize("others", [[], [PUBLIC]], ids=["alone", "among public ones"])
async def test_a_name_that_resolves_inside_is_refused(address: str, others: list[str]) -> None:
    seen = await ask("http://docs.example/", Names(docs_example=[[*others, address]]))
    assert seen.failure == "refused"
    assert address not in seen.text, "what is inside is not told"


async def test_a_name_without_addresses_is_refused() -> None:
    assert (await ask("http://docs.example/", Names(docs_example=[[]]))).failure == "refused"


async def test_only_the_checked_address_is_connected_to(server: WebServer) -> None:
    """Rebinding: the second answer of the name server is never asked for."""
    names = Names(docs_example=[[OUTSIDE], ["10.0.0.1"]])
    url = f"http://docs.example:{server.port}/secret"
    seen = await ask(url, names, OUTSIDE, ports=(server.port,))
    assert seen.text == "Status 200.\nthe inside", "what stands for a public address here was reached"
    assert names.asked == ["docs.example"]
    assert (await ask(url, names, OUTSIDE, ports=(server.port,))).failure == "refused"
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_allowed_redirects_are_followed_and_resolved_anew(server: WebServer, status: int) -> None:
    server.answers["GET /"] = reply(b"", status=status, location="/secret")
    names = Names(docs_example=[[OUTSIDE]])
    seen = await ask(f"http://docs.example:{server.port}/", names, OUTSIDE, ports=(server.port,))
    assert seen.text == "Status 200.\nthe inside"
    assert len(names.asked) == 2
    rebound = Names(docs_example=[[OUTSIDE], ["127.0.0.1"]])
    seen = await ask(f"http://docs.example:{server.port}/", rebound, OUTSIDE, ports=(server.port,))
    assert seen.failure == "refused"


@pytest.mark.parametrize("location", FORMS)
async def test_no_redirect_leads_inside(server: WebServer, location: str) -> None:
    """An address without a host is one of the same server; all the others are refused."""
    onward = location.replace("docs.example", "other.example")
    server.answers["GET /"] = reply(b"", status=302, location=onward.encode().decode("latin-1"))
    names = Names(docs_example=[[OUTSIDE]], other_example=[["10.0.0.1"]])
    seen = await ask(f"http://docs.example:{server.port}/", names, OUTSIDE, hosts=("*",), ports=(server.port, 80))
    if location in SAME_SERVER:
        assert all(f"host: docs.example:{server.port}\r\n" in head for head in server.asked)
    else:
        assert (seen.failure, len(server.asked)) == ("refused", 1)
    assert "inside" not in seen.text


async def test_redirects_end(server: WebServer) -> None:
    server.answers["GET /"] = reply(b"", status=302, location="/")
    names = Names(docs_example=[[OUTSIDE]])
    url = f"http://docs.example:{server.port}/"
    seen = await ask(url, names, OUTSIDE, ports=(server.port,), max_redirects=2)
    assert (seen.failure, len(server.asked)) == ("refused", 3)


async def test_https_is_not_left_for_http() -> None:
    seen = await ask("http://docs.example/", Names(docs_example=[[PUBLIC]]), plain_http=False)
    assert seen.failure == "refused"


@pytest.mark.parametrize(
    ("allowed", "host", "may"),
    [
        ("docs.example", "docs.example", True), ("docs.example", "DOCS.Example.", True),
        ("*.example", "a.b.example", True),
        ("*.docs.example", "docs.example", False), ("*.docs.example", "xdocs.example", False),
        ("docs.example", "a.docs.example", False), ("docs.example", "docs.example.org", False),
        ("xn--strae-oqa.example", "straße.example", True),
    ],
)  # fmt: skip
async def test_hosts_are_matched_whole(server: WebServer, allowed: str, host: str, may: bool) -> None:
    async def here(name: str, port: int) -> list[str]:
        return [OUTSIDE]

    settings = HttpSettings(hosts=(allowed,), plain_http=True, ports=(server.port,))
    tool = http_tool(settings, resolver=here, permitted=lambda _: True, context=TRUST)
    seen = await call(tool, {"url": f"http://{host}:{server.port}/secret"}, CONTEXT)
    assert (seen.failure is None) is may


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10", "0x7f", "a.0x7f", "https://x.example", "x:80", "x/", "", "*.*.x", "X.org", "::1"]
)
def test_settings_take_names_only(host: str) -> None:
    with pytest.raises(ValidationError):
        HttpSettings(hosts=(host,))
