"""What `footnote doctor` says of the agents and their tools: which there are, and why others are not."""

from __future__ import annotations

import shutil
from typing import Any, Literal

from app.settings import Settings
from core.errors import ConfigurationError

Line = tuple[str, Literal["ok", "warning", "missing"], str]
"""What is spoken of, its state and what is said."""

_NOBODY: Any = None  # only which tools there are is asked; none is called


def agents(settings: Settings) -> Line:
    """The agents, packaged and the owner's. Where the owner's file has a mistake, no server starts: it is told here."""
    from app.agent_wiring import declared_agents

    try:
        found = declared_agents(settings)
    except ConfigurationError as error:
        return ("agents", "missing", error.message)
    others = sorted(set(found.agents) - {found.default})
    return ("agents", "ok", ", ".join([f"{found.default} (the default)", *others]))


async def tools(settings: Settings) -> list[Line]:
    """The tools on this machine with these settings. The sandbox is made and tried, other programs' servers started."""
    from agents.toolbox import Toolbox

    box = Toolbox(settings.agents, searcher=_NOBODY, library=_NOBODY)
    try:
        await box.tried()
        return _told(sorted(box.tools()), {**box.absent(), **_programs(settings)})
    finally:
        await box.close()


def _programs(settings: Settings) -> dict[str, str]:
    """What to do about MCP servers whose program is not on this machine."""
    servers = settings.agents.mcp.servers.items()
    return {
        f"mcp_{name}_*": f"there is no program {server.command} here: install it, or change its command in the settings"
        for name, server in servers
        if server.command and shutil.which(server.command) is None
    }


def _told(there: list[str], absent: dict[str, str]) -> list[Line]:
    """What only wants a setting is in order; what was wanted and cannot be had is a warning."""
    unset = sorted(name for name, reason in absent.items() if "FOOTNOTE_AGENTS__" in reason)
    lines: list[Line] = [("tools", "ok", ", ".join(there))]
    if unset:
        lines.append(("tools", "ok", f"not set up: {'; '.join(f'{name}, {absent[name]}' for name in unset)}"))
    return [*lines, *((name, "warning", absent[name]) for name in sorted(absent) if name not in unset)]
