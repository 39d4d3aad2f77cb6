"""Conversations, answers and feedback: their owner's alone, and never a way around a delete."""

from __future__ import annotations

import pytest

from app.store.withholding import WITHHELD
from core.errors import Conflict, InvalidInput, NotFound
from core.types import CitationMark


async def cited(kit, **how):
    begun = await kit.live(**how)
    chunk = (await kit.store.chunks.page(begun.document_id, kit.admin)).items[0]
    return begun.document_id, chunk.id


async def test_an_answer_begins_a_conversation_named_by_its_question(kit):
    asked = await kit.store.answers.begin("a-1", None, kit.ada, "How  long\nis leave?")
    assert (asked.status, asked.answer) == ("running", None)
    detail = await kit.store.conversations.get(asked.conversation_id, kit.ada)
    assert detail.conversation.title == "How long is leave?"
    assert [record.id for record in detail.answers] == ["a-1"]


async def test_a_finished_answer_comes_back_whole(kit):
    document_id, chunk_id = await cited(kit)
    conversation, answer_id = await kit.answer(document_id, chunk_id)
    record = await kit.store.answers.get(answer_id, kit.ada)
    assert (record.status, record.question, record.withheld) == ("done", "How long is leave?", ())
    assert record.answer is not None
    assert record.answer.text == "Leave is 30 days. [1]"
    assert record.answer.sources[0].chunk_id == chunk_id
    assert record.finished_at is not None
    _, later = await kit.answer(document_id, chunk_id, conversation=conversation)
    both = await kit.store.conversations.get(conversation, kit.ada)
    assert [r.id for r in both.answers] == [answer_id, later]
    assert [r.id for r in (await kit.store.conversations.get(conversation, kit.ada, last=1)).answers] == [later]


async def test_a_failed_answer_says_why_and_a_finished_one_cannot_fail(kit):
    asked = await kit.store.answers.begin("a-1", None, kit.ada, "?")
    failed = await kit.store.answers.fail(asked.id, "deadline_exceeded", "It took too long.")
    assert failed.error is not None
    assert (failed.status, failed.error.code) == ("failed", "deadline_exceeded")
    document_id, chunk_id = await cited(kit)
    _, done = await kit.answer(document_id, chunk_id)
    with pytest.raises(Conflict):
        await kit.store.answers.fail(done, "late", "Too late.")
    with pytest.raises(NotFound):
        await kit.store.answers.fail("unknown", "x", "y")


async def test_what_was_being_written_when_the_server_stopped_is_said_to_be_interrupted(kit):
    asked = await kit.store.answers.begin("a-1", None, kit.ada, "?")
    assert await kit.store.answers.interrupt() == 1
    record = await kit.store.answers.get(asked.id, kit.ada)
    assert record.error is not None
    assert record.error.code == "interrupted"
    assert await kit.store.answers.interrupt() == 0


async def test_conversations_and_answers_are_their_owner_s_alone(kit):
    document_id, chunk_id = await cited(kit)
    conversation, answer_id = await kit.answer(document_id, chunk_id)
    for other in (kit.bob, kit.admin):
        assert (await kit.store.conversations.list(other)).items == ()
        for call in (
            kit.store.conversations.get(conversation, other),
            kit.store.conversations.rename(conversation, other, "Mine"),
            kit.store.conversations.delete(conversation, other),
            kit.store.answers.get(answer_id, other),
            kit.store.answers.begin("a-2", conversation, other, "?"),
            kit.store.feedback.put(other, answer_id, rating="up"),
        ):
            with pytest.raises(NotFound):
                await call


async def test_an_answer_s_id_is_used_once(kit):
    await kit.store.answers.begin("a-1", None, kit.ada, "?")
    with pytest.raises(Conflict):
        await kit.store.answers.begin("a-1", None, kit.ada, "?")


async def test_conversations_are_listed_by_last_use_renamed_and_deleted(kit):
    first = await kit.store.conversations.create(kit.ada, "first")
    second = await kit.store.conversations.create(kit.ada, "second")
    await kit.store.answers.begin("a-1", first.id, kit.ada, "?")
    page = await kit.store.conversations.list(kit.ada, limit=1)
    rest = await kit.store.conversations.list(kit.ada, limit=1, cursor=page.next_cursor)
    assert [c.id for c in (*page.items, *rest.items)] == [first.id, second.id]
    assert (await kit.store.conversations.rename(second.id, kit.ada, " Second ")).title == "Second"
    with pytest.raises(InvalidInput):
        await kit.store.conversations.rename(second.id, kit.ada, "  ")
    await kit.store.conversations.delete(first.id, kit.ada)
    assert [c.id for c in (await kit.store.conversations.list(kit.ada)).items] == [second.id]
    with pytest.raises(NotFound):
        await kit.store.answers.get("a-1", kit.ada)


async def test_an_old_answer_does_not_show_what_was_deleted_or_is_no_longer_permitted(kit):
    document_id, chunk_id = await cited(kit, groups=("everyone", "staff"))
    conversation, answer_id = await kit.answer(document_id, chunk_id, by=kit.bob)
    assert (await kit.store.answers.get(answer_id, kit.bob)).withheld == ()
    await kit.begin(groups=("staff",))
    for record in (
        await kit.store.answers.get(answer_id, kit.bob),
        (await kit.store.conversations.get(conversation, kit.bob)).answers[0],
    ):
        assert record.withheld == ("1",)
        assert record.answer is not None
        assert (record.answer.statements[0].text, record.answer.sources[0].text) == (WITHHELD, "")
        assert "30 days" not in repr(record)


async def test_the_last_word_stands_and_the_first_time_is_kept(kit):
    document_id, chunk_id = await cited(kit)
    _, answer_id = await kit.answer(document_id, chunk_id)
    first = await kit.store.feedback.put(
        kit.ada, answer_id, rating="up", citations=(CitationMark(source="1", correct=True),)
    )
    second = await kit.store.feedback.put(kit.ada, answer_id, rating="down", comment="No.", corrected="28 days.")
    assert (second.id, second.created_at) == (first.id, first.created_at)
    assert (second.rating, second.comment, second.corrected, second.citations) == ("down", "No.", "28 days.", ())
    assert (await kit.store.feedback.list(kit.ada)).items == (second,)


async def test_feedback_is_one_s_own_and_administrators_see_all(kit):
    document_id, chunk_id = await cited(kit)
    for person in (kit.ada, kit.bob):
        _, answer_id = await kit.answer(document_id, chunk_id, by=person)
        await kit.store.feedback.put(person, answer_id, rating="up")
    assert [f.principal_id for f in (await kit.store.feedback.list(kit.bob)).items] == ["bob"]
    assert [f.principal_id for f in (await kit.store.feedback.list(kit.admin)).items] == ["bob", "ada"]
    page = await kit.store.feedback.list(kit.admin, limit=1)
    rest = await kit.store.feedback.list(kit.admin, limit=1, cursor=page.next_cursor)
    assert [f.principal_id for f in rest.items] == ["ada"]


async def test_one_s_own_feedback_can_be_taken_back_and_given_anew(kit):
    document_id, chunk_id = await cited(kit)
    conversation, answer_id = await kit.answer(document_id, chunk_id)
    given = await kit.store.feedback.put(kit.ada, answer_id, rating="up", comment="Yes.")
    for other in (kit.bob, kit.admin):
        with pytest.raises(NotFound):
            await kit.store.feedback.take_back(other, given.id)
    assert (await kit.store.feedback.list(kit.ada)).items == (given,)
    await kit.store.feedback.take_back(kit.ada, given.id)
    assert (await kit.store.feedback.list(kit.admin)).items == ()
    with pytest.raises(NotFound):
        await kit.store.feedback.take_back(kit.ada, given.id)
    again = await kit.store.feedback.put(kit.ada, answer_id, rating="down")
    assert (again.rating, again.comment) == ("down", None)
    await kit.store.conversations.delete(conversation, kit.ada)
    await kit.store.feedback.take_back(kit.ada, again.id)
    assert (await kit.store.feedback.list(kit.admin)).items == ()


async def test_feedback_keeps_what_it_refers_to_when_the_conversation_is_deleted(kit):
    document_id, chunk_id = await cited(kit)
    conversation, answer_id = await kit.answer(document_id, chunk_id)
    given = await kit.store.feedback.put(kit.ada, answer_id, rating="up")
    await kit.store.conversations.delete(conversation, kit.ada)
    assert (await kit.store.feedback.list(kit.admin, answer_id=answer_id)).items == (given,)


@pytest.mark.parametrize("marks", [("2",), ("1", "1"), ("",)])
async def test_citation_marks_name_each_source_of_the_answer_once(kit, marks):
    document_id, chunk_id = await cited(kit)
    _, answer_id = await kit.answer(document_id, chunk_id)
    with pytest.raises(InvalidInput):
        await kit.store.feedback.put(
            kit.ada, answer_id, rating="down", citations=tuple(CitationMark(source=m, correct=False) for m in marks)
        )


async def test_feedback_waits_for_the_answer(kit):
    asked = await kit.store.answers.begin("a-1", None, kit.ada, "?")
    with pytest.raises(Conflict):
        await kit.store.feedback.put(kit.ada, asked.id, rating="up")
