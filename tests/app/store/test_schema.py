"""The migrations build what the tables say, once, and leave a newer database alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

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


async def test_migrating_builds_exactly_the_tables(store, tmp_path):
    with create_engine(f"sqlite:///{tmp_path / 'store.sqlite'}").connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, tables.metadata) == []


async def test_every_migration_can_be_taken_back(store, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'store.sqlite'}")
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        from alembic.operations import Operations

        with Operations.context(context):
            for revision in script().walk_revisions():
                revision.module.downgrade()
        assert set(inspect(connection).get_table_names()) <= {"alembic_version", "sqlite_sequence"}


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
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
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
