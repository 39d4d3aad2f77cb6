"""The seam to the driver: how SQLite is set up, and its errors in our words."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing

import pytest
from sqlalchemy import text

from app.store.database import Database, translated
from app.store.store import Store
from core.errors import ConfigurationError, InvalidInput, StoreUnavailable
from core.types import Principal


async def test_a_commit_is_on_disk_before_it_is_acknowledged_and_readers_do_not_wait(url):
    database = Database(url)
    await database.prepare()
    for connect in (database.read, database.snapshot, database.write):
        async with connect() as connection:
            values = [
                (await connection.execute(text(f"PRAGMA {name}"))).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
        assert values == ["wal", 2, 1, 15000]
    await database.close()


async def test_a_block_that_raises_leaves_nothing(store):
    async def break_off() -> None:
        async with store._database.write() as connection:
            await connection.execute(text("DELETE FROM collections"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await break_off()
    assert [c.name for c in await store.collections.list()] == ["default"]


SLOW = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 2000000) SELECT count(*) FROM n"


def drivers() -> set[threading.Thread]:
    """The driver's threads, one a connection."""
    return {thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name}


@pytest.mark.parametrize("way", ["read", "snapshot", "write"])
async def test_closing_waits_for_connections_in_hand_and_leaves_none_behind(url, way):
    """One that comes back to a closed pool would never be closed, and its thread would outlive the event loop."""
    others = drivers()
    database = Database(url)
    await database.prepare()
    held, done = asyncio.Event(), asyncio.Event()

    async def holder() -> int:
        async with getattr(database, way)() as connection:
            held.set()
            await done.wait()
            return (await connection.execute(text("SELECT 7"))).scalar()

    holding = asyncio.create_task(holder())
    await held.wait()
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    done.set()
    await closing
    assert await holding == 7
    assert drivers() <= others


async def test_what_was_cancelled_has_left_the_loop_when_closing_is_over(url):
    """The driver's threads would otherwise speak to a loop that is closed, and die of it on standard error."""
    others = drivers()
    database = Database(url)
    await database.prepare()

    async def ask() -> None:
        async with database.read() as connection:
            await connection.execute(text(SLOW))

    asking = [asyncio.create_task(ask()) for _ in range(3)]
    while len(drivers() - others) < 3:
        await asyncio.sleep(0.01)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await database.close()
    assert drivers() <= others


async def test_cancelled_writers_leave_the_store_usable(store):
    for _ in range(10):
        writers = [asyncio.create_task(store.jobs.create("reindex", principal_id="me")) for _ in range(6)]
        await asyncio.sleep(0.002)
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)
    job = await store.jobs.create("reindex", principal_id="me")
    assert (await store.jobs.get(job.id)).status == "queued"


async def test_a_writer_cancelled_in_the_middle_of_a_statement_holds_nothing(store, url):
    """Its traceback is kept, and with it the statement: that must not keep the lock."""
    counting = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 4000000) SELECT sum(x) FROM n"

    async def write(database):
        async with database.write() as connection:
            await connection.exec_driver_sql("UPDATE collections SET description = 'half'")
            begun.set()
            await connection.exec_driver_sql(counting)

    async with await Store.open(url, busy_seconds=5.0) as hasty:
        begun = asyncio.Event()
        writer = asyncio.create_task(write(hasty.collections._database))
        await begun.wait()
        await asyncio.sleep(0.01)
        writer.cancel()
        kept = (await asyncio.gather(writer, return_exceptions=True))[0]
        await hasty.collections.create("more")
        assert isinstance(kept, asyncio.CancelledError)
        assert (await hasty.collections.get("default")).description == ""


async def test_a_reader_is_not_kept_waiting_by_a_writer(store, tmp_path):
    with closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE collections SET description = 'changing'")
        assert (await store.collections.get("default")).description == ""


async def test_a_writer_that_waits_too_long_says_so(store, url, tmp_path):
    with closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with await Store.open(url, busy_seconds=0.05) as hasty:
            with pytest.raises(StoreUnavailable, match="busy"):
                await hasty.collections.create("more")
            other.execute("ROLLBACK")
            await hasty.collections.create("more")


async def test_a_file_that_may_not_be_written_says_so(store, tmp_path):
    await store.close()
    read_only = f"sqlite:///file:{tmp_path / 'store.sqlite'}?mode=ro&uri=true"
    async with await Store.open(read_only) as opened:
        with pytest.raises(StoreUnavailable, match="right to write"):
            await opened.collections.create("more")


async def test_a_full_disk_says_so(tmp_path):
    with closing(sqlite3.connect(tmp_path / "small.sqlite")) as small:
        small.execute("PRAGMA max_page_count = 2")
        small.execute("CREATE TABLE t (x)")
        with pytest.raises(sqlite3.OperationalError) as caught:
            small.execute("INSERT INTO t VALUES (zeroblob(100000))")
    error = translated(caught.value)
    assert isinstance(error, StoreUnavailable)
    assert "disk is full" in error.message


async def test_a_file_that_is_no_database_says_so(tmp_path):
    path = tmp_path / "notes.sqlite"
    path.write_bytes(b"These are notes, not a database. " * 200)
    with pytest.raises(StoreUnavailable, match="footnote restore"):
        await Store.open(f"sqlite:///{path}")


async def test_a_folder_that_is_not_there_says_so(tmp_path):
    with pytest.raises(StoreUnavailable, match="folder exists"):
        await Store.open(f"sqlite:///{tmp_path / 'nowhere' / 'store.sqlite'}")


async def test_a_server_that_does_not_answer_says_so():
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await Store.open("postgresql://nobody@127.0.0.1:1/none")


@pytest.mark.parametrize(
    ("part", "instead", "says"),
    [
        ("footnote@", "stranger@", "createuser"),
        ("/postgres", "/elsewhere", "createdb"),
        ("127.0.0.1", "nowhere.invalid", "reached"),
    ],
)
async def test_what_is_wrong_with_an_address_is_said(postgres, part, instead, says):
    assert part in postgres.url
    with pytest.raises(StoreUnavailable, match=says):
        await Store.open(postgres.url.replace(part, instead))


async def test_a_user_without_the_right_to_make_tables_is_told(postgres):
    with postgres.database() as address:
        name = f"reader_{address[-8:]}"
        postgres.run(f"CREATE USER {name}")
        with pytest.raises(StoreUnavailable, match="OWNER TO"):
            await Store.open(address.replace("footnote@", f"{name}@"))
    postgres.run(f"DROP USER {name}")


@pytest.mark.parametrize("address", ["nonsense", "mysql://root@localhost/x", ""])
async def test_an_address_that_cannot_work_is_refused(address):
    with pytest.raises(ConfigurationError):
        await Store.open(address)


async def test_a_text_that_postgresql_cannot_keep_is_the_caller_s_mistake(postgres):
    with postgres.database() as address:
        async with await Store.open(address) as store:
            with pytest.raises(InvalidInput, match="cannot be kept"):
                await store.conversations.create(Principal(id="ada"), "How\x00long?")
