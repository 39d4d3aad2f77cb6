"""Server and worker write the same SQLite file: nobody sees two versions or none, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from app.store.records import NewUpload
from app.store.store import Store
from core.types import Chunk, Principal

ME = Principal(id="writer")
VERSIONS = 24
CHUNKS = 7


async def test_processes_may_open_an_empty_database_at_once(url, writer):
    processes = [await writer("open", url) for _ in range(3)]
    said = [(await process.communicate())[0] for process in processes]
    assert said == [b"opened\n"] * 3
    assert [process.returncode for process in processes] == [0, 0, 0]


async def test_exactly_one_version_answers_at_every_moment_while_two_processes_publish(store, url, writer):
    generation = await store.generations.active()
    versions, candidates = [], []
    for number in range(VERSIONS + 1):
        begun = await store.documents.begin_upload(
            NewUpload(
                collection="default",
                external_id="contested",
                filename="f.txt",
                size=1,
                sha256=f"{number:064d}",
                pipeline="p",
                principal=ME,
            )
        )
        parts = [Chunk(ordinal=ordinal, text=str(number)) for ordinal in range(CHUNKS)]
        candidates += await store.chunks.put(begun.version_id, generation.id, parts)
        versions.append(begun.version_id)
    assert (await store.documents.publish(versions[0], generation.id)).live
    processes = [await writer("publish", url, *versions[1::2]), await writer("publish", url, *versions[2::2])]
    for process in processes:
        assert await process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.write(b"go\n")
    done = asyncio.gather(*(process.communicate() for process in processes))

    while not done.done():
        found = await store.chunks.confirm(candidates, ME)
        answering = {chunk.version_id for chunk in found}
        assert (len(answering), len(found)) == (1, CHUNKS)
        page = await store.chunks.page(begun.document_id, ME)
        assert (len({chunk.version_id for chunk in page.items}), len(page.items)) == (1, CHUNKS)
    outcomes = b"".join(out for out, _ in await done).split()
    assert len(outcomes) == VERSIONS
    assert set(outcomes) <= {b"live", b"superseded"}
    assert {chunk.version_id for chunk in await store.chunks.confirm(candidates, ME)} == {versions[-1]}


@dataclass
class Ledger:
    """What a writer was told is so: by external id the version that answers, with its number of chunks."""

    live: dict[str, tuple[str, int]] = field(default_factory=dict)
    begun: dict[str, str] = field(default_factory=dict)
    last: str | None = None

    def note(self, line: str) -> None:
        match line.split():
            case ["at", _]:  # what comes may be done and not said any more
                pass
            case ["begun", external_id, version_id]:
                self.begun[external_id] = version_id
            case ["published", external_id, version_id, count]:
                self.live[external_id] = (version_id, int(count))
            case ["deleted", external_id]:
                self.live.pop(external_id, None)
                self.begun.pop(external_id, None)
            case _:
                raise AssertionError(line)
        self.last = line.split()[1]


async def test_a_writer_killed_at_any_moment_loses_nothing_acknowledged(store, url, writer, tmp_path: Path):
    chance = random.Random(7)
    for seed in range(5):
        ledger = Ledger()
        process = await writer("churn", url, str(seed))
        for _ in range(chance.randrange(3, 40)):
            ledger.note((await process.stdout.readline()).decode())
        await asyncio.sleep(chance.random() * 0.02)
        process.kill()
        for line in (await process.stdout.read()).decode().splitlines(keepends=True):
            if line.endswith("\n"):
                ledger.note(line)
        await process.wait()
        with closing(sqlite3.connect(tmp_path / "store.sqlite")) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
        await check(store, ledger)
        for document in (await store.documents.list(ME)).items:
            await store.documents.delete(document.id, ME)


async def check(store: Store, ledger: Ledger) -> None:
    documents = {d.external_id: d for d in (await store.documents.list(ME)).items}
    assert await store.documents.stranded() == []
    for external_id, version_id in ledger.begun.items():
        if external_id == interrupted(ledger):
            continue  # the writer may have got further with this one than it could say
        assert documents[external_id].version_id is not None, version_id
    for external_id, (version_id, count) in ledger.live.items():
        if external_id == interrupted(ledger):
            continue
        page = await store.chunks.page(documents[external_id].id, ME, limit=100)
        assert {chunk.version_id for chunk in page.items} == {version_id}
        assert len(page.items) == count
    for external_id, document in documents.items():
        page = await store.chunks.page(document.id, ME, limit=100)
        assert len({chunk.version_id for chunk in page.items}) == (document.version_id is not None)
        assert len(page.items) == document.chunks, external_id


def interrupted(ledger: Ledger) -> str | None:
    return ledger.last


async def test_what_was_acknowledged_last_is_there_too(store, url, writer):
    """The sharpest case by itself: killed right after the word that a version is published."""
    process = await writer("churn", url, "99")
    while not (line := (await process.stdout.readline()).decode()).startswith("published"):
        pass
    process.kill()
    await process.wait()
    assert (await store.documents.version(line.split()[2])).status in ("live", "replaced", "deleted")
