"""Listings: newest first, page by page, nothing twice and nothing left out; a foreign cursor is refused."""

from __future__ import annotations

import base64

import pytest

from core.errors import InvalidCursor, InvalidInput, NotFound


async def all_pages(listing, *args, **kwargs):
    found, cursor = [], None
    while True:
        page = await listing(*args, cursor=cursor, **kwargs)
        found.extend(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return found


async def test_documents_page_by_page(kit):
    for number in range(7):
        await kit.begin(f"d{number}", groups=("staff",) if number % 2 else None)
    seen = [d.external_id for d in await all_pages(kit.store.documents.list, kit.ada, limit=3)]
    assert seen == [f"d{number}" for number in reversed(range(7))]
    assert [d.external_id for d in await all_pages(kit.store.documents.list, kit.bob, limit=2)] == [
        "d6",
        "d4",
        "d2",
        "d0",
    ]


async def test_a_full_last_page_has_no_cursor(kit):
    for number in range(2):
        await kit.begin(f"d{number}")
    assert (await kit.store.documents.list(kit.ada, limit=2)).next_cursor is None


async def test_what_is_added_or_deleted_between_pages_moves_nothing(kit):
    begun = [await kit.begin(f"d{number}") for number in range(4)]
    first = await kit.store.documents.list(kit.ada, limit=2)
    await kit.begin("later")
    await kit.store.documents.delete(begun[2].document_id, kit.ada)
    second = await kit.store.documents.list(kit.ada, limit=2, cursor=first.next_cursor)
    assert [d.external_id for d in second.items] == ["d1", "d0"]


async def test_documents_by_collection_and_words(kit):
    await kit.store.collections.create("legal")
    await kit.begin("a", title="ÜBERSTUNDEN und Urlaub", filename="x.pdf")
    await kit.begin("b", collection="legal", filename="100%_final.pdf")
    listing = kit.store.documents.list
    assert [d.external_id for d in (await listing(kit.ada, collection="legal")).items] == ["b"]
    assert [d.external_id for d in (await listing(kit.ada, query="überstunden")).items] == ["a"]
    assert [d.external_id for d in (await listing(kit.ada, query="100%_F")).items] == ["b"]
    assert (await listing(kit.ada, query="x%f")).items == ()


async def test_jobs_by_status_kind_and_document(kit):
    live = await kit.live("a")
    queued = await kit.begin("b")
    await kit.store.documents.delete(live.document_id, kit.ada)
    listing = kit.store.jobs.list
    assert [j.id for j in (await listing(kit.ada, status="succeeded")).items] == [live.job_id]
    assert [j.kind for j in (await listing(kit.ada, document_ids=[live.document_id])).items] == ["delete", "ingest"]
    assert [j.document_id for j in (await listing(kit.ada, kind="delete")).items] == [live.document_id]
    assert len(await all_pages(listing, kit.ada, limit=1)) == 3
    assert {j.id for j in await kit.store.jobs.queued()} >= {queued.job_id}


async def test_chunks_page_by_page(kit):
    begun = await kit.live(texts=[f"t{number}" for number in range(5)])
    found = await all_pages(kit.store.chunks.page, begun.document_id, kit.ada, limit=2)
    assert [c.chunk.text for c in found] == ["t0", "t1", "t2", "t3", "t4"]


async def test_live_versions_page_by_page(kit):
    begun = [await kit.live(f"d{number}") for number in range(5)]
    await kit.begin("pending")
    found = await all_pages(kit.store.documents.live_versions, limit=2)
    assert sorted(v.id for v in found) == sorted(b.version_id for b in begun)
    assert await kit.store.documents.live_counts(kit.generation) == {b.version_id: 1 for b in begun}


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "!!!",
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b'["documents",1]').decode(),
        base64.urlsafe_b64encode(b'["documents",true,"a"]').decode(),
        base64.urlsafe_b64encode(b'["documents",-1,"a"]').decode(),
        base64.urlsafe_b64encode(b'["documents",9e99,"a"]').decode(),
        base64.urlsafe_b64encode(b'["documents",4611686018427387903,"a"]').decode(),
        base64.urlsafe_b64encode(b'["documents",1,"' + b"a" * 100 + b'"]').decode(),
        base64.urlsafe_b64encode(b"[" * 9000).decode(),
        base64.urlsafe_b64encode(b'["documents",1,"\xff"]').decode(),
        "é",
    ],
)
async def test_what_is_no_cursor_is_refused(kit, cursor):
    with pytest.raises(InvalidCursor):
        await kit.store.documents.list(kit.ada, cursor=cursor)


async def test_a_cursor_of_another_listing_is_refused(kit):
    await kit.begin("a")
    await kit.begin("b")
    cursor = (await kit.store.documents.list(kit.ada, limit=1)).next_cursor
    assert cursor
    for listing in (kit.store.jobs.list, kit.store.conversations.list, kit.store.feedback.list):
        with pytest.raises(InvalidCursor):
            await listing(kit.ada, cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_limit_out_of_bounds_is_refused(kit, limit):
    with pytest.raises(InvalidInput):
        await kit.store.documents.list(kit.ada, limit=limit)


async def test_an_unknown_document_has_no_chunk_page(kit):
    with pytest.raises(NotFound):
        await kit.store.chunks.page("no-such-id", kit.ada)
