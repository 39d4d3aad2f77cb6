"""The library that agents read shows live documents only, and to each principal its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.library import StoreLibrary
from app.store.records import Change
from core.errors import NotFound
from core.types import EVERYONE


async def test_documents_are_listed_once_they_answer_and_to_whom_may_read_them(kit):
    library = StoreLibrary(kit.store)
    await kit.begin("unread")
    for number in range(3):
        await kit.live(f"open{number}")
    await kit.live("secret", groups=("staff",))
    shelf = await library.documents(kit.bob, limit=2)
    assert [each.external_id for each in shelf.documents] == ["open2", "open1"]
    rest = await library.documents(kit.bob, limit=2, after=shelf.more)
    assert [each.external_id for each in rest.documents] == ["open0"]
    assert rest.more is None
    assert [each.external_id for each in (await library.documents(kit.ada, title="SECRET")).documents] == ["secret"]


async def test_several_collections_are_listed_together(kit):
    library = StoreLibrary(kit.store)
    for name in ("a", "b", "c"):
        await kit.store.collections.create(name)
        await kit.live(f"in-{name}", collection=name)
    shelf = await library.documents(kit.ada, collections=("a", "c"))
    assert {each.collection for each in shelf.documents} == {"a", "c"}


async def test_passages_come_in_reading_order_from_anywhere(kit):
    library = StoreLibrary(kit.store)
    begun = await kit.live("long", [f"part {number}" for number in range(5)])
    found = await library.passages(begun.document_id, kit.ada, start=2, limit=2)
    assert [each.chunk.text for each in found] == ["part 2", "part 3"]
    assert await library.passages(begun.document_id, kit.ada, start=99) == []


async def test_what_is_hidden_deleted_or_not_read_yet_is_not_there(kit):
    library = StoreLibrary(kit.store)
    unread = await kit.begin("unread")
    secret = await kit.live("secret", groups=("staff",))
    gone = await kit.live("gone")
    await kit.store.documents.delete(gone.document_id, kit.ada, until=datetime.now(UTC) + timedelta(hours=1))
    for document_id in (unread.document_id, secret.document_id, gone.document_id, "no-such-document"):
        with pytest.raises(NotFound):
            await library.document(document_id, kit.bob)
    for document_id in (secret.document_id, gone.document_id):
        with pytest.raises(NotFound):
            await library.passages(document_id, kit.bob)


async def test_a_right_that_was_taken_away_is_gone_at_the_next_question(kit):
    library = StoreLibrary(kit.store)
    begun = await kit.live("open")
    secret = await kit.live("secret", groups=("staff",))
    ids = [begun.document_id, secret.document_id, "unknown"]
    assert await library.readable(ids, kit.ada) == {begun.document_id: (EVERYONE,), secret.document_id: ("staff",)}
    assert await library.readable(ids, kit.bob) == {begun.document_id: (EVERYONE,)}
    await kit.store.documents.change(begun.document_id, Change(principal=kit.ada, pipeline="p", groups=("staff",)))
    assert await library.readable(ids, kit.bob) == {}
