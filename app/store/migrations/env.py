"""Alembic's environment: runs inside the transaction that `app.store.schema` opened, or on `-x url=…` by hand."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from app.store import deployment_tables, run_tables  # noqa: F401  # their tables join the metadata
from app.store.tables import metadata


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is None:
    raise RuntimeError("Migrations run when the store is opened: `footnote doctor` is enough to bring them about.")
run(given)
