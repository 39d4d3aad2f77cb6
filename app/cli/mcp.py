"""`footnote mcp`: the server's documents as an MCP server on standard input and output, for programs that start one."""

from __future__ import annotations

import json
import sys

import httpx

from app.cli.client import Api, connect, problem
from app.settings import load_settings

_SECONDS = 300.0


def mcp() -> None:
    """Speak MCP on standard input and output, on behalf of the key in FOOTNOTE_KEY; for assistants to start.

    It passes on to a running server, or to one that it starts for as long as it runs.
    """
    with connect(load_settings(), whole=True) as api:
        for line in sys.stdin:
            if line.strip() and (reply := passed_on(line, api)) is not None:
                sys.stdout.write(reply + "\n")
                sys.stdout.flush()


def passed_on(line: str, api: Api) -> str | None:
    """What the server replies to a message, on one line; None where nothing is to be said."""
    number = _number(line)
    try:
        response = api.http.post(
            "/mcp", content=line.encode(), headers={"content-type": "application/json"}, timeout=_SECONDS
        )
    except httpx.HTTPError:
        return _error(number, "The server does not answer.")
    if response.status_code == 202:
        return None
    try:
        reply = response.json()
        if reply["jsonrpc"] == "2.0":
            return json.dumps(reply)
    except (ValueError, KeyError, TypeError):
        pass
    return _error(number, problem(response))


def _number(line: str) -> str | int | None:
    """The id of a request, to which alone an error may be replied."""
    try:
        number = json.loads(line).get("id")
    except (ValueError, AttributeError, RecursionError):
        return None
    return number if isinstance(number, str | int) else None


def _error(number: str | int | None, message: str) -> str | None:
    if number is None:
        return None
    return json.dumps({"jsonrpc": "2.0", "id": number, "error": {"code": -32603, "message": message}})
