"""The server's figures by time survive it, take bounded room, and agree with what the tables hold."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

from app.figures import Figures
from app.store.figures import KEPT
from app.store.store import Store

HOUR, DAY = 3600, 86_400


def minute(ago: int = 0) -> int:
    """The start of the minute so many seconds ago."""
    then = int(time.time()) - ago
    return then - then % 60


def counted(errors: int = 1, queued: int = 0) -> Figures:
    made = Figures(errors={"not_found": errors})
    made.took("search", "total", 5.0)
    made.saw(queued, 0)
    return made


async def test_minutes_are_added_to_rows_of_every_resolution(kit):
    start = minute() // 7200 * 7200 - 7200
    await kit.store.figures.add({start: counted(), start + 60: counted(2, queued=7), start + 900: counted()})
    await kit.store.figures.add({start: counted(queued=3)})
    read = {resolution: await kit.store.figures.read(resolution, start) for resolution in KEPT}
    assert {at: row.errors["not_found"] for at, row in read[60].items()} == {start: 2, start + 60: 2, start + 900: 1}
    assert {at: row.errors["not_found"] for at, row in read[900].items()} == {start: 4, start + 900: 1}
    assert {at: (row.errors["not_found"], row.queued) for at, row in read[7200].items()} == {start: (5, 7)}
    assert sum(read[7200][start].stages["search.total"].values()) == 4
    assert list(await kit.store.figures.read(60, start + 61)) == [start + 900]


async def test_they_survive_the_server(kit, store_url):
    start = minute()
    await kit.store.figures.add({start: counted()})
    async with await Store.open(store_url) as opened:
        assert (await opened.figures.read(60, start))[start] == counted()


async def test_finer_rows_are_dropped_sooner(kit):
    old = minute(round(timedelta(hours=30).total_seconds()))
    ancient = minute(round(timedelta(days=40).total_seconds()))
    await kit.store.figures.add({ancient: counted(), old: counted(), minute(): counted()})
    assert [len(await kit.store.figures.read(resolution, 0)) for resolution in KEPT] == [1, 2, 2]


async def test_the_queue_and_the_collections_are_counted(kit):
    await kit.begin("one")
    await kit.live("two")
    await kit.store.collections.create("more")
    assert await kit.store.figures.queue() == {"queued": 1, "succeeded": 1}
    assert await kit.store.figures.collections() == 2


async def test_answers_and_feedback_are_tallied_by_step(kit):
    begun = await kit.live()
    chunk = (await kit.store.chunks.page(begun.document_id, kit.admin)).items[0]
    for rating in ("up", "down", "up", None):
        _, answer_id = await kit.answer(begun.document_id, chunk.id)
        if rating:
            await kit.store.feedback.put(kit.ada, answer_id, rating=rating)
    failed = await kit.store.answers.begin(str(uuid.uuid4()), None, kit.ada, "?")
    await kit.store.answers.fail(failed.id, "deadline_exceeded", "Too late.")
    await kit.store.answers.begin(str(uuid.uuid4()), None, kit.ada, "Still running?")
    for step, offset in ((DAY, 0), (DAY, -5 * HOUR), (300, 0)):
        tally = await kit.store.figures.tally(minute(2 * DAY), step, offset)
        sums = {name: sum(counts.values()) for name, counts in {**tally.answers, **tally.feedback}.items()}
        assert sums == {"answered": 4, "abstained": 0, "failed": 1, "up": 2, "down": 1}
        starts = {start for counts in tally.answers.values() for start in counts}
        assert all((start + offset) % step == 0 and start <= time.time() < start + step + 60 for start in starts)
    later = await kit.store.figures.tally(int(time.time()) + 60, DAY)
    assert all(not counts for counts in (*later.answers.values(), *later.feedback.values()))
