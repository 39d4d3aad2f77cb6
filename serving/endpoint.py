"""The wire to a server that speaks OpenAI's protocol: server-sent events, time limits, and httpx's errors translated.

https://platform.openai.com/docs/api-reference/chat-streaming and
https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from core.errors import DeadlineExceeded, GeneratorMissing, GeneratorRefused, GeneratorUnavailable
from serving.settings import EndpointSettings

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("footnote.generator")

BROKE_OFF = "The generator broke off while it was writing. Ask again."
SLOW = "The answer took too long to write. Ask again, or ask for less at once."
_FIRST_PAUSE = 0.1
_DONE = "[DONE]"
_OF_THE_REQUEST = (400, 404, 413, 422)
"""Refusals of what was sent: too long for the window, or a schema that the engine does not know."""
_LONGEST = 16 * 2**20
"""Bytes of a short call's answer, or of a line of a stream, that are read at most."""
_SAID = 500
"""Characters of a server's own words that are logged."""


class Forbidden(GeneratorUnavailable):
    """The server knows who asks, and refuses this: the key is wrong, or what is asked for is not to be had by it."""


class Endpoint:
    """One server. Its client is made at the first call, in the event loop that uses it."""

    def __init__(self, settings: EndpointSettings) -> None:
        self._settings = settings
        self._client: httpx.AsyncClient | None = None

    async def events(self, path: str, body: Mapping[str, Any], seconds: float) -> AsyncGenerator[str]:
        """Posts, and yields the data of each event as it comes, the end mark left out.

        Closing the iterator closes the connection, by which servers know that they may stop. A failed connection is
        tried again until the first byte. Raises `GeneratorUnavailable`, or `DeadlineExceeded` after `seconds`.
        """
        import httpx

        deadline = time.monotonic() + seconds
        first = min(seconds, self._settings.first_token_seconds)
        begun = time.monotonic() + first
        response = await _before(begun, self._open(path, body, deadline))
        try:
            async with aclosing(_lines(response)) as lines:
                ended = False
                while (line := await _before(begun, anext(lines, None))) is not None:
                    begun = deadline
                    data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
                    ended = ended or data == _DONE
                    if data and data != _DONE:
                        yield data
                if not ended:
                    raise GeneratorUnavailable(BROKE_OFF)
        except httpx.HTTPError as error:
            log.warning("the generator at %s broke off: %r", self._settings.base_url, error)
            raise GeneratorUnavailable(BROKE_OFF) from None
        finally:
            await response.aclose()

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None, seconds: float) -> Any:
        """The JSON that a short call is answered with. Raises `GeneratorUnavailable`."""
        try:
            return json.loads(await self.text(method, path, body, seconds))
        except (ValueError, RecursionError):
            raise self.not_openai() from None

    async def text(self, method: str, path: str, body: Mapping[str, Any] | None, seconds: float) -> str:
        """What a short call is answered with; a path that begins with "//" counts from the server's root.

        Raises `GeneratorUnavailable`, also where the whole takes longer than `seconds` or is endless.
        """
        import httpx

        root = self._settings.base_url.removesuffix("/v1")
        url = root + path[1:] if path.startswith("//") else self._settings.base_url + path
        try:
            async with asyncio.timeout(seconds), self._http().stream(method, url, json=body, timeout=seconds) as told:
                text = await _whole(told)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        except TimeoutError:
            raise self._unreachable(httpx.ReadTimeout(f"not told within {seconds:g} s")) from None
        if text is None:
            raise self.not_openai()
        if not told.is_success:
            raise self._refused(told.status_code, text)
        return text

    async def close(self) -> None:
        """Closes every connection."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _open(self, path: str, body: Mapping[str, Any], deadline: float) -> httpx.Response:
        import httpx

        client = self._http()
        for attempt in range(self._settings.retries + 1):
            request = client.build_request("POST", self._settings.base_url + path, content=json.dumps(body))
            try:
                response = await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadError, httpx.RemoteProtocolError) as error:
                pause = _FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311  # spreads the tries
                if attempt == self._settings.retries or time.monotonic() + pause >= deadline:
                    raise self._unreachable(error) from None
                await asyncio.sleep(pause)
            except httpx.HTTPError as error:
                raise self._unreachable(error) from None
            else:
                if response.is_success:
                    return response
                said = await _said(response)
                raise self._refused(response.status_code, said)
        raise AssertionError("the last try returns or raises")

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            import httpx

            key = self._settings.api_key
            headers = {"Content-Type": "application/json"}
            if key is not None:
                headers["Authorization"] = f"Bearer {key.get_secret_value()}"
            self._client = httpx.AsyncClient(
                headers=headers,
                # How long words may take is bounded by deadlines, not by the silence between two of them.
                timeout=httpx.Timeout(None, connect=self._settings.connect_seconds, write=30.0),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=self._settings.concurrency),
            )
        return self._client

    def _unreachable(self, error: httpx.HTTPError) -> GeneratorUnavailable:
        log.info("the generator at %s cannot be reached: %r", self._settings.base_url, error)
        return GeneratorUnavailable(
            "The generator cannot be reached. Try again in a moment; if it stays so, whoever runs this server should "
            "see that the model's server is up and that FOOTNOTE_SERVING__ENDPOINT__BASE_URL names it."
        )

    def _refused(self, status: int, said: str) -> GeneratorUnavailable:
        log.warning("the generator at %s answered %d: %s", self._settings.base_url, status, said[:_SAID])
        if status in (401, 403):
            advice = "It wants another key: set FOOTNOTE_SERVING__ENDPOINT__API_KEY."
        elif status == 404:
            advice = (
                "It does not know the model or the path: check FOOTNOTE_SERVING__ENDPOINT__MODEL and "
                "FOOTNOTE_SERVING__ENDPOINT__BASE_URL, which ends in /v1 with most servers."
            )
        elif status == 429 or status >= 500:
            advice = "It has too much to do or is in trouble; try again in a moment."
        else:
            advice = "The server's log holds its reason."
        kind = GeneratorRefused if status in _OF_THE_REQUEST else Forbidden if status == 403 else GeneratorUnavailable
        if status == 404:
            kind = GeneratorMissing
        return kind(f"The generator refused the request ({status}). {advice}")

    def not_openai(self) -> GeneratorUnavailable:
        """What to say of a server whose words are none of the protocol's."""
        return GeneratorUnavailable(
            "What answers at FOOTNOTE_SERVING__ENDPOINT__BASE_URL does not speak OpenAI's protocol. Set the address of "
            "a server that does; with most it ends in /v1."
        )


async def _before(deadline: float, call: Any) -> Any:
    """What is awaited, or `DeadlineExceeded`. Spans no yield, so that the limit strikes only here."""
    try:
        async with asyncio.timeout(max(deadline - time.monotonic(), 0.0)):
            return await call
    except TimeoutError:
        raise DeadlineExceeded(SLOW) from None


async def _lines(response: httpx.Response) -> AsyncGenerator[str]:
    """The lines of a body. httpx' own end at every character that Unicode calls a line's end, which JSON may hold as it
    is (U+0085, U+2028); those of server-sent events end at line feeds, with or without a carriage return."""
    rest = b""
    async for piece in response.aiter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > _LONGEST:
            raise GeneratorUnavailable(BROKE_OFF)
        for line in lines:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
    if rest:
        yield rest.decode("utf-8", "replace")


async def _whole(response: httpx.Response) -> str | None:
    """A body; None for one that no short call has."""
    told = b""
    async for piece in response.aiter_bytes():
        told += piece
        if len(told) > _LONGEST:
            return None
    return told.decode("utf-8", "replace")


async def _said(response: httpx.Response) -> str:
    """The beginning of a refusal's body."""
    import httpx

    said = b""
    try:
        pieces: AsyncIterator[bytes] = response.aiter_bytes()
        async for piece in pieces:
            said += piece
            if len(said) > _SAID:
                break
    except httpx.HTTPError:
        pass
    finally:
        await response.aclose()
    return said.decode("utf-8", "replace")
