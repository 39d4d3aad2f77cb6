"""What an upload becomes: a new document, a new version, or nothing new; and who may replace what."""

from __future__ import annotations

import asyncio

import pytest

from core.errors import Conflict, Forbidden, InvalidInput, NotFound


async def test_first_upload_is_a_document_a_pending_version_and_a_queued_job(kit):
    begun = await kit.begin(metadata={"year": 2026}, filename="Staff Handbook.txt")
    assert not begun.unchanged
    document = await kit.store.documents.get(begun.document_id, kit.ada)
    assert (document.title, document.groups, document.metadata) == ("Staff Handbook", ("everyone",), {"year": 2026})
    assert document.version_id is None
    version = await kit.store.documents.version(begun.version_id)
    assert (version.status, version.seq, version.live, version.deleted) == ("pending", 1, False, False)
    job = await kit.store.jobs.get(begun.job_id)
    assert (job.kind, job.status, job.version_id) == ("ingest", "queued", begun.version_id)


async def test_unknown_collection(kit):
    with pytest.raises(NotFound, match="nowhere"):
        await kit.begin(collection="nowhere")


async def test_same_bytes_read_the_same_way_are_unchanged(kit):
    first = await kit.live()
    again = await kit.begin()
    assert again.unchanged
    assert (again.document_id, again.version_id) == (first.document_id, first.version_id)
    job = await kit.store.jobs.get(again.job_id)
    assert (job.status, job.stage, job.progress) == ("succeeded", "unchanged", 1.0)


@pytest.mark.parametrize(
    "change", [{"content": "2"}, {"pipeline": "pipeline-2"}, {"title": "Another"}, {"filename": "renamed.txt"}]
)
async def test_other_bytes_pipeline_title_or_name_are_a_new_version(kit, change):
    first = await kit.live()
    again = await kit.begin(**change)
    assert not again.unchanged
    assert again.document_id == first.document_id
    assert (await kit.store.documents.version(again.version_id)).seq == 2


async def test_same_bytes_are_not_unchanged_while_something_newer_is_pending(kit):
    await kit.live(content="1")
    await kit.begin(content="2")
    again = await kit.begin(content="1")
    assert not again.unchanged
    assert (await kit.store.documents.version(again.version_id)).seq == 3


async def test_changed_groups_and_metadata_of_unchanged_bytes_hold_at_once_and_reach_the_index_by_a_job(kit):
    first = await kit.live(groups=("everyone",), metadata={"year": 2025})
    again = await kit.begin(groups=("staff",), metadata={"year": 2026})
    assert again.unchanged
    document = await kit.store.documents.get(first.document_id, kit.ada)
    assert (document.groups, document.metadata) == (("staff",), {"year": 2026})
    job = await kit.store.jobs.get(again.job_id)
    assert (job.kind, job.status) == ("update", "queued")
    with pytest.raises(NotFound):
        await kit.store.documents.get(first.document_id, kit.bob)


async def test_left_out_groups_and_metadata_stay_as_they_were(kit):
    first = await kit.live(groups=("staff",), metadata={"year": 2025})
    assert (await kit.begin()).unchanged
    await kit.live(content="2")
    document = await kit.store.documents.get(first.document_id, kit.ada)
    assert (document.groups, document.metadata) == (("staff",), {"year": 2025})


async def test_naming_no_group_does_not_open_a_document_to_everyone(kit):
    first = await kit.live(groups=("staff",))
    await kit.live(content="2", groups=())
    assert (await kit.store.documents.get(first.document_id, kit.ada)).groups == ("staff",)


async def test_a_new_version_takes_groups_away_at_once_and_gives_them_when_published(kit):
    first = await kit.live(groups=("everyone", "staff"))
    second = await kit.begin(content="2", groups=("staff", "board"))
    assert (await kit.store.documents.get(first.document_id, kit.ada)).groups == ("staff",)
    await kit.index(second.version_id, ["two"])
    await kit.store.documents.publish(second.version_id, kit.generation)
    assert (await kit.store.documents.get(first.document_id, kit.ada)).groups == ("board", "staff")


async def test_an_older_pending_version_does_not_give_back_what_a_later_upload_took_away(kit):
    first = await kit.live(groups=("everyone",))
    second = await kit.begin(content="2", groups=("everyone", "staff"))
    await kit.begin(content="3", groups=("staff",), by=kit.admin)
    await kit.index(second.version_id, ["two"])
    await kit.store.documents.publish(second.version_id, kit.generation)
    with pytest.raises(NotFound):
        await kit.store.documents.get(first.document_id, kit.bob)


async def test_a_retried_version_does_not_give_back_what_an_update_took_away(kit):
    first = await kit.live(groups=("everyone", "staff"))
    failed = await kit.begin(content="2", groups=("everyone", "staff"))
    await kit.store.jobs.start(failed.job_id)
    await kit.store.jobs.fail(failed.job_id, "broken_file", "It is broken.")
    assert (await kit.begin(content="1", groups=("staff",))).unchanged
    await kit.store.jobs.retry(failed.job_id, kit.ada)
    await kit.index(failed.version_id, ["two"])
    assert (await kit.store.documents.publish(failed.version_id, kit.generation)).live
    assert (await kit.store.documents.get(first.document_id, kit.ada)).groups == ("staff",)


async def test_who_may_not_read_a_document_may_not_replace_it(kit):
    await kit.live(groups=("staff",))
    with pytest.raises(Forbidden):
        await kit.begin(content="2", by=kit.bob)
    assert not (await kit.begin(content="2", by=kit.admin)).unchanged


async def test_uploads_of_one_external_id_at_the_same_moment_are_versions_of_one_document(kit):
    begun = await asyncio.gather(*(kit.begin(content=str(number)) for number in range(8)))
    assert len({b.document_id for b in begun}) == 1
    assert sorted([(await kit.store.documents.version(b.version_id)).seq for b in begun]) == list(range(1, 9))


async def test_the_same_external_id_in_another_collection_is_another_document(kit):
    await kit.store.collections.create("legal")
    assert (await kit.live()).document_id != (await kit.live(collection="legal")).document_id


async def test_a_deleted_external_id_can_be_uploaded_again_as_a_new_document(kit):
    first = await kit.live()
    await kit.store.documents.delete(first.document_id, kit.ada)
    again = await kit.live()
    assert not again.unchanged
    assert again.document_id != first.document_id


@pytest.mark.parametrize(
    "bad",
    [
        {"external_id": ""},
        {"external_id": "a\x00b"},
        {"external_id": "x" * 513},
        {"external_id": "half \ud800"},
        {"filename": "a\nb.txt"},
        {"title": "t" * 1025},
        {"groups": ("",)},
        {"groups": ("a\tb",)},
    ],
)
async def test_names_that_cannot_be_kept_are_refused(kit, bad):
    with pytest.raises(InvalidInput):
        await kit.begin(**({"external_id": "fine"} | bad))
    assert (await kit.store.documents.list(kit.admin)).items == ()


async def test_retrying_an_upload_whose_document_was_deleted_is_a_conflict(kit):
    begun = await kit.begin()
    await kit.store.jobs.start(begun.job_id)
    await kit.store.jobs.fail(begun.job_id, "broken_file", "It is broken.")
    await kit.store.documents.delete(begun.document_id, kit.ada)
    with pytest.raises(Conflict, match="deleted"):
        await kit.store.jobs.retry(begun.job_id, kit.ada)
