"""`query_database` on real databases: what it reads, and that it stops."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from agents.settings import DatabaseSettings
from agents.tools.base import Observation, ToolContext, call
from agents.tools.database import database_tool
from agents.tools.database_child import engine_for, open_sqlite
from core.types import Principal

if TYPE_CHECKING:
    from tests.conftest import Postgres

CONTEXT = ToolContext(principal=Principal(id="ada"), run_id="run-1")
MAKE = "CREATE TABLE staff (name text, pay numeric); INSERT INTO staff VALUES ('Ada', 10.5), ('Bo: 12%', NULL)"
COUNTING = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n{}) SELECT {} FROM n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a file.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(MAKE)
    connection.close()
    return path


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Iterator[str]:
    with postgres.database() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(MAKE.encode())
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('file')}"
    return str(request.getfixturevalue("server"))


async def ask(url: str, sql: str, name: str = "people", **settings: Any) -> Observation:
    given = {"connections": {"people": {"url": url, "description": "who works here"}}, "seconds": 60, **settings}
    return await call(database_tool(DatabaseSettings(**given)), {"connection": name, "sql": sql}, CONTEXT)


async def test_rows_are_read(url: str) -> None:
    seen = await ask(url, "SELECT name, pay, 'a\\b:c' AS odd FROM staff WHERE name LIKE '%:%' OR pay > 1 ORDER BY name")
    assert seen.failure is None, seen.text
    assert seen.text == "2 rows.\nname | pay | odd\nAda | 10.5 | a\\b:c\nBo: 12% |  | a\\b:c"
    assert seen.data["columns"] == ["name", "pay", "odd"]
    assert seen.untrusted


async def test_rows_bytes_and_characters_end(url: str) -> None:
    sql = COUNTING.format(" WHERE i < 5000", "i")
    seen = await ask(url, sql, max_rows=10)
    assert (len(seen.data["rows"]), seen.data["more"]) == (10, True)
    assert "there are more" in seen.text
    seen = await ask(url, sql, max_rows=10_000, max_bytes=1_000, max_chars=100)
    assert seen.data["more"]
    assert len(seen.data["rows"]) <= 250
    assert "more characters" in seen.text


async def test_a_query_without_end_is_stopped(url: str) -> None:
    seen = await ask(url, COUNTING.format("", "count(*)"), seconds=2)
    assert seen.failure in {"timeout", "refused", "failed"}


async def test_a_hostile_statement_changes_nothing(url: str) -> None:
    seen = await ask(url, "WITH x AS (DELETE FROM staff RETURNING 1) SELECT 1 FROM x")
    assert seen.failure == "refused"
    assert (await ask(url, "SELECT count(*) FROM staff")).data["rows"] == [[2]]


async def test_mistakes_are_told(url: str) -> None:
    seen = await ask(url, "SELECT wage FROM staff")
    assert (seen.failure, seen.untrusted) == ("failed", True)
    assert "wage" in seen.text
    assert (await ask(url, "SELECT 1", name="others")).failure == "refused"


@pytest.mark.parametrize("url", ["sqlite:////nowhere/x.db", "postgresql://ada:hunter2@127.0.0.1:1/x"])
async def test_what_cannot_be_reached_is_said_without_secrets(url: str) -> None:
    seen = await ask(url, "SELECT 1")
    assert (seen.failure, seen.text) == ("refused", "The database people cannot be reached now.")


@pytest.mark.parametrize(
    "sql",
    ["DELETE FROM staff", "ATTACH ':memory:' AS x", "PRAGMA query_only = OFF", "CREATE TEMP TABLE x (a)", "VACUUM"],
)
def test_a_sqlite_connection_only_reads_whatever_it_is_told(file: Path, sql: str) -> None:
    connection = open_sqlite(file, 1_000)
    with pytest.raises(sqlite3.DatabaseError):
        connection.execute(sql)
    assert connection.execute("SELECT count(*) FROM staff").fetchone() == (2,)
    connection.close()


@pytest.mark.parametrize("sql", ["DELETE FROM staff", "CREATE TABLE x (a int)", "SELECT pg_sleep(600)"])
def test_a_postgresql_connection_only_reads_and_not_for_long(server: str, sql: str) -> None:
    engine = engine_for({"url": server, "dialect": "postgres", "seconds": 2, "max_bytes": 1_000})
    with engine.connect() as connection, pytest.raises(SQLAlchemyError, match=r"read-only|statement timeout"):
        connection.exec_driver_sql(sql)


def test_the_tool_names_its_connections_and_no_secrets() -> None:
    settings = DatabaseSettings(connections={"people": {"url": "postgresql://ada:hunter2@db/x", "description": "who"}})
    tool = database_tool(settings)
    assert tool.schema["properties"]["connection"]["enum"] == ["people"]
    assert "people (postgres): who" in tool.description
    assert "hunter2" not in repr(settings) + tool.description


@pytest.mark.parametrize("broken", [{"X": {"url": "sqlite:///x"}}, {"x": {"url": "mysql://x"}}, {"x": {"url": "/x"}}])
def test_settings_that_cannot_work_are_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DatabaseSettings(connections=broken)
