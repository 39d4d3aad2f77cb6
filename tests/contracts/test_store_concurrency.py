"""Writers at once, each over connections of its own: what SQLite's single writer gives holds on PostgreSQL as well."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.figures import Figures
from app.store.records import Change, NewGeneration
from app.store.store import Store
from core.errors import Conflict, FootnoteError, Forbidden, NotFound
from core.types import Principal

AT_ONCE = 6


@pytest.fixture
async def kits(kit, store_url: str) -> AsyncIterator[list]:
    """The kit of this server and that of another one over the same database."""
    async with await Store.open(store_url) as other:
        yield [kit, replace(kit, store=other)]


def spread(kits: list, number: int) -> list:
    """`number` callers, the first server's and the other's in turn."""
    return [kits[n % len(kits)] for n in range(number)]


async def outcomes(*calls) -> Counter[str]:
    """What became of calls made at once: "ok", or the error's class; anything that is not foreseen is raised."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, Conflict | NotFound | Forbidden):
            raise result
    return Counter(type(result).__name__ if isinstance(result, FootnoteError) else "ok" for result in results)


async def test_uploads_of_one_document_at_once_are_its_versions_in_a_row(kits):
    begun = await asyncio.gather(*(one.begin(content=str(n)) for n, one in enumerate(spread(kits, AT_ONCE))))
    assert len({each.document_id for each in begun}) == 1
    versions = [await kits[0].store.documents.version(each.version_id) for each in begun]
    assert sorted(version.seq for version in versions) == list(range(1, AT_ONCE + 1))


async def test_of_versions_published_at_once_the_newest_answers(kits):
    begun = [await kits[0].begin(content=str(n)) for n in range(AT_ONCE)]
    for each in begun:
        await kits[0].index(each.version_id, [each.version_id])
    order = random.Random(3).sample(begun, len(begun))
    done = await asyncio.gather(
        *(
            one.store.documents.publish(each.version_id, one.generation)
            for one, each in zip(spread(kits, AT_ONCE), order, strict=True)
        )
    )
    assert {each.outcome for each in done} <= {"live", "superseded"}
    newest = max([await kits[0].store.documents.version(each.version_id) for each in begun], key=lambda v: v.seq)
    page = await kits[1].store.chunks.page(begun[0].document_id, kits[0].ada)
    assert [chunk.version_id for chunk in page.items] == [newest.id]


async def test_an_index_takes_over_only_with_what_is_published_meanwhile(kits):
    """A version that is published while the switch goes on is in the new index, or the switch is refused."""
    for round_ in range(4):
        active = await kits[0].store.generations.active()
        built = await kits[0].store.generations.create_building(
            NewGeneration(fingerprint=f"f{round_}", embedder="minilm", size=384, pipeline="p")
        )
        for version in await kits[0].store.generations.missing(built.id):
            await kits[0].index(version.id, ["one"], generation=built.id)
        begun = await kits[0].begin(f"late{round_}", content=f"9{round_}")
        await kits[0].index(begun.version_id, ["late"], generation=active.id)
        await outcomes(
            kits[0].store.documents.publish(begun.version_id, active.id), kits[1].store.generations.switch(built.id)
        )
        answering = await kits[0].store.generations.active()
        assert await kits[0].store.generations.missing(answering.id) == []
        if answering.id == active.id:
            await kits[0].store.generations.drop(built.id)


async def test_one_word_each_however_often_it_is_said_at_once(kits):
    live = await kits[0].live()
    chunk = (await kits[0].store.chunks.page(live.document_id, kits[0].ada)).items[0]
    _, answer_id = await kits[0].answer(live.document_id, chunk.id)
    said = await outcomes(*(one.store.feedback.put(one.ada, answer_id, rating="up") for one in spread(kits, AT_ONCE)))
    assert said == {"ok": AT_ONCE}
    assert len((await kits[0].store.feedback.list(kits[0].ada)).items) == 1


async def test_of_the_same_request_sent_at_once_one_is_answered(kits):
    begun = await asyncio.gather(
        *(one.store.idempotency.begin("key", "ada", "/v1/documents", "hash") for one in spread(kits, AT_ONCE)),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in begun) == ["Conflict"] * (AT_ONCE - 1) + ["NoneType"]


async def test_every_change_of_a_job_counts(kits):
    begun = await kits[0].begin()
    await kits[0].store.jobs.start(begun.job_id)
    before = (await kits[0].store.jobs.get(begun.job_id)).revision
    await asyncio.gather(
        *(one.store.jobs.took(begun.job_id, f"s{n}", 1.0) for n, one in enumerate(spread(kits, AT_ONCE)))
    )
    job = await kits[0].store.jobs.get(begun.job_id)
    assert (job.revision - before, set(job.timings_ms)) == (AT_ONCE, {"queued", *(f"s{n}" for n in range(AT_ONCE))})


async def test_a_job_ends_once_and_is_begun_once(kits):
    begun = await kits[0].begin()
    await asyncio.gather(*(one.store.jobs.start(begun.job_id) for one in spread(kits, AT_ONCE)))
    assert (await kits[0].store.jobs.get(begun.job_id)).attempts == 1
    ends = await asyncio.gather(
        kits[0].store.jobs.succeed(begun.job_id), kits[1].store.jobs.fail(begun.job_id, "broken_file", "It is broken.")
    )
    assert len({job.status for job in ends}) == 1


async def test_figures_of_two_servers_add_up(kits):
    minute = int(datetime.now(UTC).timestamp()) // 60 * 60

    def counted() -> Figures:
        figures = Figures()
        figures.errors["internal"] = 1
        return figures

    await asyncio.gather(*(one.store.figures.add({minute: counted()}) for one in spread(kits, AT_ONCE)))
    assert (await kits[0].store.figures.read(60, minute))[minute].errors["internal"] == AT_ONCE


async def test_servers_that_start_at_once_agree_on_the_index(store_url):
    async with await Store.open(store_url) as first, await Store.open(store_url) as second:
        new = NewGeneration(fingerprint="f", embedder="minilm", size=384, pipeline="p")
        made = await asyncio.gather(*(one.generations.ensure_active(new) for one in (first, second) * 3))
        assert len({generation.id for generation in made}) == 1


async def walk(kit, chance: random.Random, steps: int) -> None:
    """One caller among others: uploads, changes, deletions, restores, and what workers do with all of them."""
    store, me = kit.store, Principal(id="ada", groups=frozenset({"everyone", "staff"}))

    async def upload() -> None:
        begun = await kit.begin(f"d{chance.randrange(3)}", content=str(chance.randrange(10**6)))
        await store.jobs.start(begun.job_id)
        await store.documents.set_parsed(begun.version_id, title=f"t{steps}", media_type="text/plain")
        await kit.index(begun.version_id, ["one"] * chance.randrange(1, 4))
        if chance.random() < 0.2:
            await store.jobs.fail(begun.job_id, "broken_file", "It is broken.")
            await store.jobs.retry(begun.job_id, me)
            return
        published = await store.documents.publish(begun.version_id, kit.generation)
        gone = published.outcome in ("deleted", "cancelled")
        await (store.jobs.cancelled if gone else store.jobs.succeed)(begun.job_id)

    async def some() -> str:
        found = (await store.documents.list(me)).items
        return chance.choice(found).id if found else "nothing"

    async def change() -> None:
        groups = ("everyone",) if chance.random() < 0.5 else ("everyone", "staff")
        wanted = Change(principal=me, pipeline="pipeline-1", groups=groups, retitle=chance.random() < 0.3)
        await store.documents.change(await some(), wanted)

    async def delete() -> None:
        until = datetime.now(UTC) + timedelta(seconds=60) if chance.random() < 0.5 else None
        document_id = await some()
        await store.documents.delete(document_id, me, until=until)
        if chance.random() < 0.5:
            await store.documents.restore(document_id, me)

    async def sweep() -> None:
        dead = await store.documents.dead_versions()
        await store.documents.forget_versions([version.id for version in dead])

    for _ in range(steps):
        try:
            await chance.choice([upload, upload, change, delete, sweep])()
        except (Conflict, NotFound, Forbidden):
            continue  # somebody else was quicker


async def test_whatever_is_done_at_once_nobody_waits_for_ever_and_all_of_it_agrees(kits):
    await asyncio.gather(*(walk(one, random.Random(n), 12) for n, one in enumerate(spread(kits, 5))))
    kit = kits[0]
    for document in (await kit.store.documents.list(kit.admin)).items:
        page = await kit.store.chunks.page(document.id, kit.admin)
        assert {chunk.version_id for chunk in page.items} == ({document.version_id} if document.version_id else set())
        assert len(page.items) == document.chunks
    assert await kit.store.documents.stranded() == []
