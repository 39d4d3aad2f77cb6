"""The tools that settings and machine allow, and for each that is missing the reason why."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any

from agents.ports import Library
from agents.settings import AgentSettings
from agents.tools import sandbox
from agents.tools.base import Tool
from agents.tools.calculate import calculate_tool
from agents.tools.database import database_tool
from agents.tools.find import find_tool
from agents.tools.http import http_tool
from agents.tools.listing import list_tool
from agents.tools.mcp import McpTools
from agents.tools.python import python_tool
from agents.tools.read import read_tool
from agents.tools.search import search_tool
from agents.tools.web import web_tool
from core.ports import Searcher

_log = logging.getLogger(__name__)
_UNTRIED = "the sandbox is being tried"


class Toolbox:
    """The tools at hand. What takes time to make sure of (the sandbox, other programs' tools) comes in later."""

    def __init__(self, settings: AgentSettings, *, searcher: Searcher, library: Library) -> None:
        self._settings = settings
        self._tools, self._absent = _made(settings, searcher, library)
        self._mcp = McpTools(settings.mcp)
        self._trying: asyncio.Task[None] | None = None

    def tools(self) -> Mapping[str, Tool[Any]]:
        """Every tool that may be called now, by name. Ask at the beginning of each run: they come and go."""
        return {**self._mcp.tools(), **self._tools}

    def absent(self) -> Mapping[str, str]:
        """Why tools are not there, by name."""
        return {**self._absent, **self._mcp.absent()}

    async def start(self) -> None:
        """Begins to try what has to be tried, and returns at once."""
        if self._trying is None:
            self._trying = asyncio.create_task(self._try())
            self._mcp.start()

    async def tried(self) -> None:
        """Returns when everything was tried once."""
        await self.start()
        assert self._trying is not None
        await asyncio.gather(asyncio.shield(self._trying), self._mcp.tried())

    async def close(self) -> None:
        """Ends what was started."""
        if self._trying is not None:
            self._trying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._trying
        await self._mcp.close()

    async def _try(self) -> None:
        if self._absent.get("run_python") != _UNTRIED:
            return
        try:
            reason = await sandbox.fault(self._settings.python)
        except Exception:  # whatever it is: what could not be tried is not offered
            _log.exception("the sandbox could not be tried")
            reason = "the sandbox could not be tried; the log says why"
        if reason is None:
            self._tools["run_python"] = python_tool(self._settings.python)
            del self._absent["run_python"]
        else:
            self._absent["run_python"] = reason


def _made(settings: AgentSettings, searcher: Searcher, library: Library) -> tuple[dict[str, Tool[Any]], dict[str, str]]:
    tools = [
        search_tool(searcher, settings.documents),
        read_tool(library, settings.documents),
        find_tool(library, settings.documents),
        list_tool(library, settings.documents),
        calculate_tool(),
    ]
    absent = {"run_python": _UNTRIED if settings.python.enabled else "FOOTNOTE_AGENTS__PYTHON__ENABLED is off"}
    if settings.http.hosts:
        tools.append(http_tool(settings.http))
    else:
        absent["http_request"] = "no host is allowed: FOOTNOTE_AGENTS__HTTP__HOSTS"
    if settings.database.connections:
        tools.append(database_tool(settings.database))
    else:
        absent["query_database"] = "there is no connection: FOOTNOTE_AGENTS__DATABASE__CONNECTIONS"
    if settings.web.url:
        tools.append(web_tool(settings.web))
    else:
        absent["web_search"] = "there is no search engine: FOOTNOTE_AGENTS__WEB__URL"
    return {tool.name: tool for tool in tools}, absent
