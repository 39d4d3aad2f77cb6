"""Changing title, groups and metadata of a document without a new file."""

from __future__ import annotations

import pytest

from app.store.records import Change
from core.errors import Forbidden, InvalidInput, NotFound
from core.types import Principal


def wanted(kit, *, by=None, **how):
    return Change(principal=by or kit.ada, pipeline="pipeline-1", **how)


async def change(kit, begun, **how):
    return await kit.store.documents.change(begun.document_id, wanted(kit, **how))


async def publish(kit, version_id):
    await kit.index(version_id, ["text"])
    return await kit.store.documents.publish(version_id, kit.generation)


async def test_groups_and_metadata_hold_at_once_and_a_job_brings_them_to_the_index(kit):
    begun = await kit.live(groups=("everyone",), metadata={"year": 2025})
    (job_id,) = await change(kit, begun, groups=("staff",), metadata={"year": 2026, "draft": False})
    document = await kit.store.documents.get(begun.document_id, kit.ada)
    assert (document.groups, document.metadata) == (("staff",), {"year": 2026, "draft": False})
    assert document.version_id == begun.version_id
    with pytest.raises(NotFound):
        await kit.store.documents.get(begun.document_id, kit.bob)
    job = await kit.store.jobs.get(job_id)
    assert (job.kind, job.status, job.version_id) == ("update", "queued", begun.version_id)
    assert (await kit.store.documents.version(begun.version_id)).groups == ("staff",)


async def test_what_is_left_away_stays_and_what_is_the_same_takes_no_job(kit):
    begun = await kit.live(groups=("staff",), metadata={"year": 2026})
    before = await kit.store.documents.get(begun.document_id, kit.ada)
    assert await change(kit, begun) == ()
    assert await change(kit, begun, groups=("staff",), metadata={"year": 2026}) == ()
    assert await kit.store.documents.get(begun.document_id, kit.ada) == before
    assert len(await change(kit, begun, metadata={})) == 1
    after = await kit.store.documents.get(begun.document_id, kit.ada)
    assert (after.groups, after.metadata) == (("staff",), {})


async def test_the_latest_word_holds_for_versions_on_their_way_and_for_retries(kit):
    begun = await kit.live(content="1", groups=("everyone", "staff"))
    failed = await kit.begin(content="2")
    await kit.store.jobs.start(failed.job_id)
    await kit.store.jobs.fail(failed.job_id, "no_text", "It has no text.")
    pending = await kit.begin(content="3", groups=("everyone", "staff"), metadata={"a": 1})
    await change(kit, begun, groups=("staff",), metadata={"a": 2})
    assert (await publish(kit, pending.version_id)).live
    document = await kit.store.documents.get(begun.document_id, kit.ada)
    assert (document.groups, document.metadata) == (("staff",), {"a": 2})
    assert (await kit.store.documents.version(failed.version_id)).groups == ("staff",)


async def test_a_title_is_shown_at_once_and_makes_a_version_of_the_same_bytes(kit):
    begun = await kit.live(filename="policy.txt", metadata={"year": 2026})
    (job_id,) = await change(kit, begun, retitle=True, title="Leave rules")
    document = await kit.store.documents.get(begun.document_id, kit.ada)
    assert (document.title, document.version_id) == ("Leave rules", begun.version_id)
    assert [d.id for d in (await kit.store.documents.list(kit.ada, query="leave RULES")).items] == [begun.document_id]
    job = await kit.store.jobs.get(job_id)
    assert (job.kind, job.status) == ("ingest", "queued")
    old, new = [await kit.store.documents.version(each) for each in (begun.version_id, job.version_id)]
    assert (new.seq, new.explicit_title, new.sha256, new.filename) == (2, "Leave rules", old.sha256, old.filename)
    assert (new.groups, new.metadata, new.size) == (old.groups, old.metadata, old.size)
    assert (await publish(kit, new.id)).live
    after = await kit.store.documents.get(begun.document_id, kit.ada)
    assert (after.title, after.version, after.metadata) == ("Leave rules", 2, {"year": 2026})
    assert await change(kit, begun, retitle=True, title="Leave rules") == ()


async def test_a_title_can_be_left_to_the_file_again(kit):
    begun = await kit.live(title="Leave rules", filename="policy.txt")
    (job_id,) = await change(kit, begun, retitle=True, title=None)
    version = await kit.store.documents.version((await kit.store.jobs.get(job_id)).version_id)
    assert (version.explicit_title, version.title) == (None, "policy")
    assert (await kit.store.documents.get(begun.document_id, kit.ada)).title == "Leave rules"


async def test_the_title_that_it_has_anyway_needs_no_new_version(kit):
    begun = await kit.live(filename="Leave.txt")
    assert await change(kit, begun, retitle=True, title="Leave") == ()
    assert (await kit.store.documents.version(begun.version_id)).explicit_title == "Leave"
    assert len((await kit.store.documents.versions(begun.document_id, kit.ada)).items) == 1


async def test_the_newest_bytes_get_the_title(kit):
    begun = await kit.live(content="1", groups=("everyone", "staff"))
    pending = await kit.begin(content="2", groups=("staff",))
    (job_id,) = await change(kit, begun, retitle=True, title="Leave rules")
    version = await kit.store.documents.version((await kit.store.jobs.get(job_id)).version_id)
    assert (version.seq, version.sha256, version.groups) == (3, "2".rjust(64, "0"), ("staff",))
    assert (await publish(kit, version.id)).live
    assert (await publish(kit, pending.version_id)).superseded
    assert (await kit.store.documents.get(begun.document_id, kit.ada)).title == "Leave rules"


async def test_groups_and_title_together(kit):
    begun = await kit.live(groups=("everyone",))
    kinds = [
        (await kit.store.jobs.get(job_id)).kind
        for job_id in await change(kit, begun, retitle=True, title="Leave rules", groups=("staff",))
    ]
    assert kinds == ["update", "ingest"]
    newest = (await kit.store.documents.versions(begun.document_id, kit.ada)).items[0].version
    assert newest.groups == ("staff",)


async def test_where_nothing_answers_a_retry_is_read_under_the_title(kit):
    begun = await kit.begin(filename="policy.txt")
    await kit.store.jobs.start(begun.job_id)
    await kit.store.jobs.fail(begun.job_id, "broken_file", "It is broken.")
    assert await change(kit, begun, retitle=True, title="Leave rules") == ()
    assert (await kit.store.documents.get(begun.document_id, kit.ada)).title == "Leave rules"
    assert (await kit.store.documents.version(begun.version_id)).explicit_title == "Leave rules"
    assert await change(kit, begun, retitle=True, title=None) == ()
    assert (await kit.store.documents.get(begun.document_id, kit.ada)).title == "policy"


async def test_nobody_gives_to_strangers_or_shuts_himself_out(kit):
    begun = await kit.live(by=kit.admin, groups=("staff", "board"))
    for groups, words in ((("staff", "legal"), "given"), (("board",), "any more")):
        with pytest.raises(Forbidden, match=words):
            await change(kit, begun, groups=groups)
    assert len(await change(kit, begun, groups=("staff", "board", "everyone"))) == 1
    assert len(await change(kit, begun, by=kit.admin, groups=("legal",))) == 1
    with pytest.raises(NotFound):
        await change(kit, begun, groups=("staff",))


async def test_what_one_may_not_read_one_may_not_change(kit):
    begun = await kit.live(groups=("staff",))
    await kit.live("gone")
    for stranger in (kit.bob, Principal(id="nobody", groups=frozenset())):
        with pytest.raises(NotFound):
            await change(kit, begun, by=stranger, metadata={})
    await kit.store.documents.delete(begun.document_id, kit.ada)
    with pytest.raises(NotFound):
        await change(kit, begun, by=kit.admin, metadata={})


@pytest.mark.parametrize(
    "bad", [{"retitle": True, "title": "a\x00b"}, {"retitle": True, "title": "t" * 1025}, {"groups": ("a\tb",)}]
)
async def test_names_that_cannot_be_kept_change_nothing(kit, bad):
    begun = await kit.live()
    before = await kit.store.documents.get(begun.document_id, kit.ada)
    with pytest.raises(InvalidInput):
        await change(kit, begun, by=kit.admin, metadata={"a": 1}, **bad)
    assert await kit.store.documents.get(begun.document_id, kit.ada) == before
