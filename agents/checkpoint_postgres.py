"""LangGraph's PostgreSQL saver over a pool of connections; it keeps a node's writes only if they are read again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from agents.checkpoints import only_data, told_as_unavailable
from agents.state import needed

_SETTING_UP = 5_047_201
"""The advisory lock under which one of several servers makes the tables."""


@told_as_unavailable(psycopg.Error, PoolTimeout)
class PostgresCheckpoints(AsyncPostgresSaver):
    """The saver. Whatever a call has written is committed when it returns."""

    async def settled(self) -> None:
        """Nothing waits to be written."""

    async def aput_writes(
        self, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See the base class."""
        if needed(writes):
            await super().aput_writes(config, writes, task_id, task_path)


@asynccontextmanager
async def open_postgres(url: str, connections: int = 8) -> AsyncIterator[PostgresCheckpoints]:
    """The checkpoints in a database, whose tables are made where there are none."""
    given = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        url, min_size=1, max_size=connections, kwargs=given, open=False, check=AsyncConnectionPool.check_connection
    )
    async with pool:
        saver = PostgresCheckpoints(pool, serde=only_data())
        async with pool.connection() as connection:
            await connection.execute("SELECT pg_advisory_lock(%s)", (_SETTING_UP,))
            try:
                await saver.setup()
            finally:
                await connection.execute("SELECT pg_advisory_unlock(%s)", (_SETTING_UP,))
        yield saver
