"""The commands' way to a server: a running one if there is one, else one started for the length of the command."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from app.cli.output import Exit, err, fail
from app.folder import noted_address
from app.settings import Settings
from core.errors import InvalidFilter

_START_SECONDS = 60.0
_MEND_SECONDS = 120.0
"""How long a document may take to be put back into the index; where its vectors are kept it is a moment."""


class Api:
    """A thin HTTP client that turns problem responses into a message and an exit code."""

    def __init__(self, client: httpx.Client) -> None:
        self.http = client

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """The decoded JSON of a response; ends the command with the server's own words when it refuses.

        Raises `InvalidFilter` where a filter is what is wrong: the command was used wrongly.
        """
        response = self.request(method, path, **arguments)
        if response.is_error:
            if _code(response) == InvalidFilter.code:
                raise InvalidFilter(problem(response))
            fail(problem(response), Exit.NOT_FOUND if response.status_code == 404 else Exit.FAILED)
        return response.json() if response.content else None

    def text(self, path: str) -> str:
        """A page as text; ends the command where the server refuses."""
        response = self.request("GET", path)
        if response.is_error:
            fail(problem(response), Exit.NOT_FOUND if response.status_code == 404 else Exit.FAILED)
        return response.text

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """The response, whatever its status; ends the command when there is no server."""
        try:
            return self.http.request(method, path, **arguments)
        except httpx.TransportError as error:
            fail(f"No answer from {self.http.base_url}: {error}", Exit.UNREACHABLE)

    def pages(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Every item of a listing, page after page."""
        cursor: str | None = None
        while True:
            page = self.call("GET", path, params={**params, "limit": 100, **({"cursor": cursor} if cursor else {})})
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return


def problem(response: httpx.Response) -> str:
    """The sentence inside a problem response."""
    with contextlib.suppress(ValueError, AttributeError):
        body = response.json()
        return str(body.get("detail") or body.get("title") or response.text)
    return f"HTTP {response.status_code}"


def _code(response: httpx.Response) -> str | None:
    with contextlib.suppress(ValueError, AttributeError):
        return str(response.json().get("code"))
    return None


@contextlib.contextmanager
def connect(settings: Settings, *, whole: bool = False) -> Iterator[Api]:
    """A client of FOOTNOTE_URL, else of the server on this data folder, else of one started for this command.

    With `whole` the command waits until the index of a server started for it is whole, as after a restore: the server
    would stop before it had put everything back, and the answer would rest on what happened to be there.
    """
    address = os.environ.get("FOOTNOTE_URL") or running_server(settings.data_dir)
    with contextlib.ExitStack() as stack:
        if address is None:
            address = stack.enter_context(_temporary_server(settings))
            if whole:
                _wait_whole(address, settings)
        headers = {"Authorization": f"Bearer {key}"} if (key := own_key(settings)) else {}
        client = stack.enter_context(httpx.Client(base_url=address, headers=headers, timeout=httpx.Timeout(120.0)))
        yield Api(client)


def running_server(data_dir: Path) -> str | None:
    """The address of the server that has this data folder open, if one answers."""
    address = noted_address(data_dir)
    if address is not None:
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(f"{address}/healthz", timeout=2.0).raise_for_status()
            return address
    return None


def readiness(address: str, key: str | None = None) -> dict[str, Any]:
    """What a server says of its readiness, in detail to an administrator's key; nothing where it does not answer."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with contextlib.suppress(httpx.HTTPError, ValueError):
        found = httpx.get(f"{address}/readyz", headers=headers, timeout=2.0).json()
        if isinstance(found, dict):
            return found
    return {}


def why_not(state: dict[str, Any]) -> str:
    """The server's own words on what keeps it from being ready."""
    parts = state.get("parts", {}).values()
    return " ".join(part["detail"] for part in parts if part.get("detail")) or "The server does not say why."


def own_key(settings: Settings) -> str | None:
    """FOOTNOTE_KEY, or an administrator's key of the settings this command shares with the server."""
    if key := os.environ.get("FOOTNOTE_KEY"):
        return key
    if os.environ.get("FOOTNOTE_URL"):
        return None  # never send a local secret to an address that was named for one command
    return next((key.key.get_secret_value() for key in settings.auth.keys if key.admin), None)


@contextlib.contextmanager
def _temporary_server(settings: Settings) -> Iterator[str]:
    command = [sys.executable, "-m", "app.cli", "serve", "--host", "127.0.0.1", "--port", "0", "--quiet"]
    environment = {"FOOTNOTE_LOG_LEVEL": "warning", **os.environ, "FOOTNOTE_DATA_DIR": str(settings.data_dir)}
    with err.status("starting …"):
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
        address = _wait_ready(process, settings)
    try:
        yield address
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()


def _wait_whole(address: str, settings: Settings) -> None:
    """Ends where nothing is put back for a while, too: the answer then says what it lacks."""
    with err.status("mending the index …") as status:
        left, since = 0, time.monotonic()
        while now := readiness(address, own_key(settings)).get("returning"):
            if now != left:
                left, since = now, time.monotonic()
                status.update(f"mending the index, {left} documents left …")
            elif time.monotonic() - since > _MEND_SECONDS:
                return
            time.sleep(0.2)


def _wait_ready(process: subprocess.Popen[bytes], settings: Settings) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if (code := process.poll()) is not None:
            sys.exit(code or Exit.UNREACHABLE)  # it has said why
        address = running_server(settings.data_dir)
        if address is not None:
            state = readiness(address, own_key(settings))
            if state.get("status") == "ready":
                return address
            if state.get("status") == "failed":
                process.terminate()
                process.wait(30)
                fail(why_not(state), Exit.CONFIGURATION)
        time.sleep(0.1)
    process.kill()
    fail(f"The server was not ready within {_START_SECONDS:.0f} s.", Exit.UNREACHABLE)
