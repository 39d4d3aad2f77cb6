"""The names of the tools that Footnote brings, and what is wrong with a name in the agents' file. It loads nothing."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase

ASK_PERSON = "ask_person"
"""The tool that the loop itself has: a question to the person whose run it is."""
TOOLS = (
    "search_documents",
    "read_document",
    "find_in_document",
    "list_documents",
    "calculate",
    "run_python",
    "query_database",
    "http_request",
    "web_search",
    ASK_PERSON,
)
"""Every tool but those of MCP servers, whether or not it is set up on this machine."""
MCP = "mcp_"
"""What the names of MCP servers' tools begin with. Nobody knows them before the servers have told theirs."""


def unknown(name: str) -> str | None:
    """What is wrong with a tool's name or pattern (`*` stands for any letters); None where it can mean something."""
    if name.startswith(MCP) or any(fnmatchcase(tool, name) for tool in TOOLS):
        return None
    if "*" in name:
        return f"{name!r} fits no tool; a pattern for tools of MCP servers begins with {MCP}. {_instead(name, TOOLS)}"
    return f"there is no tool {name!r}. {_instead(name, TOOLS)}"


def uncounted(name: str, agents: Iterable[str]) -> str | None:
    """What is wrong with a name whose calls are to be counted: a tool's or an agent's, one by one."""
    if "*" in name:
        return f"calls are counted for each tool: {name!r} has to be a name without *."
    known = (*TOOLS, *agents)
    if name.startswith(MCP) or name in known:
        return None
    return f"there is no tool or agent {name!r}. {_instead(name, known)}"


def _instead(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, 1)
    return f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
