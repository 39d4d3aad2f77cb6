"""What every `VectorIndex` does, whichever engine is behind it. A new one adds its factory to `FACTORIES`."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import os
import struct
import subprocess
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient

from core.errors import InvalidInput
from core.types import Filters, SparseVector, Vectors
from retrieval import edge_process, index_edge, index_qdrant
from retrieval.index_qdrant import QdrantIndex
from retrieval.ports import Fusion, IndexPoint, IndexQuery, Scope, VectorIndex
from retrieval.rpc import socket_path
from retrieval.settings import IndexSettings, QdrantSettings
from tests import qdrant_http

SIZE = 4
DAY = datetime(2026, 1, 1, tzinfo=UTC)
ALL = Scope(groups=None)


Connect = Callable[[], Awaitable[VectorIndex]]


@contextlib.contextmanager
def edge(folder: Path) -> Iterator[Connect]:
    """The embedded engine in its process."""
    settings = IndexSettings()
    socket = socket_path(folder, "index")
    process = subprocess.Popen(edge_process.command(folder / "index", socket, SIZE, settings))

    async def connect() -> VectorIndex:
        return index_edge.connect(socket, settings)

    try:
        yield connect
    finally:
        process.terminate()
        assert process.wait(30) == 0


@contextlib.contextmanager
def qdrant_local(folder: Path) -> Iterator[Connect]:
    """qdrant-client's own engine in this process: exact search; payload indexes and quantization have no effect."""

    async def connect() -> VectorIndex:
        client = AsyncQdrantClient(":memory:")  # with a path it syncs its file for each point
        index = QdrantIndex(client, "contract", SIZE, settings_for("http://unused"))
        await index.ready(10)
        return index

    yield connect


@contextlib.contextmanager
def qdrant_wire(folder: Path) -> Iterator[Connect]:
    """The same engine behind Qdrant's REST interface, in a process of its own."""
    with qdrant_http.serve() as url:
        yield _connecting(url, "contract")


@contextlib.contextmanager
def qdrant_server(folder: Path) -> Iterator[Connect]:
    """A real server, the one that FOOTNOTE_TEST_QDRANT_URL names."""
    url, name = os.environ["FOOTNOTE_TEST_QDRANT_URL"], f"footnote-test-{uuid.uuid4().hex[:12]}"
    try:
        yield _connecting(url, name)
    finally:
        asyncio.run(index_qdrant.connect(name, SIZE, settings_for(url)).drop())


def settings_for(url: str) -> IndexSettings:
    return IndexSettings(kind="qdrant", qdrant=QdrantSettings(url=url, quantization="scalar", write_batch=100))


def _connecting(url: str, name: str) -> Connect:
    async def connect() -> VectorIndex:
        index = index_qdrant.connect(name, SIZE, settings_for(url))
        await index.ready(30)
        return index

    return connect


FACTORIES: dict[str, Callable[[Path], AbstractContextManager[Connect]]] = {
    "edge": edge,
    "qdrant_local": qdrant_local,
    "qdrant_wire": qdrant_wire,
    **({"qdrant_server": qdrant_server} if os.environ.get("FOOTNOTE_TEST_QDRANT_URL") else {}),
}


@pytest.fixture(scope="module", params=FACTORIES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connect]:
    with FACTORIES[request.param](tmp_path_factory.mktemp("engine")) as connect:
        yield connect


@pytest.fixture
async def index(engine: Connect) -> AsyncIterator[VectorIndex]:
    """An empty index: a client of the module's one engine."""
    index = await engine()
    await index.delete_versions(list(await index.versions()))
    yield index
    await index.close()


def row(*numbers: float) -> bytes:
    return struct.pack(f"<{SIZE}f", *numbers)


def point(number: int, **changes: Any) -> IndexPoint:
    """Point `number`: the higher the number, the further its vector leans from the first axis."""
    angle = number * math.pi / 64
    base = IndexPoint(
        id=str(uuid.UUID(int=number + 1)),
        dense=row(math.cos(angle), math.sin(angle), 0, 0),
        lexical=SparseVector(indices=(7, 100 + number), values=(1.0, 1.5)),
        collection="default",
        document_id=f"document-{number}",
        version_id=f"version-{number}",
        groups=("everyone",),
        created_at=DAY,
    )
    return replace(base, **changes)


def query(**changes: Any) -> IndexQuery:
    base = IndexQuery(
        mode="dense",
        dense=Vectors(data=row(1, 0, 0, 0), size=SIZE),
        lexical=SparseVector(indices=(7,), values=(1.0,)),
        scope=ALL,
        fusion=Fusion(),
        limit=10,
        prefetch=50,
    )
    return replace(base, **changes)


async def found(index: VectorIndex, scope: Scope, mode: str = "dense") -> set[int]:
    """The numbers of the points in scope, after checking that the count agrees."""
    hits = await index.search(query(mode=mode, scope=scope, limit=100))
    assert await index.count(scope) == len(hits)
    return {uuid.UUID(hit.id).int - 1 for hit in hits}


async def test_dense_search_orders_by_cosine(index: VectorIndex) -> None:
    await index.upsert([point(n) for n in (3, 0, 2, 1)])
    hits = await index.search(query(limit=3))
    assert [hit.id for hit in hits] == [point(n).id for n in (0, 1, 2)]
    assert hits[1].score == pytest.approx(math.cos(math.pi / 64), abs=1e-5)
    assert hits[1].scores == {"dense": hits[1].score}


async def test_lexical_search_weighs_rare_terms_and_ignores_the_rest(index: VectorIndex) -> None:
    await index.upsert([point(n) for n in range(5)])
    hits = await index.search(query(mode="lexical", lexical=SparseVector(indices=(103,), values=(1.0,))))
    assert [hit.id for hit in hits] == [point(3).id]
    idf = math.log(1 + (5 - 1 + 0.5) / (1 + 0.5))
    assert hits[0].score == pytest.approx(1.5 * idf, abs=1e-4)
    both = await index.search(query(mode="lexical", lexical=SparseVector(indices=(7, 103), values=(1.0, 1.0))))
    assert both[0].id == point(3).id
    assert len(both) == 5


async def test_hybrid_search_finds_what_either_leg_finds_and_names_their_scores(index: VectorIndex) -> None:
    await index.upsert([point(n) for n in range(8)])
    lexical = SparseVector(indices=(106,), values=(1.0,))
    hits = await index.search(query(mode="hybrid", lexical=lexical, limit=3, prefetch=2))
    assert {hit.id for hit in hits} == {point(n).id for n in (0, 1, 6)}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    alone = await index.search(query(mode="lexical", lexical=lexical))
    for hit in hits:
        assert hit.scores["fused"] == hit.score
        assert ("lexical" in hit.scores) == (hit.id == point(6).id)
    scores = {hit.id: hit.scores for hit in hits}
    assert scores[point(6).id]["lexical"] == pytest.approx(alone[0].score, abs=1e-5)
    assert scores[point(0).id]["dense"] == pytest.approx(1.0, abs=1e-5)


async def test_reciprocal_ranks_count_from_zero(index: VectorIndex) -> None:
    await index.upsert([point(n) for n in range(4)])
    lexical = SparseVector(indices=(100,), values=(1.0,))
    fused = await index.search(query(mode="hybrid", lexical=lexical, fusion=Fusion(k=61)))
    assert fused[0].score == pytest.approx(1 / 61 + 1 / 61, abs=1e-6)
    assert fused[1].score == pytest.approx(1 / 62, abs=1e-6)


@pytest.mark.parametrize(("weights", "first"), [((3.0, 1.0), 0), ((1.0, 3.0), 6)])
async def test_weights_decide_which_leg_leads(index: VectorIndex, weights: tuple[float, float], first: int) -> None:
    await index.upsert([point(n) for n in range(8)])
    lexical = SparseVector(indices=(106,), values=(1.0,))
    hits = await index.search(query(mode="hybrid", lexical=lexical, prefetch=3, fusion=Fusion(k=10, weights=weights)))
    assert hits[0].id == point(first).id


async def test_distribution_based_fusion(index: VectorIndex) -> None:
    await index.upsert([point(n) for n in range(8)])
    lexical = SparseVector(indices=(7, 101), values=(1.0, 1.0))
    hits = await index.search(query(mode="hybrid", lexical=lexical, fusion=Fusion(method="dbsf")))
    assert hits[0].id == point(1).id
    assert len(hits) == 8


async def test_a_question_without_terms(index: VectorIndex) -> None:
    await index.upsert([point(n) for n in range(4)])
    nothing = SparseVector(indices=(), values=())
    assert await index.search(query(mode="lexical", lexical=nothing)) == []
    hybrid = await index.search(query(mode="hybrid", lexical=nothing))
    assert [hit.id for hit in hybrid] == [point(n).id for n in range(4)]


async def test_an_empty_index_answers(index: VectorIndex) -> None:
    for mode in ("dense", "lexical", "hybrid"):
        assert await index.search(query(mode=mode)) == []
    assert await index.count(ALL) == 0
    assert await index.versions() == {}
    await index.delete_versions(["unknown"])
    await index.flush()


async def test_upserting_again_replaces(index: VectorIndex) -> None:
    await index.upsert([point(0), point(1)])
    await index.upsert([point(0, collection="other", lexical=SparseVector(indices=(9,), values=(1.0,)))])
    assert await index.count(ALL) == 2
    assert await found(index, Scope(groups=None, collections=("other",))) == {0}
    hits = await index.search(query(mode="lexical", lexical=SparseVector(indices=(100,), values=(1.0,))))
    assert hits == []


async def test_groups_any_of_which_must_match(index: VectorIndex) -> None:
    await index.upsert([point(0, groups=("hr", "board")), point(1, groups=("it",)), point(2), point(3, groups=())])
    for mode in ("dense", "lexical", "hybrid"):
        assert await found(index, Scope(groups=frozenset({"hr"})), mode) == {0}
        assert await found(index, Scope(groups=frozenset({"board", "everyone"})), mode) == {0, 2}
        assert await found(index, Scope(groups=frozenset({"unknown"})), mode) == set()
        assert await found(index, Scope(groups=frozenset()), mode) == set()
        assert await found(index, ALL, mode) == {0, 1, 2, 3}


async def test_collections_and_documents(index: VectorIndex) -> None:
    await index.upsert([point(0), point(1, collection="a"), point(2, collection="b"), point(3, collection="b")])
    assert await found(index, Scope(groups=None, collections=("a", "b"))) == {1, 2, 3}
    filters = Filters(document_ids=("document-0", "document-3"))
    assert await found(index, Scope(groups=None, filters=filters)) == {0, 3}
    both = Scope(groups=frozenset({"everyone"}), collections=("b",), filters=filters)
    assert await found(index, both, "hybrid") == {3}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"year": 2024}, {0, 1}),
        ({"year": 2024.0}, {0, 1}),
        ({"year": "2024"}, {2}),
        ({"year": (2024, "2024")}, {0, 1, 2}),
        ({"share": 0.25}, {1}),
        ({"final": True}, {0}),
        ({"final": False}, {1}),
        ({"final": 1}, {3}),
        ({"year": 2024, "final": True}, {0}),
        ({"year": ()}, set()),
        ({"unknown": "x"}, set()),
        ({'a.b[0]"': "ü and ; \x1f"}, {2}),
        ({"long": "x" * 5000}, {3}),
    ],
)
async def test_metadata(index: VectorIndex, metadata: Any, expected: set[int]) -> None:
    await index.upsert(
        [
            point(0, metadata={"year": 2024, "final": True}),
            point(1, metadata={"year": 2024.0, "share": 0.25, "final": False}),
            point(2, metadata={"year": "2024", 'a.b[0]"': "ü and ; \x1f"}),
            point(3, metadata={"final": 1, "long": "x" * 5000}),
        ]
    )
    assert await found(index, Scope(groups=None, filters=Filters(metadata=metadata))) == expected


async def test_times_include_the_beginning_and_exclude_the_end(index: VectorIndex) -> None:
    await index.upsert([point(n, created_at=DAY + timedelta(days=n)) for n in range(4)])
    after, before = DAY + timedelta(days=1), DAY + timedelta(days=3)
    assert await found(index, Scope(groups=None, filters=Filters(created_after=after))) == {1, 2, 3}
    assert await found(index, Scope(groups=None, filters=Filters(created_before=before))) == {0, 1, 2}
    between = Filters(created_after=after, created_before=before)
    assert await found(index, Scope(groups=None, filters=between)) == {1, 2}


async def test_deleting_versions(index: VectorIndex) -> None:
    await index.upsert([point(n, version_id="old" if n < 3 else "new") for n in range(5)])
    assert await index.versions() == {"old": 3, "new": 2}
    await index.delete_versions(["old", "unknown"])
    assert await found(index, ALL) == {3, 4}
    assert await index.versions() == {"new": 2}
    await index.delete_versions([])
    assert await index.count(ALL) == 2


async def test_updating_a_document_replaces_groups_and_metadata(index: VectorIndex) -> None:
    await index.upsert([point(n, document_id="d" if n < 3 else "e", metadata={"a": 1, "b": 2}) for n in range(4)])
    await index.update_document("d", ["board"], {"a": 5})
    assert await found(index, Scope(groups=frozenset({"everyone"}))) == {3}
    assert await found(index, Scope(groups=frozenset({"board"}), filters=Filters(metadata={"a": 5}))) == {0, 1, 2}
    assert await found(index, Scope(groups=None, filters=Filters(metadata={"b": 2}))) == {3}
    await index.update_document("unknown", ["board"], {})


@pytest.mark.parametrize(
    "changes",
    [
        {"dense": row(1, 0, 0, 0)[:-4]},
        {"dense": row(1, math.nan, 0, 0)},
        {"dense": row(1, math.inf, -math.inf, 0)},
        {"id": "not-a-uuid"},
        {"lexical": SparseVector(indices=(1, 1), values=(1.0, 1.0))},
        {"lexical": SparseVector(indices=(1, 2), values=(1.0,))},
        {"lexical": SparseVector(indices=(1,), values=(math.nan,))},
    ],
)
async def test_unsound_points_are_refused_and_nothing_is_written(index: VectorIndex, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await index.upsert([point(0), point(1, **changes)])
    assert await index.count(ALL) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"dense": None},
        {"mode": "hybrid", "lexical": None},
        {"dense": Vectors(data=row(1, 0, 0, 0) + b"\0\0\0\0", size=5)},
        {"dense": Vectors(data=row(math.nan, 0, 0, 0), size=SIZE)},
        {"limit": 0},
        {"mode": "hybrid", "fusion": Fusion(weights=(1.0, -1.0))},
    ],
)
async def test_unsound_queries_are_refused(index: VectorIndex, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await index.search(query(**changes))


async def test_a_large_upsert_while_others_search(index: VectorIndex) -> None:
    points = [point(n % 60, id=str(uuid.UUID(int=n + 1)), version_id=f"v{n % 7}") for n in range(1500)]
    writing = asyncio.create_task(index.upsert(points))
    seen = [await index.count(ALL)]
    for _ in itertools.takewhile(lambda _: not writing.done(), itertools.count()):
        await asyncio.sleep(0)  # an engine in this process answers without ever giving way
        assert len(await index.search(query(mode="hybrid"))) <= 10
        seen.append(await index.count(ALL))
    await writing
    assert seen == sorted(seen)
    assert await index.count(ALL) == 1500
    assert sum((await index.versions()).values()) == 1500
