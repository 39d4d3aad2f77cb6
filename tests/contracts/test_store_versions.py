"""The versions of a document as its readers see them."""

from __future__ import annotations

import pytest

from core.errors import InvalidCursor, NotFound


async def listed(kit, document_id, reader=None, **how):
    return (await kit.store.documents.versions(document_id, reader or kit.ada, **how)).items


async def sweep(kit, document_id):
    dead = await kit.store.documents.dead_versions(document_id)
    await kit.store.documents.forget_versions([version.id for version in dead])
    return [version.id for version in dead]


async def test_every_version_is_told_the_newest_first_after_it_was_swept_too(kit):
    first = await kit.live(content="1", texts=["a", "b"])
    second = await kit.begin(content="2")
    await kit.store.jobs.start(second.job_id)
    await kit.store.jobs.fail(second.job_id, "no_text", "It has no text.")
    third = await kit.live(content="3", texts=["c"])
    fourth = await kit.begin(content="4")
    assert sorted(await sweep(kit, first.document_id)) == sorted([first.version_id, second.version_id])
    assert await sweep(kit, first.document_id) == []
    found = await listed(kit, first.document_id)
    assert [(each.version.seq, each.version.status) for each in found] == [
        (4, "pending"),
        (3, "live"),
        (2, "failed"),
        (1, "replaced"),
    ]
    assert [each.version.id for each in found] == [b.version_id for b in (fourth, third, second, first)]
    assert [each.job.id for each in found] == [b.job_id for b in (fourth, third, second, first)]
    assert [each.job.error and each.job.error.code for each in found] == [None, None, "no_text", None]
    assert [each.version.chunks for each in found] == [0, 1, 0, 2]
    assert [each.version.swept for each in found] == [False, False, True, True]
    assert [each.version.published_at is not None for each in found] == [False, True, False, True]
    assert found[3].version.sha256 == "1".rjust(64, "0")


async def test_the_job_of_a_version_is_the_one_that_it_came_with(kit):
    first = await kit.live()
    again = await kit.begin()
    changed = await kit.begin(metadata={"year": 2026})
    assert again.unchanged
    assert changed.unchanged
    (only,) = await listed(kit, first.document_id)
    assert only.job.id == first.job_id


async def test_page_by_page(kit):
    for number in range(5):
        begun = await kit.live(content=str(number))
    seen, cursor = [], None
    while True:
        page = await kit.store.documents.versions(begun.document_id, kit.ada, cursor=cursor, limit=2)
        seen += [each.version.seq for each in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == [5, 4, 3, 2, 1]
    other = await kit.store.documents.list(kit.ada, limit=1)
    assert other.next_cursor is None
    with pytest.raises(InvalidCursor):
        await kit.store.documents.versions(begun.document_id, kit.ada, cursor="nonsense")


async def test_versions_that_were_for_others_alone_are_not_told(kit):
    first = await kit.live(groups=("staff",), title="Salaries")
    await kit.live(content="2", groups=("staff", "everyone"), title="Rules")
    assert [each.version.seq for each in await listed(kit, first.document_id)] == [2, 1]
    assert [each.version.seq for each in await listed(kit, first.document_id, kit.bob)] == [2]
    assert [each.version.seq for each in await listed(kit, first.document_id, kit.admin)] == [2, 1]


async def test_of_a_document_that_one_may_not_read_or_that_is_gone_nothing_is_told(kit):
    begun = await kit.live(groups=("staff",))
    await kit.live(content="2")
    await sweep(kit, begun.document_id)
    for document_id, reader in ((begun.document_id, kit.bob), ("no-such-id", kit.admin)):
        with pytest.raises(NotFound):
            await listed(kit, document_id, reader)
    await kit.store.documents.delete(begun.document_id, kit.ada)
    assert len(await sweep(kit, begun.document_id)) == 2
    with pytest.raises(NotFound):
        await listed(kit, begun.document_id)
    assert await kit.store.documents.dead_versions() == []


async def test_what_was_swept_is_neither_run_again_nor_kept(kit):
    first = await kit.live(content="1")
    version = await kit.store.documents.version(first.version_id)
    await kit.live(content="2")
    await sweep(kit, first.document_id)
    assert not await kit.store.documents.is_blob_needed(version.sha256)
    assert await kit.store.documents.stranded() == []
    with pytest.raises(NotFound):
        await kit.store.documents.version(first.version_id)
    assert (await kit.store.documents.publish(first.version_id, kit.generation)).superseded


async def test_the_same_bytes_again_are_a_version_of_their_own(kit):
    first = await kit.live(content="1")
    await kit.live(content="2")
    await sweep(kit, first.document_id)
    third = await kit.live(content="1")
    version = await kit.store.documents.version(third.version_id)
    assert version.seq == 3
    assert await kit.store.documents.is_blob_needed(version.sha256)
