"""`web_search`: asks the search engine that the owner named, a SearXNG or whatever answers as it does."""

from __future__ import annotations

import json
import unicodedata
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import Field

from agents.settings import WebSettings
from agents.tools.base import Arguments, Observation, Tool, ToolContext
from agents.tools.unpacking import ACCEPTED, read_bounded
from core.errors import Unavailable

_AWAY = "The search engine does not answer as one should. Go on without it."


class WebSearch(Arguments):
    """What is looked for on the web."""

    query: str = Field(min_length=1, max_length=300, description="A few words. They leave this house.")


def web_tool(settings: WebSettings) -> Tool[Any]:
    """The tool for this search engine, of which there must be one."""
    assert settings.url is not None
    url = httpx.URL(settings.url.rstrip("/") if settings.url.rstrip("/").endswith("/search")
                    else settings.url.rstrip("/") + "/search")  # fmt: skip

    async def run(arguments: WebSearch, context: ToolContext) -> Observation:
        results = await _asked(url, arguments.query, settings)
        if not results:
            return Observation(text="Nothing was found. Try other words.", data={"results": []}, untrusted=False)
        lines = [f"{each['title']}\n{each['url']}\n{each['text']}" for each in results]
        return Observation(text="\n\n".join(lines), data={"results": results})

    return Tool[Any](
        name="web_search",
        description="Searches the web and shows the beginnings of the pages found.",
        arguments=WebSearch,
        effect="reads_outside",
        timeout=settings.seconds,
        run=run,
    )


async def _asked(url: httpx.URL, query: str, settings: WebSettings) -> list[dict[str, str]]:
    headers = {"accept": "application/json", "accept-encoding": ACCEPTED, "user-agent": "footnote"}
    if settings.key is not None:
        headers["authorization"] = f"Bearer {settings.key.get_secret_value()}"
    request = httpx.Request(
        "GET",
        url.copy_merge_params({"q": query, "format": "json"}),
        headers=headers,
        extensions={"timeout": httpx.Timeout(settings.seconds).as_dict()},
    )
    try:
        # the transport alone: no proxy and no password from the environment, and no redirect is followed
        async with httpx.AsyncHTTPTransport(trust_env=False) as transport:
            response = await transport.handle_async_request(request)
            try:
                body, cut = await read_bounded(
                    response.aiter_raw(65_536), response.headers.get("content-encoding", ""), settings.max_bytes
                )
            finally:
                await response.aclose()
    except httpx.HTTPError:
        raise Unavailable("The search engine cannot be reached now. Go on without it.") from None
    if response.status_code != 200 or cut:
        raise Unavailable(_AWAY)
    return _results(body, settings)


def _results(body: bytes, settings: WebSettings) -> list[dict[str, str]]:
    """The results of an answer that are what they should be. Raises `Unavailable` for one that is none."""
    try:
        given = json.loads(body)["results"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Unavailable(_AWAY) from None
    if not isinstance(given, list):
        raise Unavailable(_AWAY)
    found: list[dict[str, str]] = []
    for each in given:
        if len(found) >= settings.results:
            break
        if isinstance(each, dict) and _is_address(each.get("url")):
            found.append({
                "title": _line(each.get("title"), 200),
                "url": each["url"],
                "text": _line(each.get("content"), settings.max_chars),
            })  # fmt: skip
    return found


def _is_address(url: Any) -> bool:
    if not isinstance(url, str) or len(url) > 2_000 or not url.isprintable() or any(map(str.isspace, url)):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None


def _line(text: Any, most: int) -> str:
    """A text on one line, without what is not seen."""
    if not isinstance(text, str):
        return ""
    seen = "".join(letter for letter in text[: 10 * most] if letter.isspace() or unicodedata.category(letter)[0] != "C")
    return " ".join(seen.split())[:most]
