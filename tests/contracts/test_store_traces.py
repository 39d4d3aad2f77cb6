"""How answers came about: kept beside them, bounded, and never a way around a delete or a permission."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.store.traces import LONGEST
from app.store.withholding import WITHHELD
from core.errors import NotFound
from core.types import AnswerTrace, Attempt, Candidate, Filters, Message, Placed, SearchTrace, Verdict


def candidate(document_id, chunk_id, rank=1):
    return Candidate(
        chunk_id=chunk_id,
        document_id=document_id,
        title="Handbook",
        excerpt="Leave is 30 days.",
        rank=rank,
        score=0.5,
        scores={"fused": 0.5, "dense": 0.7},
        ranks={"dense": 1},
        fate="kept",
        page=3,
        heading_path=("Leave",),
    )


def traced(*candidates, offered=None, **more):
    search = SearchTrace(
        query="How long is leave?",
        mode="hybrid",
        looks=1,
        proposed=4,
        refused=1,
        candidates=candidates,
        order=tuple(Placed(chunk_id=one.chunk_id, score=0.5) for one in candidates),
        reranked=False,
    )
    known = {
        "filters": Filters(metadata={"year": (2025, 2026)}, created_after=datetime(2026, 1, 1, tzinfo=UTC)),
        "messages": (Message(role="system", content="Rules."), Message(role="user", content="Leave is 30 days.")),
        "schema": {"type": "object"},
        "attempts": (Attempt(output="Leave is 30 days."),),
        "verdicts": (
            Verdict(support=1.0, supported=True, method="generator", similarity=0.7, reason="It says 30 days."),
            Verdict(support=0.2, supported=False, method="similarity", similarity=0.2),
        ),
        "timings_ms": {"total": 3.5},
    }
    chunks = tuple(one.chunk_id for one in candidates) if offered is None else offered
    return AnswerTrace(asked="How long?", question=search.query, search=search, offered=chunks, **{**known, **more})


@pytest.fixture
async def answered(kit):
    """An answer of bob's about a document of everyone's: its id, the document's and the chunk's."""
    begun = await kit.live(groups=("everyone", "staff"))
    chunk = (await kit.store.chunks.page(begun.document_id, kit.admin)).items[0]
    _, answer_id = await kit.answer(begun.document_id, chunk.id, by=kit.bob)
    return answer_id, begun.document_id, chunk.id


async def test_a_trace_comes_back_whole(kit, answered):
    answer_id, document_id, chunk_id = answered
    trace = traced(candidate(document_id, chunk_id))
    await kit.store.traces.put({answer_id: trace})
    record = await kit.store.traces.get(answer_id, kit.bob)
    assert (record.trace, record.withheld) == (trace, ())


async def test_the_last_one_stands_and_those_of_unknown_answers_are_dropped(kit, answered):
    answer_id, document_id, chunk_id = answered
    await kit.store.traces.put({answer_id: traced(candidate(document_id, chunk_id))})
    await kit.store.traces.put({answer_id: traced(offered=()), "unknown": traced()})
    assert (await kit.store.traces.get(answer_id, kit.bob)).trace.offered == ()
    with pytest.raises(NotFound):
        await kit.store.traces.get("unknown", kit.bob)


async def test_it_is_its_owner_s_alone_and_goes_with_its_conversation(kit, answered):
    answer_id, document_id, chunk_id = answered
    await kit.store.traces.put({answer_id: traced(candidate(document_id, chunk_id))})
    for other in (kit.ada, kit.admin):
        with pytest.raises(NotFound, match="no such answer"):
            await kit.store.traces.get(answer_id, other)
    record = await kit.store.answers.get(answer_id, kit.bob)
    await kit.store.conversations.delete(record.conversation_id, kit.bob)
    with pytest.raises(NotFound, match="no such answer"):
        await kit.store.traces.get(answer_id, kit.bob)


async def test_an_answer_without_one_says_so(kit, answered):
    with pytest.raises(NotFound, match="not kept"):
        await kit.store.traces.get(answered[0], kit.bob)


@pytest.mark.parametrize("how", ["revoked", "deleted"])
async def test_what_may_no_longer_be_read_is_blanked(kit, answered, how):
    answer_id, document_id, chunk_id = answered
    other = await kit.live("canteen", ["Lunch is at noon."])
    lunch = candidate(other.document_id, "c-2", rank=2)
    await kit.store.traces.put({answer_id: traced(candidate(document_id, chunk_id), lunch)})
    if how == "revoked":
        await kit.begin(groups=("staff",))
    else:
        await kit.store.documents.delete(document_id, kit.admin)
    record = await kit.store.traces.get(answer_id, kit.bob)
    assert record.withheld == (chunk_id,)
    search = record.trace.search
    assert search is not None
    first, second = search.candidates
    assert (first.title, first.excerpt, first.heading_path, first.page) == (WITHHELD, "", (), None)
    assert second == lunch
    assert [message.content for message in record.trace.messages] == ["Rules.", WITHHELD]
    assert record.trace.attempts == (Attempt(output=WITHHELD),)
    assert [verdict.reason for verdict in record.trace.verdicts] == [WITHHELD, None]


async def test_what_was_sent_stays_where_only_a_candidate_may_no_longer_be_read(kit, answered):
    answer_id, document_id, chunk_id = answered
    secret = await kit.live("board", ["Salaries."], by=kit.ada, groups=("staff",))
    both = (candidate(document_id, chunk_id), candidate(secret.document_id, "c-2", rank=2))
    await kit.store.traces.put({answer_id: traced(*both, offered=(chunk_id,))})
    record = await kit.store.traces.get(answer_id, kit.bob)
    assert record.withheld == ("c-2",)
    assert record.trace.messages[1].content == "Leave is 30 days."


async def test_an_offered_passage_of_which_nothing_is_known_is_withheld(kit, answered):
    answer_id, document_id, chunk_id = answered
    await kit.store.traces.put({answer_id: traced(candidate(document_id, chunk_id), offered=(chunk_id, "c-9"))})
    record = await kit.store.traces.get(answer_id, kit.bob)
    assert record.withheld == ("c-9",)
    assert record.trace.messages[1].content == WITHHELD


async def test_no_text_of_it_is_kept_beyond_a_length(kit, answered):
    long = "x" * (3 * LONGEST)
    messages = (Message(role="user", content=long),)
    await kit.store.traces.put({answered[0]: traced(messages=messages, attempts=(Attempt(output=long),))})
    trace = (await kit.store.traces.get(answered[0], kit.bob)).trace
    assert [len(trace.messages[0].content), len(trace.attempts[0].output)] == [LONGEST, LONGEST]


async def test_old_ones_are_forgotten(kit, answered):
    await kit.store.traces.put({answered[0]: traced()})
    assert await kit.store.traces.forget(datetime.now(UTC) - timedelta(minutes=1)) == 0
    assert await kit.store.traces.forget(datetime.now(UTC) + timedelta(minutes=1)) == 1
    with pytest.raises(NotFound):
        await kit.store.traces.get(answered[0], kit.bob)
