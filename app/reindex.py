"""Builds another generation of the index beside the active one, then switches over in one transaction.

The active generation answers all the while. A build that was broken off goes on where it stopped: what is indexed is
recorded, and parsed files, chunks and vectors are kept as artefacts. Uploads that come during the build are picked up
before the switch, which the store refuses while anything is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app import indexes, wiring
from app.build import Build, Workshop
from app.settings import Settings
from app.store.records import IndexGeneration, NewGeneration
from app.store.store import Store
from app.supervisor import Supervisor
from core.errors import FootnoteError, NotFound
from core.types import Principal

_EVERYTHING = Principal(id="reindex", admin=True)
_PART = 100


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A document that cannot be built any more, and why."""

    version_id: str
    external_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Reindexed:
    """What a re-index did. The documents that `failed` answer no more after a switch without them."""

    generation: int
    documents: int
    failed: tuple[Failure, ...]
    switched: bool


async def reindex(settings: Settings, report: Callable[[int, int, str], None], *, force: bool = False) -> Reindexed:
    """Re-indexes every live document with the current settings. `report(done, total, name)` tells how far it is; at the
    end it names none.

    When documents cannot be read any more the switch is refused, unless `force` lets them go.
    """
    store = await Store.open(wiring.database_url(settings))
    try:
        generation = await _building(store, settings)
        supervisor = Supervisor()
        await indexes.start(supervisor, settings, generation)
        try:
            async with wiring.open_workshop(settings, generation) as shop:
                done, failed = await _fill(shop, report)
                switched = force or not failed
                if switched:
                    await _switch(shop, generation, failed)
                    await indexes.announce(settings, generation)
                await shop.index.flush()
        finally:
            await supervisor.stop()
        return Reindexed(generation=generation.id, documents=done, failed=failed, switched=switched)
    finally:
        await store.close()


async def _switch(shop: Workshop, generation: IndexGeneration, failed: Sequence[Failure]) -> None:
    """Groups and metadata that changed during the build went to the old index. They are brought over before the switch,
    and once more after it, when no worker writes to the old one any more."""
    await shop.index.flush()
    await _bring_over(shop, generation)
    await shop.store.generations.switch(generation.id, without=[failure.version_id for failure in failed])
    await _bring_over(shop, generation)


async def _bring_over(shop: Workshop, generation: IndexGeneration) -> None:
    cursor: str | None = None
    while True:
        page = await shop.store.jobs.list(_EVERYTHING, kind="update", cursor=cursor, limit=_PART)
        for job in page.items:  # the newest first
            if job.created_at < generation.created_at:
                return
            document = await shop.store.documents.find(job.document_id or "")
            if document is not None:
                await shop.index.update_document(document.id, document.groups, document.metadata)
        if (cursor := page.next_cursor) is None:
            return


async def _building(store: Store, settings: Settings) -> IndexGeneration:
    wanted: NewGeneration = wiring.wanted_generation(settings, wiring.embedder(settings))
    unfinished = await store.generations.building()
    if unfinished is not None:
        if unfinished.fingerprint == wanted.fingerprint:
            return unfinished
        await wiring.drop_generation(store, settings, unfinished)  # begun under settings that nobody wants any more
    return await store.generations.create_building(wanted)


async def _fill(shop: Workshop, report: Callable[[int, int, str], None]) -> tuple[int, tuple[Failure, ...]]:
    build, done = Build(shop), 0
    failed: dict[str, Failure] = {}
    while left := [v for v in await shop.store.generations.missing(shop.generation) if v.id not in failed]:
        for count, version in enumerate(left):
            settled = done + len(failed)
            report(settled, settled + len(left) - count, version.external_id)
            try:
                await build.parse(version, _silent)
                fresh = await shop.store.documents.version(version.id)
                await build.index(fresh, f"reindex-{shop.generation}-{version.id}", _silent)
                done += 1
            except NotFound:
                continue  # deleted or replaced since it was listed
            except FootnoteError as error:
                failed[version.id] = Failure(
                    version_id=version.id, external_id=version.external_id, reason=error.message
                )
    report(done + len(failed), done + len(failed), "")
    return done, tuple(failed.values())


async def _silent(fraction: float) -> None:
    return None
