"""The process that asks a database: checks the statement, reads so many rows and bytes, and ends.

Whatever a query does to this process stays in it: it is killed when its time is over. PostgreSQL stops the query on its
side by its own clock; SQLite runs within this process.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from agents.tools.child import serve
from agents.tools.sql_guard import checked_select
from core.errors import FootnoteError

_MOST_CELL = 2_000
_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Columns and rows, or `refused`, `unreachable` or `failed` with a sentence."""
    try:
        sql = checked_select(request["sql"], request["dialect"])
    except FootnoteError as error:
        return {"refused": error.message}
    engine = engine_for(request)
    try:
        connection = engine.connect()
    except (SQLAlchemyError, sqlite3.Error):
        return {"unreachable": True}  # the driver's words may tell host and account
    with connection:
        try:
            return _rows(connection, sql, request["max_rows"], request["max_bytes"])
        except (SQLAlchemyError, sqlite3.Error) as error:
            return {"failed": str(getattr(error, "orig", error)).split("\n", 1)[0][:300]}


def _rows(connection: Any, sql: str, most: int, room: int) -> dict[str, Any]:
    read = connection.execution_options(stream_results=True, max_row_buffer=16, no_parameters=True)
    result = read.exec_driver_sql(sql)
    rows: list[list[Any]] = []
    more = False
    for row in result:
        cells = [_cell(value) for value in row]
        room -= sum(len(str(cell).encode("utf-8", "replace")) + 4 for cell in cells)
        more = len(rows) >= most or room < 0
        if more:
            break
        rows.append(cells)
    return {"columns": [str(key)[:200] for key in result.keys()], "rows": rows, "more": more}  # noqa: SIM118


def _cell(value: Any) -> Any:
    """A value as JSON can bear it; long ones are cut."""
    if value is None or isinstance(value, bool | int | float):
        return value
    written = value.hex() if isinstance(value, bytes | memoryview) else str(value)
    return written if len(written) <= _MOST_CELL else f"{written[:_MOST_CELL]} … ({len(written):,} characters)"


def engine_for(request: dict[str, Any]) -> Engine:
    """An engine whose connections can only read, and for PostgreSQL only so long: `seconds` of the request."""
    url = make_url(request["url"])
    if request["dialect"] == "sqlite":
        path = Path(url.database or "")
        return create_engine("sqlite://", creator=lambda: open_sqlite(path, request["max_bytes"]), poolclass=NullPool)
    milliseconds = int(request["seconds"] * 1000)
    options = (
        f"-c default_transaction_read_only=on -c statement_timeout={milliseconds} -c lock_timeout={milliseconds} "
        f"-c idle_in_transaction_session_timeout={milliseconds}"
    )
    arguments = {
        "options": options,
        "connect_timeout": max(10, int(request["seconds"])),
        "application_name": "footnote",
    }
    engine = create_engine(url.set(drivername="postgresql+psycopg"), connect_args=arguments, poolclass=NullPool)
    return engine.execution_options(postgresql_readonly=True)


def open_sqlite(path: Path, most: int) -> sqlite3.Connection:
    """Opened for reading by the file system's means, the engine's, and an authorizer that knows only reading."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    for pragma in ("query_only=ON", "trusted_schema=OFF", "temp_store=MEMORY", "cell_size_check=ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(most, 1_000_000))
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.set_authorizer(_authorized)
    return connection


def _authorized(action: int, name: str | None, value: str | None, *_: str | None) -> int:
    """Reading alone. SQLAlchemy asks for the isolation level once; setting it would have a value."""
    asks = action == sqlite3.SQLITE_PRAGMA and name == "read_uncommitted" and value is None
    return sqlite3.SQLITE_OK if asks or action in _READING else sqlite3.SQLITE_DENY


if __name__ == "__main__":
    serve(work)
