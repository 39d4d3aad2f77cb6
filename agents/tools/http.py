"""`http_request`: asks a web server that the owner allowed, and never anything inside the owner's network.

The address is pinned: a name is resolved once, every address it has must be public, and the connection goes to one of
these very addresses under the name's TLS identity. A second answer of the name server (rebinding) is never asked for.
Each redirect goes through the same door.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx
from pydantic import Field

from agents.settings import HOST, HttpSettings, Method
from agents.tools.addresses import is_public
from agents.tools.base import Arguments, Observation, Tool, ToolContext, trimmed
from agents.tools.html_text import html_text
from agents.tools.unpacking import ACCEPTED, read_bounded
from core.errors import Forbidden, InvalidInput, Unavailable

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""A name and a port → all of the name's addresses, in the order to try them."""

_MOST_TRIED = 3
_READING: frozenset[str] = frozenset({"GET", "HEAD"})
_TEXT = re.compile(r"text/.+|application/(?:json|xml|yaml|x-ndjson|javascript|.+\+(?:json|xml))")
_HTML = {"text/html", "application/xhtml+xml"}
_CHARSETS = re.compile(
    r"utf-?(?:8|16|16le|16be)|us-ascii|ascii|latin-?1|iso-?8859-\d{1,2}|windows-125\d|cp125\d|koi8-[ru]"
    r"|shift[_-]jis|euc-(?:jp|kr)|gb2312|gbk|gb18030|big5"
)
_BEYOND = "That address is not allowed: ask only hosts of the public internet that the owner has listed."
_REDIRECTED = "The server redirects to an address that is not allowed."


class Ask(Arguments):
    """A page or a service's answer to read."""

    url: str = Field(min_length=1, max_length=2_000, description="The whole address, beginning with https://")
    method: Literal["GET", "HEAD"] = "GET"


class Send(Arguments):
    """A request that may change something elsewhere."""

    url: str = Field(min_length=1, max_length=2_000, description="The whole address, beginning with https://")
    method: Method = "GET"
    body: str | None = Field(default=None, max_length=20_000, description="What is sent, as JSON or plain text.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A checked address: where to go and under which name."""

    scheme: str
    host: str
    port: int
    path: bytes

    @property
    def netloc(self) -> str:
        """The value of the Host header."""
        usual = {"https": 443, "http": 80}[self.scheme]
        return self.host if self.port == usual else f"{self.host}:{self.port}"


async def resolve(host: str, port: int) -> list[str]:
    """All addresses the machine's resolver knows for a name. Raises `Unavailable` when there is none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unavailable("The host's name could not be resolved.") from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def http_tool(
    settings: HttpSettings,
    *,
    resolver: Resolve = resolve,
    permitted: Callable[[str], bool] = is_public,
    context: ssl.SSLContext | None = None,
) -> Tool[Any]:
    """The tool with these settings. `resolver`, `permitted` and `context` (whom to trust) are for other networks."""
    door = _Door(settings, resolver, permitted, context)
    sends = not _READING.issuperset(settings.methods)
    return Tool[Any](
        name="http_request",
        description="Reads a web page or a service's answer as text. Hosts: " + ", ".join(settings.hosts),
        arguments=Send if sends else Ask,
        effect="sends" if sends else "reads_outside",
        timeout=settings.seconds,
        run=door.run,
    )


def target_of(url: httpx.URL, settings: HttpSettings) -> Target:
    """What an address asks for, if that may be asked. Raises `Forbidden`.

    One parser reads the address and everything is put together anew from what it read: no second one can disagree.
    """
    host = url.raw_host.decode("ascii").lower().removesuffix(".")
    schemes = {"https", "http"} if settings.plain_http else {"https"}
    if url.scheme not in schemes or url.userinfo or not HOST.fullmatch(host) or "*" in host:
        raise Forbidden(_BEYOND)
    port = url.port or {"https": 443, "http": 80}[url.scheme]
    if port not in settings.ports or not any(_matches(host, allowed) for allowed in settings.hosts):
        raise Forbidden(_BEYOND)
    return Target(scheme=url.scheme, host=host, port=port, path=url.raw_path)


def parsed(text: str) -> httpx.URL:
    """Reads an address. Spaces, control characters and backslashes are what parsers disagree about, and refused.

    Raises `InvalidInput`.
    """
    if re.search(r"[\s\\\x00-\x20\x7f-\xa0\u200b-\u200f\u2028\u2029\ufeff]", text):
        raise InvalidInput("That is not an address: it holds spaces, backslashes or control characters.")
    try:
        return httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise InvalidInput("That is not an address: begin with https:// and a host's name.") from None


def _matches(host: str, allowed: str) -> bool:
    return allowed == "*" or host == allowed or (allowed.startswith("*.") and host.endswith(allowed[1:]))


class _Door:
    """The only way out: every request, the redirected ones too, goes through `_open`."""

    def __init__(
        self,
        settings: HttpSettings,
        resolver: Resolve,
        permitted: Callable[[str], bool],
        context: ssl.SSLContext | None,
    ) -> None:
        self._settings = settings
        self._resolver = resolver
        self._permitted = permitted
        self._context = context

    async def run(self, arguments: Ask | Send, context: ToolContext) -> Observation:
        if arguments.method not in self._settings.methods:
            raise Forbidden(f"{arguments.method} is not allowed here: use {', '.join(self._settings.methods)}.")
        if self._context is None:
            self._context = await asyncio.to_thread(httpx.create_ssl_context, trust_env=False)
        # the transport alone: a client would read the environment, keep cookies and look into redirects by itself
        async with httpx.AsyncHTTPTransport(verify=self._context, trust_env=False) as transport:
            return await self._follow(transport, arguments, context.call_id)

    async def _follow(self, transport: httpx.AsyncHTTPTransport, arguments: Ask | Send, call_id: str) -> Observation:
        url = parsed(arguments.url)
        body = arguments.body if isinstance(arguments, Send) else None
        for hop in range(self._settings.max_redirects + 1):
            try:
                response = await self._open(transport, url, arguments.method, body, call_id)
            except (Forbidden, InvalidInput):
                if hop == 0:
                    raise
                raise Forbidden(_REDIRECTED) from None
            try:
                onward = response.headers.get("location") if response.has_redirect_location else None
                if onward is None or arguments.method not in _READING:  # what sends is sent once, to whom was named
                    return await self._observed(response, url, arguments.method)
            finally:
                await response.aclose()
            url = _joined(url, onward)
        raise Unavailable(f"The server redirects more than {self._settings.max_redirects} times.")

    async def _open(
        self, transport: httpx.AsyncHTTPTransport, url: httpx.URL, method: str, body: str | None, call_id: str
    ) -> httpx.Response:
        target = target_of(url, self._settings)
        addresses = await self._resolver(target.host, target.port)
        if not addresses or not all(self._permitted(each) for each in addresses):
            raise Forbidden(_BEYOND)
        for address in addresses[:_MOST_TRIED]:
            request = _request(target, address, method, body, self._settings.seconds, call_id)
            try:
                return await transport.handle_async_request(request)
            except httpx.ConnectError:
                continue
            except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError):
                raise Unavailable("The server did not answer as one should.") from None
        raise Unavailable("No connection to the server could be made, or it could not prove its name.")

    async def _observed(self, response: httpx.Response, url: httpx.URL, method: str) -> Observation:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        data: dict[str, Any] = {"status": response.status_code, "url": str(url), "type": kind[:100]}
        head = f"Status {response.status_code}."
        if method == "HEAD" or response.status_code in {204, 304}:
            return Observation(text=head, data=data)
        if not _TEXT.fullmatch(kind):
            return Observation(text=f"{head} The answer is not text and was not read.", data=data, failure="refused")
        try:
            pieces = response.aiter_raw(65_536)
            body, cut = await read_bounded(
                pieces, response.headers.get("content-encoding", ""), self._settings.max_bytes
            )
        except httpx.HTTPError:
            raise Unavailable("The connection broke before the answer was whole.") from None
        text = body.decode(_charset(response.headers), "replace")
        if kind in _HTML:
            text = await html_text(text)
        if cut:
            head += f" Only the first {self._settings.max_bytes:,} bytes were read."
        return trimmed(
            f"{head}\n{text}", self._settings.max_chars, "Ask for a more precise address.", data={**data, "cut": cut}
        )


def _request(
    target: Target, address: str, method: str, body: str | None, seconds: float, call_id: str
) -> httpx.Request:
    """The request to a pinned address, under the host's name: in HTTP, and in TLS, whose certificate must bear it.

    One that may change something carries its call's name, by which a server knows it when it comes a second time.
    """
    headers = {
        "host": target.netloc,
        "user-agent": "footnote",
        "accept": "text/*, application/json, application/xml;q=0.9",
        "accept-encoding": ACCEPTED,
    }
    if call_id and method not in _READING:
        headers["idempotency-key"] = call_id
    if body is not None:
        headers["content-type"] = "application/json" if body.lstrip()[:1] in {"{", "["} else "text/plain; charset=utf-8"
    return httpx.Request(
        method,
        httpx.URL(scheme=target.scheme, host=address, port=target.port, raw_path=target.path),
        headers=headers,
        content=body,
        extensions={"sni_hostname": target.host, "timeout": httpx.Timeout(seconds).as_dict()},
    )


def _joined(url: httpx.URL, onward: str) -> httpx.URL:
    """Where a redirect leads. Raises `Forbidden` for what is no address."""
    try:
        return parsed(str(url.join(parsed(onward))))
    except (InvalidInput, httpx.InvalidURL, ValueError):
        raise Forbidden(_REDIRECTED) from None


def _charset(headers: Mapping[str, str]) -> str:
    """The charset a server names, if it is one in use for texts; else UTF-8."""
    found = re.search(r"charset=[\"']?([\w-]{1,20})", headers.get("content-type", ""), re.IGNORECASE)
    name = found[1].lower() if found else ""
    return name if _CHARSETS.fullmatch(name) else "utf-8"
