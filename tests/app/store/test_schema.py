"""The migrations build what the tables say, once, and leave a newer database alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from app.store import tables
from app.store.store import Store
from core.errors import ConfigurationError

MIGRATIONS = Path(tables.__file__).parent / "migrations"


def script() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


def test_the_head_that_start_up_compares_with_is_alembic_s():
    assert script().get_heads() == [tables.HEAD]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path) -> Iterator[str]:
    """The address of a database without a table, for SQLAlchemy's own synchronous driver."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite'}"
        return
    with request.getfixturevalue("postgres").database() as address:
        yield address.replace("postgresql:", "postgresql+psycopg:")


def migrate(connection: Connection, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    (command.downgrade if to in ("-1", "base") else command.upgrade)(config, to)


async def test_migrating_builds_exactly_the_tables(empty):
    await (await Store.open(empty)).close()
    with create_engine(empty).connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, tables.metadata) == []


def shape(connection: Connection) -> dict[str, list[str]]:
    """Every table with its columns and indexes."""
    found = inspect(connection)
    return {
        name: sorted(
            [*(c["name"] for c in found.get_columns(name)), *(str(i["name"]) for i in found.get_indexes(name))]
        )
        for name in found.get_table_names()
        if name not in ("alembic_version", "sqlite_sequence")
    }


def test_every_migration_can_be_taken_back_and_done_again(empty):
    engine = create_engine(empty)
    shapes = [{}]
    for revision in reversed(list(script().walk_revisions())):
        for step in (revision.revision, "-1", revision.revision):
            with engine.begin() as connection:
                migrate(connection, step)
                if step == "-1":
                    assert shape(connection) == shapes[-1], revision.revision
        with engine.connect() as connection:
            shapes.append(shape(connection))
    with engine.begin() as connection:
        migrate(connection, "base")
        assert shape(connection) == {}
    engine.dispose()


async def test_processes_may_migrate_an_empty_postgresql_at_once(postgres, writer):
    with postgres.database() as address:
        processes = [await writer("open", address) for _ in range(3)]
        said = [(await process.communicate())[0] for process in processes]
    assert said == [b"opened\n"] * 3


async def test_a_newer_database_is_refused(store, url, tmp_path):
    await store.close()
    with create_engine(url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="newer"):
        await Store.open(url)


async def test_a_database_that_is_up_to_date_is_opened_without_alembic(store, url, root):
    program = (
        "import asyncio, sys\n"
        "from app.store.store import Store\n"
        "async def main():\n"
        "    async with await Store.open(sys.argv[1]) as store:\n"
        "        await store.ping()\n"
        "asyncio.run(main())\n"
        "print('alembic' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, url], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


async def test_a_database_of_the_first_schema_keeps_what_is_in_it(url, tmp_path):
    with create_engine(url).begin() as connection:
        migrate(connection, "0001")
        for number, status in enumerate(("queued", "running", "succeeded", "failed", "cancelled")):
            connection.execute(
                text(
                    "INSERT INTO jobs (id, kind, status, stage, progress, attempts, detail, principal_id, revision,"
                    " created_at, updated_at) VALUES (:id, 'ingest', :status, '', 0, 0, '', 'ana', 1, 1, :at)"
                ),
                {"id": f"job-{status}", "status": status, "at": 1_000_000 * number},
            )
    async with await Store.open(url) as opened:
        found = [await opened.jobs.get(f"job-{status}") for status in ("queued", "succeeded", "cancelled")]
    assert [job.finished_at and job.finished_at.second for job in found] == [None, 2, 4]
    assert all(job.timings_ms == {} for job in found)
