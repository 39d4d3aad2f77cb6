"""Which engine keeps the vectors: the embedded one, in a child process, or a Qdrant server. Chosen by settings."""

from __future__ import annotations

import logging
import shutil
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from app.gaps import Gaps
from app.services import IndexState
from app.settings import Settings
from app.store.records import IndexGeneration
from app.supervisor import Child, Supervisor
from core.errors import FootnoteError, IndexUnavailable
from retrieval import edge_process, index_edge
from retrieval.ports import Scope, VectorIndex
from retrieval.rpc import socket_path

if TYPE_CHECKING:
    from retrieval.index_qdrant import QdrantIndex

log = logging.getLogger("footnote.index")

_START_SECONDS = 60.0
_LOOK_SECONDS = 5.0


def is_server(settings: Settings) -> bool:
    """Whether the vectors are on a Qdrant server."""
    return settings.retrieval.index.kind == "qdrant"


def folder(settings: Settings, generation: IndexGeneration) -> Path:
    """Where a generation's shard lies."""
    return settings.data_dir / "index" / generation.folder


async def start(supervisor: Supervisor, settings: Settings, generation: IndexGeneration) -> None:
    """Starts the process that owns a generation's shard; a Qdrant server runs already."""
    if not is_server(settings):
        command = edge_process.command(
            folder(settings, generation), _socket(settings, generation), generation.size, settings.retrieval.index
        )
        await supervisor.start(Child(name=f"index {generation.folder}", command=command))


async def connect(stack: AsyncExitStack, settings: Settings, generation: IndexGeneration) -> VectorIndex:
    """A generation's index, once it answers; closed with `stack`. Raises `IndexUnavailable` after a minute."""
    index = _qdrant(settings, generation) if is_server(settings) else _edge(settings, generation)
    stack.push_async_callback(index.close)
    await index.ready(_START_SECONDS)
    return index


async def is_served(settings: Settings, generation: IndexGeneration) -> bool:
    """Whether a running server's process serves this generation's shard. Of a Qdrant server it cannot be known."""
    if is_server(settings):
        return False
    index = _edge(settings, generation)
    try:
        await index.ready(1.0)
    except IndexUnavailable:
        return False
    finally:
        await index.close()
    return True


async def announce(settings: Settings, generation: IndexGeneration) -> None:
    """Points the server's alias at the generation that answers. Nobody here reads it, so a failure is only logged."""
    if is_server(settings):
        index = _qdrant(settings, generation)
        try:
            await index.announce(settings.retrieval.index.qdrant.collection)
        except FootnoteError as error:
            log.warning("the alias of the index could not be switched: %s", error.message)
        finally:
            await index.close()


async def drop(settings: Settings, generation: IndexGeneration) -> None:
    """Removes what is kept of a generation, on disk and on the configured server, of whichever kind it was."""
    shutil.rmtree(folder(settings, generation), ignore_errors=True)
    if settings.retrieval.index.qdrant.url is not None:
        index = _qdrant(settings, generation)
        try:
            await index.drop()
        except FootnoteError as error:
            log.warning("an old collection is left on Qdrant: %s", error.message)
        finally:
            await index.close()


async def look(settings: Settings) -> str | None:
    """What `footnote doctor` says of a Qdrant server; None without one. Raises what is wrong with it."""
    if not is_server(settings):
        return None
    from retrieval import index_qdrant

    server = settings.retrieval.index.qdrant
    index = index_qdrant.connect(server.collection, 1, settings.retrieval.index)
    try:
        return f"{await index.hello(_LOOK_SECONDS)} at {server.url}, collections {server.collection}-…"
    finally:
        await index.close()


async def state(index: VectorIndex, gaps: Gaps) -> IndexState:
    """How the index fares. Raises `IndexUnavailable`."""
    if not isinstance(index, index_edge.EdgeIndex):
        return IndexState(points=await index.count(Scope(groups=None)), lacking=gaps.lacking)
    info = await index.info()
    return IndexState(
        points=info.points,
        lacking=gaps.lacking,
        pending=info.pending,
        stage=info.stage,
        disk_bytes=info.disk_bytes,
    )


def _socket(settings: Settings, generation: IndexGeneration) -> Path:
    return socket_path(settings.data_dir, f"index-{generation.folder}")


def _edge(settings: Settings, generation: IndexGeneration) -> index_edge.EdgeIndex:
    return index_edge.connect(_socket(settings, generation), settings.retrieval.index)


def _qdrant(settings: Settings, generation: IndexGeneration) -> QdrantIndex:
    from retrieval import index_qdrant  # lazily: importing the client takes a second

    name = f"{settings.retrieval.index.qdrant.collection}-{generation.folder}"
    return index_qdrant.connect(name, generation.size, settings.retrieval.index)
