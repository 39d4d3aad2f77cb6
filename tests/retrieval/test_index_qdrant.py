"""The index on a Qdrant server: what the port's contract does not say of it."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError
from qdrant_client import AsyncQdrantClient, models

from core.errors import ConfigurationError, IndexMismatch, IndexUnavailable
from core.types import SearchMode, SparseVector, Vectors
from retrieval import edge_shard, index_qdrant, qdrant_shapes
from retrieval.index_qdrant import QdrantIndex
from retrieval.ports import Fusion, IndexHit, IndexPoint, IndexQuery, Scope
from retrieval.settings import IndexSettings, QdrantSettings
from tests import qdrant_http

SIZE = 16
ALL = Scope(groups=None)


def settings_for(url: str, timeout: float = 30.0, **server: Any) -> IndexSettings:
    return IndexSettings(
        kind="qdrant",
        qdrant=QdrantSettings(url=url, **server),
        search_timeout=timeout,
        write_timeout=timeout,
    )


@asynccontextmanager
async def local(size: int = SIZE, name: str = "one", client: AsyncQdrantClient | None = None) -> AsyncIterator[Any]:
    index = QdrantIndex(client or AsyncQdrantClient(":memory:"), name, size, settings_for("http://unused"))
    await index.ready(10)
    yield index


async def test_both_engines_rank_alike(points: Any, tmp_path: Any) -> None:
    """Same vectors, terms, k and weights: the same points by the same scores. Only what scores the same may change
    places, so no two weights here are alike."""
    numbers = random.Random(7)
    corpus = [_with_terms(points.one(number), numbers) for number in range(120)]
    shard = edge_shard.Shard.create(tmp_path / "shard", SIZE, IndexSettings())
    shard.upsert(corpus)
    client = AsyncQdrantClient(":memory:")
    async with local(client=client) as index:
        await index.upsert(corpus)
        for number in range(30):
            terms = tuple(sorted(numbers.sample(range(40), 3)))
            for mode, fusion in MODES:
                query = IndexQuery(
                    mode=mode,
                    dense=Vectors(data=points.dense(200 + number), size=SIZE),
                    lexical=SparseVector(indices=terms, values=(1.0, 1.0, 0.5)),
                    scope=Scope(groups=frozenset({"everyone"})),
                    fusion=fusion,
                    limit=10,
                    prefetch=50,
                )
                ours, theirs = shard.search(query), await index.search(query)
                assert len(ours) == 10
                assert [hit.score for hit in theirs] == pytest.approx([hit.score for hit in ours], abs=1e-5)
                assert _above_the_last(theirs) == _above_the_last(ours)
    shard.close()


MODES: tuple[tuple[SearchMode, Fusion], ...] = (
    ("dense", Fusion()),
    ("lexical", Fusion()),
    ("hybrid", Fusion(k=5, weights=(2.0, 1.0))),
    ("hybrid", Fusion(method="dbsf")),
)


def _above_the_last(hits: list[IndexHit]) -> set[tuple[str, tuple[str, ...]]]:
    """Points and their legs, without those that share the last place with others left outside."""
    last = hits[-1].score + 1e-5
    return {(hit.id, tuple(sorted(hit.scores))) for hit in hits if hit.score > last}


def _with_terms(point: IndexPoint, numbers: random.Random) -> IndexPoint:
    terms = tuple(sorted(numbers.sample(range(40), 6)))
    return replace(point, lexical=SparseVector(indices=terms, values=tuple(numbers.uniform(0.5, 2.0) for _ in terms)))


async def test_a_collection_of_other_vectors_is_refused() -> None:
    client = AsyncQdrantClient(":memory:")
    async with local(client=client):
        with pytest.raises(IndexMismatch, match=r"16 dimensions, the embedder makes 8.*QDRANT__COLLECTION"):
            await QdrantIndex(client, "one", 8, settings_for("http://unused")).ready(5)


async def test_the_alias_follows_the_build_that_answers(points: Any) -> None:
    client = AsyncQdrantClient(":memory:")
    async with local(name="f-1", client=client) as first, local(name="f-2", client=client) as second:
        await first.upsert([points.one(1)])
        for index, expected in ((first, 1), (first, 1), (second, 0)):
            await index.announce("f")
            assert (await client.count("f")).count == expected
        await first.drop()
        await first.drop()
        assert (await client.count("f")).count == 0
        with pytest.raises(IndexUnavailable, match="gone from Qdrant"):
            await first.count(ALL)


def test_what_shapes_a_collection() -> None:
    """Local mode has no use for these; a server gets them as they are here."""
    shape = qdrant_shapes.collection(
        384,
        QdrantSettings(
            url="http://q",
            shard_number=6,
            replication_factor=3,
            write_consistency_factor=2,
            vectors_on_disk=True,
            graph_on_disk=True,
            quantization="scalar",
        ),
    )
    sent = models.CreateCollection(
        vectors=shape.pop("vectors_config"), sparse_vectors=shape.pop("sparse_vectors_config"), **shape
    ).model_dump(exclude_none=True, mode="json")
    assert (sent["shard_number"], sent["replication_factor"], sent["write_consistency_factor"]) == (6, 3, 2)
    dense = sent["vectors"]["dense"]
    assert (dense["size"], dense["distance"], dense["on_disk"], dense["hnsw_config"]) == (
        384, "Cosine", True, {"on_disk": True},
    )  # fmt: skip
    assert dense["quantization_config"]["scalar"] == {"type": "int8", "quantile": 0.99, "always_ram": True}
    assert sent["sparse_vectors"]["bm25"]["modifier"] == "idf"
    asked = qdrant_shapes.rescored(QdrantSettings(quantization="scalar", oversampling=3))
    assert asked is not None
    assert asked.model_dump()["quantization"] == {"ignore": False, "rescore": True, "oversampling": 3.0}
    assert qdrant_shapes.rescored(QdrantSettings()) is None
    assert set(qdrant_shapes.payload_indexes()) == {
        "collection", "groups", "document_id", "version_id", "metadata", "created_at",
    }  # fmt: skip


async def test_a_server_that_is_away_is_waited_for(points: Any) -> None:
    """What is under way when the server dies is done by the one that follows it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    index = index_qdrant.connect("one", SIZE, settings_for(f"http://127.0.0.1:{port}"))
    starting = asyncio.create_task(index.ready(60))
    with await asyncio.to_thread(_entered, port) as stop:
        await starting
        await index.upsert(points.many(0, 20))
        assert await index.count(ALL) == 20
        stop()
        counting = asyncio.create_task(index.count(ALL))
        await asyncio.sleep(0.1)
        assert not counting.done()
    with await asyncio.to_thread(_entered, port):
        with pytest.raises(IndexUnavailable, match="gone from Qdrant"):  # a server with nothing on its volume
            await counting
        await index.ready(30)
        await index.upsert(points.many(0, 5))
        assert await index.count(ALL) == 5
    await index.close()


class _entered:  # noqa: N801
    """A server that a thread has started."""

    def __init__(self, port: int) -> None:
        self._serving = qdrant_http.serve(port=port)
        self._serving.__enter__()

    def __enter__(self) -> Callable[[], None]:
        return self.stop

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self._serving is not None:
            self._serving.__exit__(None, None, None)
            self._serving = None  # type: ignore[assignment]


@pytest.mark.parametrize("grpc", [False, True])
async def test_nobody_there(grpc: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = settings_for(f"http://127.0.0.1:{port}", timeout=0.5, grpc=grpc, grpc_port=port)
    index = index_qdrant.connect("one", SIZE, settings)
    with pytest.raises(IndexUnavailable, match=r"did not count within 0\.5 seconds"):
        await index.count(ALL)
    with pytest.raises(IndexUnavailable, match=r"did not answer within 0\.3 seconds"):
        await index.ready(0.3)
    await index.close()


async def test_a_key_that_is_refused() -> None:
    with qdrant_http.serve(key="right") as url:
        for key in (None, "wrong"):
            index = index_qdrant.connect("one", SIZE, settings_for(url, api_key=key))
            with pytest.raises(ConfigurationError, match="QDRANT__API_KEY"):
                await index.ready(10)
            await index.close()
        index = index_qdrant.connect("one", SIZE, settings_for(url, api_key="right"))
        await index.ready(10)
        await index.close()


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (OK + b'Content-Length: 34\r\n\r\n{"title":"Qdrant","version":"1.9"}', ConfigurationError, r"is 1\.9;"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nbad!", IndexUnavailable, "500 bad!"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", IndexUnavailable, "failed to answer"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", IndexUnavailable, r"within 0\.5 seconds \(503 busy\)"),
        (b"", IndexUnavailable, r"within 0\.5 seconds"),
    ],
)  # fmt: skip
async def test_answers_that_are_none(answer: bytes, error: type[Exception], words: str) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        index = index_qdrant.connect("one", SIZE, settings_for(f"http://127.0.0.1:{port}"))
        with pytest.raises(error, match=words):
            await index.hello(0.5)
        await index.close()


def test_settings_that_cannot_work() -> None:
    with pytest.raises(ValidationError, match="QDRANT__URL"):
        IndexSettings(kind="qdrant")
    with pytest.raises(ValidationError, match="replication_factor"):
        QdrantSettings(write_consistency_factor=2)
    with pytest.raises(ValidationError):
        QdrantSettings(url="qdrant:6333")
    secret = IndexSettings(kind="qdrant", qdrant=QdrantSettings(url="http://q", api_key="very-secret"))  # type: ignore[arg-type]
    assert "secret" not in secret.model_dump_json()
    assert "http" not in secret.embedded()
