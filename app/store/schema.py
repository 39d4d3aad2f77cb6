"""Brings a database to the newest schema. Alembic is imported only where there is something to migrate."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select, text

from app.store.database import Database
from app.store.tables import HEAD
from core.errors import ConfigurationError

_MIGRATIONS = Path(__file__).parent / "migrations"
_revision = Table("alembic_version", MetaData(), Column("version_num", String(32)))
_ADVISORY_LOCK = 4_607_182_418  # any number, the same in every process


async def upgrade(database: Database) -> None:
    """Migrates up to `HEAD`; several processes may at once. Raises `ConfigurationError` for an unknown revision."""
    async with database.read() as connection:
        if await connection.run_sync(_stored_revision) == HEAD:
            return
    async with database.write() as connection:
        # On SQLite the writing transaction itself keeps the second process waiting.
        if database.dialect == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        if await connection.run_sync(_stored_revision) != HEAD:
            await connection.run_sync(_migrate)


def _stored_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_revision.name):
        return None
    return connection.execute(select(_revision.c.version_num)).scalar()


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise ConfigurationError(
            f"The database's schema is unknown to this Footnote ({error}); a newer one wrote it. Run that one again."
        ) from error
