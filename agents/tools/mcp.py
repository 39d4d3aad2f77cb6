"""Tools of MCP servers, by configuration: started or asked beside the server, and offered when they are there.

A server is a stranger. What its tools do is the owner's word, never its own; what it says is untrusted, and it is
spoken with in a process of its own. See `mcp_link` and `mcp_child`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from agents.settings import McpServer, McpSettings
from agents.tools.base import Arguments, Effect, Observation, Tool, ToolContext, trimmed
from agents.tools.mcp_arguments import Unfit, arguments_of, sent
from agents.tools.mcp_link import Link
from core.errors import ConfigurationError, Unavailable

_log = logging.getLogger(__name__)
_LONGEST_NAME = 64
_AGAIN_SECONDS = 60.0
"""Between two attempts to learn the tools of a server that does not start."""


class McpTools:
    """The servers of the settings and their tools."""

    def __init__(self, settings: McpSettings) -> None:
        self._servers = settings.servers
        self._links = {
            name: Link(server, settings.start_seconds, settings.memory_bytes)
            for name, server in settings.servers.items()
        }
        self._tools: dict[str, dict[str, Tool[Any]]] = {}
        self._absent: dict[str, dict[str, str]] = {
            name: {f"mcp_{name}_*": "the server is being started"} for name in settings.servers
        }
        self._learning: list[asyncio.Task[None]] = []
        self._once = {name: asyncio.Event() for name in settings.servers}

    def tools(self) -> Mapping[str, Tool[Any]]:
        """Every tool of the servers that have told theirs."""
        return {name: tool for tools in self._tools.values() for name, tool in tools.items()}

    def absent(self) -> Mapping[str, str]:
        """Why servers or single tools are not there."""
        return {name: reason for reasons in self._absent.values() for name, reason in reasons.items()}

    def start(self) -> None:
        """Begins to start the servers, and returns at once."""
        if not self._learning:
            self._learning = [asyncio.create_task(self._learn(name)) for name in self._servers]

    async def tried(self) -> None:
        """Returns when each server was tried once."""
        await asyncio.gather(*(each.wait() for each in self._once.values()))

    async def close(self) -> None:
        """Ends the servers that were started."""
        for task in self._learning:
            task.cancel()
        for task in self._learning:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.gather(*(link.close() for link in self._links.values()))

    async def _learn(self, name: str) -> None:
        while True:
            try:
                listed = await self._links[name].tools()
            except Exception as error:  # whatever it is, the others' tools are not its business
                if not isinstance(error, Unavailable):
                    _log.exception("the MCP server %s could not be started", name)
                reason = error.message if isinstance(error, Unavailable) else "it could not be started; see the log"
                self._absent[name] = {f"mcp_{name}_*": reason}
                self._once[name].set()
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            self._tools[name], self._absent[name] = offered(name, self._servers[name], listed, self._links[name])
            self._once[name].set()
            return


def offered(
    name: str, server: McpServer, listed: list[dict[str, Any]], link: Link
) -> tuple[dict[str, Tool[Any]], dict[str, str]]:
    """The tools that a server told of, as far as the owner wants them and they can be used; and why not, for others."""
    tools: dict[str, Tool[Any]] = {}
    absent: dict[str, str] = {}
    for each in listed:
        theirs = each.get("name")
        if not isinstance(theirs, str) or not any(fnmatchcase(theirs, pattern) for pattern in server.tools):
            continue
        ours = _name(name, theirs)
        try:
            if ours in tools:
                raise Unfit("another tool of this server has the same name but for signs")
            tools[ours] = _tool(ours, theirs, server, each, link)
        except (Unfit, ConfigurationError) as error:
            absent[ours] = str(error)
        except Exception as error:  # a schema can be wrong in more ways than can be listed
            absent[ours] = f"its arguments cannot be read ({type(error).__name__})"
    return tools, absent


def _tool(ours: str, theirs: str, server: McpServer, told: Mapping[str, Any], link: Link) -> Tool[Any]:
    async def run(arguments: Arguments, context: ToolContext) -> Observation:
        reply = await link.call(theirs, sent(arguments), min(server.seconds, context.seconds))
        text = str(reply.get("text", "")) or "The tool said nothing."
        failure: Any = "failed" if reply.get("is_error") else None
        return trimmed(text, server.max_chars, "Ask for less at a time.", failure=failure)

    description = " ".join(str(told.get("description", "")).split())
    return Tool[Any](
        name=ours,
        description=description or f"{theirs[:100]}, a tool of another program.",
        arguments=arguments_of(told.get("schema"), ours),
        effect=_effect(theirs, server),
        timeout=server.seconds + 5.0,  # the link's own deadline comes first: it tells the server
        run=run,
    )


def _name(server: str, tool: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", f"mcp_{server}_{tool}".lower()).rstrip("_")[:_LONGEST_NAME]


def _effect(tool: str, server: McpServer) -> Effect:
    """What the owner says that a tool does: by its name, else by the first pattern that fits; else it sends."""
    if tool in server.effects:
        return server.effects[tool]
    return next((effect for pattern, effect in server.effects.items() if fnmatchcase(tool, pattern)), "sends")
