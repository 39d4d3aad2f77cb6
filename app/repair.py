"""Brings the index, which is a copy, back in step with the database, which is the truth.

Runs when a worker starts: after a crash, a restored backup, a lost index or a switch to a new generation. Points of
versions that no longer answer are removed; live versions that lack points get them again from their artefacts, without
a model when the vectors are still there.
"""

from __future__ import annotations

import asyncio
import logging

from app.build import Build, Workshop
from app.store.records import Version
from core.errors import FootnoteError

log = logging.getLogger("footnote.repair")

_YOUNG = 60.0
"""Seconds during which a blob without a version may still be getting one."""


async def repair(shop: Workshop) -> None:
    """Compares and mends; each document on its own, so that one that cannot be mended does not keep the others."""
    indexed = await shop.index.versions()
    live = [version async for version in shop.store.versions.live()]
    unfinished = {job.version_id for job in await shop.store.jobs.unfinished()}
    await _drop_dead(shop, indexed, {version.id for version in live} | unfinished)
    for version in live:
        expected = await shop.store.chunks.count(version.id, shop.generation)
        if not expected or indexed.get(version.id, 0) < expected:
            await _rebuild(shop, version)
    await collect_garbage(shop)


async def _drop_dead(shop: Workshop, indexed: dict[str, int], wanted: set[str | None]) -> None:
    dead = [version_id for version_id in indexed if version_id not in wanted]
    if dead:
        log.info("removing the points of %d versions that no longer answer", len(dead))
        await shop.index.delete_versions(dead)


async def _rebuild(shop: Workshop, version: Version) -> None:
    try:
        log.info("putting %s back into the index", version.external_id)
        await Build(shop).index(version, f"repair-{version.id}", _silent)
    except FootnoteError as error:
        log.error("%s cannot be put back into the index: %s", version.external_id, error.message)


async def collect_garbage(shop: Workshop) -> None:
    """Removes files that no version needs, unless they are so new that an upload may be about to need them."""
    for sha256 in await asyncio.to_thread(shop.blobs.older_than, _YOUNG):
        if not await shop.store.versions.is_blob_needed(sha256):
            await asyncio.to_thread(shop.artefacts.forget, sha256)
            await asyncio.to_thread(shop.blobs.delete, sha256)


async def _silent(fraction: float) -> None:
    return None
