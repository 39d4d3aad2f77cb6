"""The embedded index as the rest of the house sees it: the `VectorIndex` port over the local RPC.

Vectors are checked here, before they travel. A large upsert goes in batches, several on the way at a time, so that
searches of other clients slip in between; it is durable when the call returns. When the index process is killed and
started again, calls in flight are repeated on the new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.types import Scalar
from retrieval import edge_wire as wire
from retrieval.checks import check_points, check_query
from retrieval.ports import IndexHit, IndexPoint, IndexQuery, Scope
from retrieval.rpc import Op
from retrieval.rpc_client import RpcClient
from retrieval.settings import IndexSettings

IN_FLIGHT = 4
"""Batches of one upsert on the way at a time: enough to keep the engine busy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EdgeInfo:
    """Figures of the index process. `pending` points await a rebuild; `stage` is the running one's, or "idle"."""

    points: int
    segments: int
    indexed: int
    pending: int
    stage: str
    rebuilds: int
    last_error: str | None
    disk_bytes: int
    resident_bytes: int
    shard: str


class EdgeIndex:
    """A client of the index process. Any number may be connected at a time; each belongs to one event loop."""

    def __init__(self, socket: Path, settings: IndexSettings) -> None:
        self._rpc = RpcClient(socket)
        self._settings = settings

    async def ready(self, timeout: float) -> None:
        """Returns once the index answers. Raises `IndexUnavailable` after `timeout` seconds."""
        await self._rpc.hello(timeout)

    async def size(self) -> int:
        """The dimension of the vectors this index keeps."""
        return int((await self._rpc.hello(self._settings.write_timeout))["size"])

    async def upsert(self, points: Sequence[IndexPoint]) -> None:
        """Adds or replaces points; durable when it returns. One unsound point is `InvalidInput`, nothing written."""
        check_points(points, await self.size())
        step = self._settings.write_batch
        batches = [points[start : start + step] for start in range(0, len(points), step)]
        slots = asyncio.Semaphore(IN_FLIGHT)

        async def send(batch: Sequence[IndexPoint]) -> None:
            async with slots:
                await self._write(Op.UPSERT, wire.points_to_wire(batch))

        ends = await asyncio.gather(*map(send, batches), return_exceptions=True)
        for error in ends:
            if error is not None:
                raise error

    async def search(self, query: IndexQuery) -> list[IndexHit]:
        """The best points in scope, best first. A hybrid hit carries the score of each leg it matches at all."""
        if query.scope.groups is not None and not query.scope.groups:
            return []
        hello = await self._rpc.hello(self._settings.search_timeout)
        check_query(query, int(hello["size"]))
        found = await self._rpc.call(Op.SEARCH, wire.query_to_wire(query), self._settings.search_timeout)
        return wire.hits_from_wire(found)

    async def delete_versions(self, version_ids: Sequence[str]) -> None:
        """Removes every point of these versions."""
        if version_ids:
            await self._write(Op.DELETE_VERSIONS, list(version_ids))

    async def update_document(self, document_id: str, groups: Sequence[str], metadata: Mapping[str, Scalar]) -> None:
        """Replaces groups and metadata on every point of a document."""
        await self._write(
            Op.UPDATE_DOCUMENT, {"document": document_id, "groups": list(groups), "metadata": dict(metadata)}
        )

    async def count(self, scope: Scope) -> int:
        """The exact number of points in scope."""
        return int(await self._rpc.call(Op.COUNT, wire.scope_to_wire(scope), self._settings.search_timeout))

    async def versions(self) -> dict[str, int]:
        """Every version with its exact number of points."""
        found: dict[str, int] = await self._rpc.call(Op.VERSIONS, None, self._settings.write_timeout)
        return found

    async def flush(self) -> None:
        """Everything acknowledged is in synced files when it returns."""
        await self._write(Op.FLUSH, None)

    async def info(self) -> EdgeInfo:
        """Figures for `footnote doctor` and metrics."""
        return EdgeInfo(**await self._rpc.call(Op.INFO, None, self._settings.search_timeout))

    async def close(self) -> None:
        """Drops the connection; the index process goes on."""
        await self._rpc.close()

    async def _write(self, op: Op, value: Any) -> None:
        await self._rpc.call(op, value, self._settings.write_timeout)


def connect(socket: Path, settings: IndexSettings | None = None) -> EdgeIndex:
    """A client of the index process that listens, or will listen, on `socket`."""
    return EdgeIndex(socket, settings or IndexSettings())


__all__ = ["EdgeIndex", "EdgeInfo", "connect"]
