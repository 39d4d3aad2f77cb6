"""What the contract tests of the store need: a fresh database of every kind at hand, and short ways to fill it.

Every test runs on SQLite and on a real PostgreSQL.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.store.records import Begun, NewGeneration, NewUpload
from app.store.store import Store
from app.store.tables import metadata
from core.types import Answer, Chunk, GeneratorInfo, Principal, Retrieval, Scalar, Source, Statement


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that was migrated once; every test gets a copy."""
    path = tmp_path_factory.mktemp("store") / "migrated.sqlite"

    async def make() -> None:
        await (await Store.open(f"sqlite+aiosqlite:///{path}")).close()

    asyncio.run(make())
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Any) -> Iterator[str]:
    """A PostgreSQL database that was migrated once; every test finds it emptied, which is quicker than a copy."""

    async def make(url: str) -> None:
        await (await Store.open(url)).close()

    with postgres.database() as url:
        asyncio.run(make(url))
        yield url


def _emptied(url: str) -> str:
    import psycopg

    names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS fresh AS SELECT * FROM collections")  # as the migrations left it
        connection.execute(f"TRUNCATE {names} RESTART IDENTITY".encode())
        connection.execute("INSERT INTO collections SELECT * FROM fresh")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> str:
    """The address of a database with nothing in it."""
    if request.param == "sqlite":
        shutil.copy(migrated, tmp_path / "store.sqlite")
        return f"sqlite+aiosqlite:///{tmp_path / 'store.sqlite'}"
    return _emptied(request.getfixturevalue("migrated_postgres"))


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with await Store.open(store_url) as opened:
        yield opened


@dataclass(frozen=True, kw_only=True)
class Kit:
    """A store with an active generation, and the short ways to fill it."""

    store: Store
    generation: int
    ada: Principal
    bob: Principal
    admin: Principal

    def upload(
        self,
        external_id: str = "handbook",
        *,
        by: Principal | None = None,
        content: str = "1",
        groups: tuple[str, ...] | None = None,
        title: str | None = None,
        metadata: dict[str, Scalar] | None = None,
        collection: str = "default",
        filename: str | None = None,
        pipeline: str = "pipeline-1",
    ) -> NewUpload:
        return NewUpload(
            collection=collection,
            external_id=external_id,
            filename=filename or f"{external_id}.txt",
            size=len(content),
            sha256=content.rjust(64, "0"),
            pipeline=pipeline,
            principal=by or self.ada,
            title=title,
            groups=groups,
            metadata=metadata,
        )

    async def begin(self, external_id: str = "handbook", **how: object) -> Begun:
        return await self.store.documents.begin_upload(self.upload(external_id, **how))  # type: ignore[arg-type]

    async def index(self, version_id: str, texts: Sequence[str], *, generation: int | None = None) -> list[str]:
        parts = [Chunk(ordinal=ordinal, text=text) for ordinal, text in enumerate(texts)]
        return await self.store.chunks.put(version_id, generation or self.generation, parts)

    async def live(self, external_id: str = "handbook", texts: Sequence[str] = ("one",), **how: object) -> Begun:
        """An upload walked down the whole street: parsed, chunked, published, its job done."""
        begun = await self.begin(external_id, **how)
        await self.store.jobs.start(begun.job_id)
        await self.index(begun.version_id, texts)
        assert (await self.store.documents.publish(begun.version_id, self.generation)).live
        await self.store.jobs.succeed(begun.job_id)
        return begun

    async def answer(
        self, document_id: str, chunk_id: str, *, by: Principal | None = None, conversation: str | None = None
    ) -> tuple[str, str]:
        """A finished answer that cites one chunk; its conversation and its id."""
        asked = await self.store.answers.begin(str(uuid.uuid4()), conversation, by or self.ada, "How long is leave?")
        await self.store.answers.finish(finished(asked.id, document_id, chunk_id))
        return asked.conversation_id, asked.id


def finished(answer_id: str, document_id: str, chunk_id: str) -> Answer:
    source = Source(
        id="1", chunk_id=chunk_id, document_id=document_id, version_id="v", title="Handbook", text="Leave is 30 days."
    )
    return Answer(
        id=answer_id,
        question="How long is leave?",
        statements=(Statement(text="Leave is 30 days.", sources=("1",), support=0.9, supported=True),),
        sources=(source,),
        answerable=True,
        retrieval=Retrieval(used=True, reason="asked", n=1),
        generator=GeneratorInfo(name="extractive", fingerprint="e1"),
        timings_ms={"search": 1.5},
    )


@pytest.fixture
async def kit(store: Store) -> Kit:
    made = await store.generations.ensure_active(
        NewGeneration(fingerprint="f1", embedder="minilm", size=384, pipeline="pipeline-1")
    )
    return Kit(
        store=store,
        generation=made.id,
        ada=Principal(id="ada", groups=frozenset({"everyone", "staff"})),
        bob=Principal(id="bob"),
        admin=Principal(id="root", groups=frozenset({"everyone"}), admin=True),
    )


@pytest.fixture
async def holder(root: Path) -> AsyncIterator[Callable[[str, str], Any]]:
    """Starts a process that holds a name on a store until it is killed: (url, name) → asyncio's Process."""
    program = (
        "import asyncio, sys\n"
        "from app.store.store import Store\n"
        "async def main():\n"
        "    async with await Store.open(sys.argv[1]) as store, store.presence.held(sys.argv[2]):\n"
        "        print('held', flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    started: list[asyncio.subprocess.Process] = []

    async def start(url: str, name: str) -> asyncio.subprocess.Process:
        command = [sys.executable, "-c", program, url, name]
        process = await asyncio.create_subprocess_exec(*command, cwd=root, stdout=asyncio.subprocess.PIPE)
        started.append(process)
        assert await process.stdout.readline() == b"held\n"
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
