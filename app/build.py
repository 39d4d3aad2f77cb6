"""From a stored file to points in the index: read, chunk, embed, index. Used by jobs and by a re-index alike.

Every step keeps its artefact and finds it again, so doing a step twice costs nothing and a broken-off one goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import PurePath

from app.artefacts import Artefacts
from app.settings import Settings
from app.store.blobs import FolderBlobs
from app.store.codec import chunk_id
from app.store.records import VersionRecord
from app.store.store import Store
from core.ports import Embedder
from core.types import Chunk, ParsedDocument, Vectors
from ingestion import pipeline
from retrieval.ports import IndexPoint, LexicalEncoder, VectorIndex

Report = Callable[[float], Awaitable[None]]
"""Told how far a step has come, from 0 to 1; may raise to stop it."""

_INDEX_BATCH = 256
_REPORT_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What a worker works with. `generation` names the index build that `index` holds."""

    settings: Settings
    store: Store
    blobs: FolderBlobs
    artefacts: Artefacts
    embedder: Embedder
    lexical: LexicalEncoder
    index: VectorIndex
    generation: int


class Build:
    """The steps, for one version at a time."""

    def __init__(self, workshop: Workshop) -> None:
        self._shop = workshop

    async def parse(self, version: VersionRecord, report: Report) -> None:
        """Reads the file in the sandbox; the version learns its title, type, pages and warnings."""
        document = await asyncio.to_thread(self._shop.artefacts.parsed, version.sha256)
        if document is None:
            document = await self._read(version, report)
        await self._shop.store.documents.set_parsed(
            version.id,
            title=_title(version, document),
            media_type=document.media_type,
            pages=document.pages,
            warnings=document.warnings,
        )

    async def _read(self, version: VersionRecord, report: Report) -> ParsedDocument:
        """Reads the file, telling how far it is; when `report` stops it, the reading child is killed."""
        share = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal share
            share = done / max(total, 1)

        path = self._shop.blobs.path(version.sha256)
        reading = asyncio.create_task(
            pipeline.parse(path, version.filename, self._shop.settings.ingestion, progress), name="parse"
        )
        try:
            while not (await asyncio.wait({reading}, timeout=_REPORT_SECONDS))[0]:
                await report(share)
            document = reading.result()
        finally:
            reading.cancel()
        await asyncio.to_thread(self._shop.artefacts.keep_parsed, version.sha256, document)
        return document

    async def chunk(self, version: VersionRecord) -> list[Chunk]:
        """The version's chunks, cut now if they are not there. Raises `ParserLimit` where that takes too long."""
        artefacts = self._shop.artefacts
        kept = await asyncio.to_thread(artefacts.chunks, version.sha256, version.title)
        if kept is not None:
            return kept
        document = await asyncio.to_thread(artefacts.parsed, version.sha256)
        if document is None:  # removed by hand, or written by an older reader
            document = await self._read(version, _silent)
        tokens, settings = self._shop.embedder.tokens, self._shop.settings.ingestion
        chunks = await asyncio.to_thread(
            pipeline.chunk, document, version.title, tokens, settings.chunking, settings.chunk_seconds
        )
        await asyncio.to_thread(artefacts.keep_chunks, version.sha256, version.title, chunks)
        return chunks

    async def embed(self, version: VersionRecord, owner: str, report: Report) -> Vectors:
        """The chunks' vectors in order, going on after the last whole batch that `owner` left."""
        artefacts, size = self._shop.artefacts, self._shop.embedder.size
        chunks = await self.chunk(version)
        kept = artefacts.vectors(version.sha256, version.title, size)
        if kept is not None and len(kept) == len(chunks):
            return kept
        partial = artefacts.partial_vectors(version.sha256, version.title, owner, size)
        done, batch = partial.rows(), self._shop.settings.jobs.embed_batch
        while done < len(chunks):
            part = chunks[done : done + batch]
            texts = [pipeline.embedded_text(version.title, chunk) for chunk in part]
            partial.append(await self._shop.embedder.passages(texts))
            done += len(part)
            await report(done / len(chunks))
        return partial.finish()

    async def index(self, version: VersionRecord, owner: str, report: Report) -> None:
        """Puts points into the index, then chunks into the store; neither answers before the version is published.

        The rows come last because they say that this generation has the version: a crash in between leaves points that
        nobody confirms, never rows without points.
        """
        vectors = await self.embed(version, owner, _silent)
        chunks = await self.chunk(version)
        ids = [chunk_id(self._shop.generation, version.id, chunk.ordinal) for chunk in chunks]
        for start in range(0, len(chunks), _INDEX_BATCH):
            part = slice(start, start + _INDEX_BATCH)
            points = await asyncio.to_thread(self._points, version, ids[part], chunks[part], vectors.rows(part))
            await self._shop.index.upsert(points)
            await report(min(part.stop, len(chunks)) / len(chunks))
        await self._shop.store.chunks.put(version.id, self._shop.generation, chunks)

    def _points(
        self, version: VersionRecord, ids: list[str], chunks: list[Chunk], rows: list[bytes]
    ) -> list[IndexPoint]:
        return [
            IndexPoint(
                id=point_id,
                dense=row,
                lexical=self._shop.lexical.document(pipeline.embedded_text(version.title, chunk), chunk.language),
                collection=version.collection,
                document_id=version.document_id,
                version_id=version.id,
                groups=version.groups,
                created_at=version.document_created_at,
                metadata=version.metadata,
            )
            for point_id, chunk, row in zip(ids, chunks, rows, strict=True)
        ]


async def _silent(fraction: float) -> None:
    return None


def _title(version: VersionRecord, document: ParsedDocument) -> str:
    """The title given at upload, else the document's own, else the file's name without its ending."""
    return version.explicit_title or document.title or PurePath(version.filename).stem or version.filename
