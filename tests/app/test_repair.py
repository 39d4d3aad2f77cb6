"""The index, a copy, is brought back in step with the database, however often that is broken off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.repair import repair
from core.types import Principal
from retrieval.ports import IndexPoint

ANA = Principal(id="ana")


class Killed(BaseException):
    """What ends the process in the middle of a mend."""


class Mortal:
    """An index whose worker dies within a batch, after so many whole ones; what was written by then is there."""

    def __init__(self, index: Any, batches: int) -> None:
        self._index = index
        self._left = batches

    async def upsert(self, points: Sequence[IndexPoint]) -> None:
        if self._left == 0:
            await self._index.upsert(points[: len(points) // 2])
            raise Killed
        self._left -= 1
        await self._index.upsert(points)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)


def text(number: int) -> str:
    return "\n\n".join(f"# Part {n}\n\nThe valve {number} was checked on day {n}." for n in range(8))


async def test_a_mend_that_is_broken_off_again_and_again_goes_on(yard: Any) -> None:
    for number in range(4):
        await yard.ingest(f"{number}.md", text(number))
    whole = dict(yard.index.points)
    embedded = len(yard.shop.embedder.calls)
    assert len(whole) >= 8
    yard.index.points.clear()
    before = await yard.store.corpus.version()

    deaths = 0
    for _ in range(50):
        try:
            await repair(replace(yard.shop, index=Mortal(yard.index, 1)))
            break
        except Killed:
            deaths += 1

    assert deaths >= 2
    assert yard.index.points == whole
    assert await yard.store.corpus.version() != before, "what was answered without them is not remembered"
    assert len(yard.shop.embedder.calls) == embedded, "the vectors were kept"
    counts = await yard.index.versions()
    version = await yard.store.corpus.version()
    await repair(yard.shop)
    assert await yard.index.versions() == counts
    assert await yard.store.corpus.version() == version, "nothing was put back"


async def test_points_of_what_no_longer_answers_go(yard: Any) -> None:
    kept = await yard.ingest("kept.md", text(1))
    old = await yard.ingest("new.md", text(2))
    stale = {key: point for key, point in yard.index.points.items() if point.version_id == old.version_id}
    new = await yard.ingest("new.md", text(3))
    waiting = await yard.upload("waiting.md", text(4))
    await yard.work(waiting.job_id, until="index")
    yard.index.points |= stale
    await repair(yard.shop)
    assert set(await yard.index.versions()) == {kept.version_id, new.version_id, waiting.version_id}
    assert not yard.has_file(text(2))
    assert yard.has_file(text(4))


async def test_what_cannot_be_mended_does_not_keep_the_others(yard: Any) -> None:
    lost = await yard.ingest("lost.md", text(1))
    kept = await yard.ingest("kept.md", text(2))
    version = await yard.store.documents.version(lost.version_id)
    yard.shop.artefacts.forget(version.sha256)
    yard.shop.blobs.path(version.sha256).unlink()
    yard.index.points.clear()
    await repair(yard.shop)
    assert set(await yard.index.versions()) == {kept.version_id}
