"""The index on a Qdrant server or cluster: the `VectorIndex` port through `qdrant-client`.

A collection holds one build of the index. Its hybrid query is the embedded engine's: both legs are prefetched under the
scope's filter and fused inside the engine, by the same `k` and weights; then each leg once more over the few points
found, so that a hit carries every leg's score. Ranks can differ from the embedded engine's in two ways: the IDF is
taken over each shard of the collection, not over all of it, and what has the same score comes in any order.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from qdrant_client import AsyncQdrantClient, models

from core.errors import ConfigurationError, IndexMismatch
from core.types import Scalar
from retrieval import qdrant_shapes as shapes
from retrieval.checks import check_points, check_query
from retrieval.payload import DENSE, terms
from retrieval.ports import IndexHit, IndexPoint, IndexQuery, Scope
from retrieval.qdrant_calls import call, is_missing
from retrieval.settings import IndexSettings

T = TypeVar("T")

OLDEST = (1, 17)
"""The first server that weighs the legs of a reciprocal rank fusion."""

IN_FLIGHT = 4
"""Batches of one upsert on the way at a time."""

IDS_AT_A_TIME = 500


class QdrantIndex:
    """One collection of a Qdrant server. Any number of processes may use it at a time; each object has its event loop.

    A write is in the server's log, on as many copies as `write_consistency_factor` says, when it returns.
    """

    def __init__(self, client: AsyncQdrantClient, collection: str, size: int, settings: IndexSettings) -> None:
        self._client = client
        self._collection = collection
        self._size = size
        self._settings = settings

    async def hello(self, timeout: float) -> str:
        """What answers, e.g. "Qdrant 1.17.0". Raises `IndexUnavailable` after `timeout` seconds, and
        `ConfigurationError` for a server that is too old."""
        info = await call("answer", self._client.info, timeout)
        numbers = tuple(int(number) for number in re.findall(r"\d+", info.version)[:2])
        if numbers < OLDEST:
            raise ConfigurationError(
                f"This Qdrant is {info.version}; Footnote needs {'.'.join(map(str, OLDEST))} or newer. Update it."
            )
        return f"Qdrant {info.version}"

    async def ready(self, timeout: float) -> None:
        """Returns once the server answers and the collection is there, which is made where it is missing.

        Raises `IndexUnavailable` after `timeout` seconds, `IndexMismatch` for a collection of other vectors.
        """
        await self.hello(timeout)
        found = await call("look at the collection", self._found, timeout)
        if found is None:
            await call("make the collection", self._create, timeout)
            found = await call("look at the collection", self._found, timeout)
        stored = found.config.params.vectors if found is not None else None
        size = stored[DENSE].size if isinstance(stored, Mapping) and DENSE in stored else None
        if found is None or size != self._size:
            raise IndexMismatch(
                f"Qdrant's collection {self._collection} keeps vectors of {size} dimensions, the embedder makes "
                f"{self._size}. Is it another installation's? Set FOOTNOTE_RETRIEVAL__INDEX__QDRANT__COLLECTION to a "
                "name of its own, or build a new index with `footnote reindex`."
            )
        for field, schema in shapes.payload_indexes().items():
            if field not in found.payload_schema:
                await self._write("index a field", self._client.create_payload_index, field, field_schema=schema)

    async def size(self) -> int:
        """The dimension of the vectors this index keeps."""
        return self._size

    async def upsert(self, points: Sequence[IndexPoint]) -> None:
        """Adds or replaces points. One unsound point is `InvalidInput`, nothing written."""
        check_points(points, self._size)
        step = self._settings.qdrant.write_batch
        batches = [points[start : start + step] for start in range(0, len(points), step)]
        slots = asyncio.Semaphore(IN_FLIGHT)

        async def send(batch: Sequence[IndexPoint]) -> None:
            async with slots:
                await self._write("write", self._client.upsert, [shapes.point(one) for one in batch], wait=True)

        ends = await asyncio.gather(*map(send, batches), return_exceptions=True)
        for error in ends:
            if error is not None:
                raise error

    async def search(self, query: IndexQuery) -> list[IndexHit]:
        """The best points in scope, best first. A hybrid hit carries the score of each leg it matches at all."""
        chosen = shapes.scope_filter(query.scope)
        if chosen is None:
            return []
        check_query(query, self._size)
        legs = shapes.legs(query)
        if query.mode == "hybrid":
            return await self._hybrid(query, legs, chosen)
        return [
            IndexHit(id=str(found.id), score=found.score, scores={name: found.score})
            for name, leg in legs.items()
            for found in await self._query(
                query=leg.query,
                using=leg.using,
                query_filter=chosen,
                limit=query.limit,
                search_params=self._params(name),
            )
        ]

    async def delete_versions(self, version_ids: Sequence[str]) -> None:
        """Removes every point of these versions."""
        for start in range(0, len(version_ids), IDS_AT_A_TIME):
            some = shapes.any_of("version_id", version_ids[start : start + IDS_AT_A_TIME])
            await self._write("delete", self._client.delete, models.Filter(must=[some]), wait=True)

    async def update_document(self, document_id: str, groups: Sequence[str], metadata: Mapping[str, Scalar]) -> None:
        """Replaces groups and metadata on every point of a document."""
        payload = {"groups": list(groups), "metadata": terms(metadata)}
        its = models.Filter(must=[shapes.any_of("document_id", [document_id])])
        await self._write("update", self._client.set_payload, payload, its, wait=True)

    async def count(self, scope: Scope) -> int:
        """The exact number of points in scope."""
        chosen = shapes.scope_filter(scope)
        return 0 if chosen is None else await self._count(chosen)

    async def versions(self) -> dict[str, int]:
        """Every version with its exact number of points."""
        limit = await self._count(None) + 1  # there are never more versions than points
        found = await self._ask(
            "count", lambda: self._client.facet(self._collection, "version_id", limit=limit, exact=True), writes=True
        )
        return {str(hit.value): hit.count for hit in found.hits if hit.count}

    async def flush(self) -> None:
        """Nothing to do: what the server has acknowledged is in its log."""

    async def announce(self, alias: str) -> None:
        """Makes `alias` another name of this collection, in one step: for people and tools that look from outside."""
        known = (await self._ask("read aliases", self._client.get_aliases, writes=True)).aliases
        held = next((each.collection_name for each in known if each.alias_name == alias), None)
        if held == self._collection:
            return
        steps: list[models.AliasOperations] = []
        if held is not None:
            steps.append(models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias)))
        create = models.CreateAlias(collection_name=self._collection, alias_name=alias)
        steps.append(models.CreateAliasOperation(create_alias=create))
        await self._ask("switch the alias", lambda: self._client.update_collection_aliases(steps), writes=True)

    async def drop(self) -> None:
        """Removes the collection; one that is not there is no error."""
        await self._write("drop the collection", self._client.delete_collection)

    async def close(self) -> None:
        """Drops the connections; the server goes on."""
        await self._client.close()

    async def _hybrid(
        self, query: IndexQuery, legs: Mapping[str, models.Prefetch], chosen: models.Filter
    ) -> list[IndexHit]:
        """Fusion inside the engine, then each leg over the few points found, by their ids."""
        prefetch = [
            leg.model_copy(update={"limit": query.prefetch, "filter": chosen, "params": self._params(name)})
            for name, leg in legs.items()
        ]
        fused = await self._query(query=shapes.fusion(query.fusion, list(legs)), prefetch=prefetch, limit=query.limit)
        if not fused:
            return []
        scores: dict[str, dict[str, float]] = {str(found.id): {"fused": found.score} for found in fused}
        requests = [
            models.QueryRequest(
                query=leg.query,
                using=leg.using,
                filter=shapes.among(list(scores)),
                params=shapes.EXACT,
                limit=len(fused),
                with_payload=False,
            )
            for leg in legs.values()
        ]
        batches = await self._ask("search", lambda: self._client.query_batch_points(self._collection, requests))
        for name, batch in zip(legs, batches, strict=True):
            for found in batch.points:
                scores[str(found.id)][name] = found.score
        return [IndexHit(id=point, score=found["fused"], scores=found) for point, found in scores.items()]

    async def _query(self, **arguments: Any) -> list[models.ScoredPoint]:
        found = await self._ask(
            "search", lambda: self._client.query_points(self._collection, with_payload=False, **arguments)
        )
        return list(found.points)

    def _params(self, leg: str) -> models.SearchParams | None:
        return shapes.rescored(self._settings.qdrant) if leg == "dense" else None

    async def _count(self, chosen: models.Filter | None) -> int:
        found = await self._ask("count", lambda: self._client.count(self._collection, count_filter=chosen, exact=True))
        return int(found.count)

    async def _found(self) -> models.CollectionInfo | None:
        try:
            return await self._client.get_collection(self._collection)
        except Exception as error:
            if is_missing(error):
                return None
            raise

    async def _create(self) -> None:
        try:
            await self._client.create_collection(
                self._collection, **shapes.collection(self._size, self._settings.qdrant)
            )
        except Exception:
            if await self._found() is None:  # else another process was quicker
                raise

    async def _ask(self, doing: str, work: Callable[[], Awaitable[T]], *, writes: bool = False) -> T:
        settings = self._settings
        return await call(doing, work, settings.write_timeout if writes else settings.search_timeout)

    async def _write(self, doing: str, method: Callable[..., Awaitable[T]], *arguments: Any, **more: Any) -> T:
        return await self._ask(doing, lambda: method(self._collection, *arguments, **more), writes=True)


def connect(collection: str, size: int, settings: IndexSettings) -> QdrantIndex:
    """A client of the configured server; nothing is asked of it yet."""
    server = settings.qdrant
    client = AsyncQdrantClient(
        url=server.url,
        api_key=server.api_key.get_secret_value() if server.api_key else None,
        prefer_grpc=server.grpc,
        grpc_port=server.grpc_port,
        timeout=int(max(settings.search_timeout, settings.write_timeout)) + 1,  # ours is exact and comes first
        check_compatibility=False,  # `hello` does it, and raises
    )
    return QdrantIndex(client, collection, size, settings)


__all__ = ["OLDEST", "QdrantIndex", "connect"]
