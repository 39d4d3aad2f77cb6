"""`query_database`: one SELECT against a database that the owner named, in a process that can be killed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field, create_model

from agents.settings import DatabaseSettings
from agents.tools.base import Arguments, Observation, Tool, ToolContext, trimmed
from agents.tools.child import ChildFailed, ChildLimits, ask_child
from core.errors import Forbidden, Unavailable

_CHILD = "agents.tools.database_child"
_REPLY_ROOM = 8
"""Bytes of a reply for each byte of values: JSON writes some characters in six."""


def database_tool(settings: DatabaseSettings) -> Tool[Any]:
    """The tool for these connections, of which there must be one."""
    names = sorted(settings.connections)
    told = [
        f"{name} ({settings.connections[name].dialect}): {settings.connections[name].description}" for name in names
    ]

    async def run(arguments: Any, context: ToolContext) -> Observation:
        if arguments.connection not in settings.connections:
            raise Forbidden(f"There is no such connection: use one of {', '.join(names)}.")
        return await _ask(arguments.connection, arguments.sql, settings, min(settings.seconds, context.seconds))

    return Tool[Any](
        name="query_database",
        description="Reads a database with one SELECT statement. Databases: " + "; ".join(told),
        arguments=create_model(
            "Query",
            __base__=Arguments,
            connection=(str, Field(max_length=64, json_schema_extra={"enum": list(names)})),
            sql=(str, Field(min_length=1, max_length=4_000, description="One SELECT in the database's own dialect.")),
        ),
        effect="reads_outside",
        timeout=settings.seconds,
        run=run,
    )


async def _ask(name: str, sql: str, settings: DatabaseSettings, seconds: float) -> Observation:
    connection = settings.connections[name]
    request = {
        "url": connection.url.get_secret_value(),
        "dialect": connection.dialect,
        "sql": sql,
        "seconds": seconds,
        "max_rows": settings.max_rows,
        "max_bytes": settings.max_bytes,
    }
    room = _REPLY_ROOM * settings.max_bytes + 1_000_000
    limits = ChildLimits(seconds=seconds, memory_bytes=settings.memory_bytes, reply_bytes=room)
    try:
        reply = await ask_child(_CHILD, request, limits)
    except ChildFailed as failure:
        raise Unavailable(f"The query was stopped: it {failure}. Ask for less.") from None
    if "refused" in reply:
        return Observation(text=reply["refused"], failure="refused")
    if "unreachable" in reply:
        raise Unavailable(f"The database {name} cannot be reached now.")
    if "failed" in reply:
        return Observation(text=f"The database says: {reply['failed']}", failure="failed")
    return _told(reply, settings)


def _told(reply: dict[str, Any], settings: DatabaseSettings) -> Observation:
    """A result as a table, which is what models read best."""
    columns, rows = reply["columns"], reply["rows"]
    text = "\n".join([_line(columns), *(_line(row) for row in rows)])
    count = f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
    if reply["more"]:
        count = f"The first {count}; there are more: count, sum or filter in the query"
    data = {"columns": columns, "rows": rows, "more": reply["more"]}
    return trimmed(f"{count}.\n{text}", settings.max_chars, "Select fewer columns or rows.", data=data)


def _line(cells: Sequence[Any]) -> str:
    return " | ".join("" if cell is None else " ".join(str(cell).split()) for cell in cells)
