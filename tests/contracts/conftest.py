"""What the contract tests of the store need: a fresh database of every kind at hand, and short ways to fill it.

SQLite always; PostgreSQL as well when FOOTNOTE_TEST_POSTGRES_URL names a server whose user may create databases
(for example postgresql+psycopg://postgres@127.0.0.1:5432/postgres).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.store.records import Begun, NewGeneration, NewUpload
from app.store.store import Store
from core.types import Answer, Chunk, GeneratorInfo, Principal, Retrieval, Scalar, Source, Statement

POSTGRES = os.environ.get("FOOTNOTE_TEST_POSTGRES_URL")
DATABASES = ["sqlite", "postgresql"] if POSTGRES else ["sqlite"]


def pytest_report_header() -> str:
    if POSTGRES:
        return "store contracts: on SQLite and PostgreSQL"
    return "store contracts: on SQLite only (FOOTNOTE_TEST_POSTGRES_URL is not set, so PostgreSQL is left out)"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that was migrated once; every test gets a copy."""
    path = tmp_path_factory.mktemp("store") / "migrated.sqlite"

    async def make() -> None:
        await (await Store.open(f"sqlite+aiosqlite:///{path}")).close()

    asyncio.run(make())
    return path


@pytest.fixture(params=DATABASES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> Iterator[str]:
    """The address of a database with nothing in it."""
    if request.param == "sqlite":
        shutil.copy(migrated, tmp_path / "store.sqlite")
        yield f"sqlite+aiosqlite:///{tmp_path / 'store.sqlite'}"
        return
    import psycopg
    from sqlalchemy import make_url

    assert POSTGRES is not None
    server = make_url(POSTGRES)
    admin = server.set(drivername="postgresql").render_as_string(hide_password=False)
    name = f"footnote_test_{uuid.uuid4().hex}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield server.set(database=name).render_as_string(hide_password=False)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


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
