"""The one place that talks to a database driver: connections, transactions, and its errors put into our words.

SQLite runs in WAL mode with `synchronous=FULL`: a commit is on disk before it is acknowledged, so neither kill -9 nor a
power cut takes it back. Server and worker write the same file, so every writing transaction begins with BEGIN IMMEDIATE
(no upgrade from reading to writing in the middle, which SQLite refuses instead of waiting). The same code runs on
PostgreSQL, where rows that two writers may meet on are locked with SELECT … FOR NO KEY UPDATE (left out for SQLite):
first the collection, then the document, then its jobs, then its versions, and at the very end the collection's row in
`corpus`, so that no two wait for each other. The stronger FOR UPDATE would make writers of other rows wait whose
foreign keys only point here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, ColumnElement, Connection, Table, Text, cast, event, func, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from app.store.threads import DriverThreads
from core.errors import ConfigurationError, Conflict, FootnoteError, InvalidInput, StoreUnavailable

BUSY_SECONDS = 15.0
if TYPE_CHECKING:
    import aiosqlite

_BEGIN = "footnote_begin"
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
_ERRORS = (SQLAlchemyError, sqlite3.Error)
_ROLLING: set[asyncio.Task[None]] = set()
_CLOSING_SECONDS = 5.0
_REACH_SECONDS = 5
_POOL: dict[str, Any] = {"pool_size": 8, "max_overflow": 8}

_FOLD = "footnote_fold"


class Database:
    """An engine with three ways in: `read` for one statement, `snapshot` for several that must agree, `write`.

    Belongs to the event loop it was first used in.
    """

    def __init__(self, url: str, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.url = _address(url)
        self.dialect = self.url.get_backend_name()
        self._patience = busy_seconds
        self._threads = DriverThreads()
        if self.dialect == "sqlite":
            self._engine = _sqlite(self.url, busy_seconds)
            # Never in a transaction, so there is nothing to roll back when a connection comes back to the pool.
            single = _sqlite(self.url, busy_seconds, pool_reset_on_return=None)
            self._single = single.execution_options(**{_BEGIN: None})
            self._threads.watch(self._engine)
            self._threads.watch(single)
        else:
            self._engine = _postgresql(self.url)
            # A SELECT by itself needs no transaction, which would cost two round trips more.
            self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._snapshot = self._engine.execution_options(**_snapshot_options(self.dialect))
        # SQLite lets one connection write at a time; queueing here is fairer than its busy wait.
        self._turn = asyncio.Lock() if self.dialect == "sqlite" else None

    @property
    def path(self) -> Path | None:
        """The database file, or None where there is no such file."""
        return Path(self.url.database) if self.dialect == "sqlite" and self.url.database else None

    async def prepare(self) -> None:
        """Puts a SQLite file into WAL mode; two processes may do so at once. Raises `StoreUnavailable`."""
        if self.dialect != "sqlite":
            return
        async with self.read() as connection:
            await connection.run_sync(_wal, self._patience)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """For a single SELECT, which is consistent in itself: no transaction is opened for it."""
        try:
            async with self._single.connect() as connection:
                yield connection
        except _ERRORS as error:
            raise translated(error) from error

    async def fetch(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        """The rows of one SELECT in SQLite's own words, in a single hop to the driver's thread: for the hot path.

        (SQLAlchemy makes five: cursor, execute, fetch, close, roll back.)
        """
        try:
            async with self._single.connect() as connection:
                raw = await connection.get_raw_connection()
                driver: aiosqlite.Connection = raw.driver_connection  # type: ignore[assignment]
                return list(await driver.execute_fetchall(sql, parameters))
        except _ERRORS as error:
            raise translated(error) from error

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """For several SELECTs that must see one state of the database."""
        try:
            async with self._snapshot.begin() as connection:
                yield connection
        except _ERRORS as error:
            raise translated(error) from error

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One writing transaction: durable when the block is left, undone when it raises."""
        try:
            if self._turn is None:
                async with self._engine.begin() as connection:
                    yield connection
            else:
                async with self._turn, self._engine.begin() as connection:
                    yield connection
        except _ERRORS as error:
            raise translated(error) from error

    async def describe(self) -> str:
        """The kind of database, its version, and where it is; without a password."""
        if self.path is not None:
            return f"SQLite {sqlite3.sqlite_version}"
        async with self.read() as connection:
            version = (await connection.exec_driver_sql("SHOW server_version")).scalar()
        return f"PostgreSQL {version} at {self.url.host}:{self.url.port or 5432}/{self.url.database}"

    def contains(self, column: ColumnElement[str], words: str) -> ColumnElement[bool]:
        """Whether a column holds `words`, upper and lower case alike in any script."""
        fold, sought = (func.lower, words.lower()) if self.dialect != "sqlite" else (_folded, words.casefold())
        return fold(column).contains(sought, autoescape=True)

    def holds(self, column: ColumnElement[str], wanted: Mapping[str, Any]) -> list[ColumnElement[bool]]:
        """Whether a column of JSON objects has each of these names with this very value."""
        if not wanted:
            return []
        if self.dialect != "sqlite":
            return [cast(column, postgresql.JSONB).contains(dict(wanted))]
        return [column.op("->")(f"$.{json.dumps(name)}") == _compact(value) for name, value in wanted.items()]

    async def close(self) -> None:
        """Lets go of every connection, after those who hold one had a moment to give it back.

        One that came back later would be kept by a pool that nobody closes any more.
        """
        deadline = time.monotonic() + _CLOSING_SECONDS
        while self._in_hand() and time.monotonic() < deadline:  # noqa: ASYNC110  # a pool does not tell when one is back
            await asyncio.sleep(0.01)
        await self._engine.dispose()
        await self._single.dispose()
        await self._threads.ended(deadline)

    def _in_hand(self) -> int:
        pools = {engine.sync_engine.pool for engine in (self._engine, self._single)}
        return sum(pool.checkedout() for pool in pools if isinstance(pool, QueuePool))


def insert_new(connection: AsyncConnection, table: Table) -> Any:
    """An INSERT that leaves a row alone that is there already, or that somebody else is just putting there."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()


def _compact(value: Any) -> str:
    """JSON as it is kept, and as SQLite's `->` tells it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _folded(column: ColumnElement[str]) -> ColumnElement[str]:
    return getattr(func, _FOLD)(column, type_=Text)  # type: ignore[no-any-return]


def _snapshot_options(dialect: str) -> dict[str, Any]:
    return {_BEGIN: "BEGIN"} if dialect == "sqlite" else {"isolation_level": "REPEATABLE READ"}


def _address(url: str) -> URL:
    """The database's address with the driver we speak to it through. Raises `ConfigurationError`."""
    try:
        address = make_url(url)
        backend = address.get_backend_name()
    except SQLAlchemyError as error:
        raise ConfigurationError(
            "FOOTNOTE_DATABASE_URL is no address; write it like postgresql://user:password@host:5432/name, or "
            "sqlite:////path/to/file."
        ) from error
    if backend not in _DRIVERS:
        raise ConfigurationError(f"FOOTNOTE_DATABASE_URL must begin with postgresql:// or sqlite:///, not {backend}.")
    return address.set(drivername=_DRIVERS[backend])


def _postgresql(url: URL) -> AsyncEngine:
    """Connections that notice within seconds when the server's machine has gone; the address can say otherwise."""
    options = {
        "connect_timeout": _REACH_SECONDS,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "application_name": "footnote",
    }
    chosen = {name: value for name, value in options.items() if name not in url.query}
    return create_async_engine(url, pool_pre_ping=True, hide_parameters=True, connect_args=chosen, **_POOL)


def _sqlite(url: URL, busy_seconds: float, **options: Any) -> AsyncEngine:
    engine = create_async_engine(
        url,
        **_POOL,
        connect_args={"timeout": busy_seconds},
        hide_parameters=True,  # they are people's words; an error's text goes to the log
        **options,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        # SQLite's own lower() knows the letters of ASCII only.
        connection.create_function(_FOLD, 1, lambda text: None if text is None else text.casefold(), deterministic=True)
        cursor = connection.cursor()
        for pragma in (
            "foreign_keys=ON",
            "synchronous=FULL",
            "temp_store=MEMORY",
            "cache_size=-16384",
            "journal_size_limit=67108864",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        statement = connection.get_execution_options().get(_BEGIN, "BEGIN IMMEDIATE")
        if statement is not None:
            connection.exec_driver_sql(statement)

    @event.listens_for(engine.sync_engine, "invalidate")
    def _let_go(connection: Any, _record: Any, _error: BaseException | None) -> None:
        # Whoever was cancelled in the middle of a statement leaves a connection that is closed next. SQLite goes on
        # holding its locks as long as anything refers to the statement, a traceback for one.
        with contextlib.suppress(RuntimeError):  # without a loop it is collected, and its statements with it
            rolling = asyncio.get_running_loop().create_task(_rolled_back(connection.driver_connection))
            _ROLLING.add(rolling)
            rolling.add_done_callback(_ROLLING.discard)

    return engine


async def _rolled_back(driver: aiosqlite.Connection) -> None:
    with contextlib.suppress(*_ERRORS, ValueError):  # it is closed already
        await driver.rollback()


def _wal(connection: Connection, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            if connection.exec_driver_sql("PRAGMA journal_mode=WAL").scalar() == "wal":
                return
            raise StoreUnavailable(
                "The database file cannot be used by two processes here (no write-ahead log on this file system); "
                "put the data folder on a local disk."
            )
        except DBAPIError as error:
            # Another process is switching the same file right now; SQLite does not wait by itself in this case.
            if "locked" not in str(error.orig) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def translated(error: Exception) -> FootnoteError:
    """A driver's error in our words. What is not known by name is `StoreUnavailable` too, with the driver's reason."""
    if isinstance(error, PoolTimeout):
        return StoreUnavailable("The database has too many requests at once; try again in a moment.")
    if isinstance(error, IntegrityError):
        return Conflict("Something else changed the same entry at the same moment; read it again and retry.")
    if isinstance(error, DataError):
        return InvalidInput("A text holds a character that cannot be kept, or a number is too large; leave it out.")
    reason = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    for words, sentence in _SENTENCES:
        if words in reason.lower():
            return StoreUnavailable(sentence)
    return StoreUnavailable(
        f"The database does not answer as it should: {reason.splitlines()[0] if reason else 'no reason given'}"
    )


_UNREACHABLE = "The database cannot be reached; check its address and that it is running."
_FULL_HOUSE = "The database has no connection left; raise its max_connections, or run fewer servers and workers."
_ABSENT = "The database or its user is not there; make them with createuser and createdb, then try again."
_BUSY = "The database is busy with another writer; try again in a moment."
_SENTENCES = (
    ("locked", _BUSY),
    ("deadlock detected", _BUSY),
    ("could not serialize", _BUSY),
    (
        "password authentication failed",
        "The database refuses this user or password; correct them in FOOTNOTE_DATABASE_URL.",
    ),
    (
        "no pg_hba.conf entry",
        "The database lets this user in from elsewhere only; allow this machine in its pg_hba.conf.",
    ),
    ("permission denied", "The database's user may not do that; let it own the database: ALTER DATABASE … OWNER TO …"),
    ("read-only transaction", "The database is a read-only copy; name the primary in FOOTNOTE_DATABASE_URL."),
    ("too many clients", _FULL_HOUSE),
    ("connection slots", _FULL_HOUSE),
    ("fatal:  database", _ABSENT),
    ("fatal:  role", _ABSENT),
    ("system is starting up", "The database is starting; try again in a moment."),
    ("system is shutting down", "The database is stopping; start it again."),
    ("disk is full", "The disk is full; free some space where the data folder lies, then try again."),
    ("disk full", "The database's disk is full; free some space there, then try again."),
    ("readonly", "The database file cannot be written; give this user the right to write in the data folder."),
    ("unable to open", "The database file cannot be opened; check that the data folder exists and may be written."),
    ("disk i/o", "Reading or writing the database file failed; check the disk that the data folder lies on."),
    ("malformed", "The database file is damaged; restore a backup with `footnote restore`."),
    ("not a database", "The database file is not a database; restore a backup with `footnote restore`."),
    ("connection", _UNREACHABLE),
    ("could not translate host name", _UNREACHABLE),
    ("failed to resolve host", _UNREACHABLE),
)
