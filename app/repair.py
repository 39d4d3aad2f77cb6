"""Brings the index, which is a copy, back in step with the database, which is the truth.

Runs when a worker starts: after a crash, a restored backup or a lost index. Points of versions that no longer answer
are removed; live versions that lack points get them again from their artefacts, without a model where vectors are kept.
"""

from __future__ import annotations

import logging

from app.build import Build, Workshop
from core.errors import FootnoteError

log = logging.getLogger("footnote.repair")


async def repair(shop: Workshop) -> None:
    """Compares and mends; each document on its own, so that one that cannot be mended does not keep the others."""
    indexed = await shop.index.versions()
    # In this order: a version that another worker publishes meanwhile is unfinished, or live, or both.
    unfinished = {job.version_id for job in await shop.store.jobs.unfinished()}
    live = await shop.store.documents.live_counts(shop.generation)
    dead = [version_id for version_id in indexed if version_id not in live and version_id not in unfinished]
    if dead:
        log.info("removing the points of %d versions that no longer answer", len(dead))
        await shop.index.delete_versions(dead)
    lacking = [version_id for version_id, count in live.items() if indexed.get(version_id, 0) < count]
    for version_id in lacking + [version.id for version in await shop.store.generations.missing(shop.generation)]:
        await _rebuild(shop, version_id)
    await _collect_garbage(shop)


async def _rebuild(shop: Workshop, version_id: str) -> None:
    try:
        version = await shop.store.documents.version(version_id)
        log.info("putting %s back into the index", version.external_id)
        await Build(shop).index(version, f"repair-{version.id}", _silent)
        await shop.store.corpus.change(version.collection)
    except FootnoteError as error:
        log.error("version %s cannot be put back into the index: %s", version_id, error.message)


async def _collect_garbage(shop: Workshop) -> None:
    """Removes files that no version needs: what a crash left between two steps of an upload or a sweep."""
    shop.blobs.tidy()
    for sha256 in list(shop.blobs.all()):
        if not await shop.store.documents.is_blob_needed(sha256):
            await remove_bytes(shop, sha256)


async def remove_bytes(shop: Workshop, sha256: str) -> None:
    """Removes a blob and what was computed from it, unless a version needs it or an upload of it is in hand."""

    async def needed(candidate: str) -> bool:
        if await shop.store.documents.is_blob_needed(candidate):
            return True
        shop.artefacts.forget(candidate)  # under the blob's lock, so that no new upload of it is computing them
        return False

    await shop.blobs.remove(sha256, needed)


async def _silent(fraction: float) -> None:
    return None
