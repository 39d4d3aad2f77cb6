"""What is learnt from: answers with a word on them, as they were logged and as their askers may read them now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.store.learning_records import Wanted
from app.store.run_records import NewRun
from core.errors import InvalidInput, NotFound
from core.types import Answer, AnswerTrace, Attempt, GeneratorInfo, Message, Retrieval, Source

NOW = datetime.now(UTC)
SOON = NOW + timedelta(hours=1)


async def answered(kit, document_id, *, conversation=None, regenerates=None, id="a-1"):
    asked = await kit.store.answers.begin(id, conversation, kit.bob, "How long is leave?", regenerates)
    source = Source(id="1", chunk_id="c", document_id=document_id, version_id="v", title="Handbook", text="30 days.")
    answer = Answer(
        id=id,
        question="How long is leave?",
        statements=(),
        sources=(source,),
        answerable=False,
        retrieval=Retrieval(used=True, reason="", n=1),
        generator=GeneratorInfo(name="g", fingerprint="f"),
        timings_ms={},
    )
    await kit.store.answers.finish(answer)
    messages = (Message(role="user", content="How long is leave?"),)
    attempts = (Attempt(output="no", problem="broken"), Attempt(output="{}"))
    trace = AnswerTrace(asked="?", question="?", messages=messages, schema={"type": "object"}, attempts=attempts)
    await kit.store.traces.put({id: trace})
    return asked


async def read(kit, wanted=None):
    batches = [batch async for batch in kit.store.learning.logged(wanted or Wanted(), lambda _: kit.bob)]
    return [each for batch in batches for each in batch.answers], {
        each for batch in batches for each in batch.out_of_reach
    }


async def test_a_word_and_what_it_replaced_are_read_in_full(kit):
    first = await answered(kit, "gone")
    await answered(kit, "gone", conversation=first.conversation_id, regenerates="a-1", id="a-2")
    assert await read(kit) == ([], set())
    await kit.store.feedback.put(kit.bob, "a-2", rating="up")
    found, beyond = await read(kit)
    assert [(each.answer.id, each.regenerates, len(each.feedback)) for each in found] == [
        ("a-1", None, 0),
        ("a-2", "a-1", 1),
    ]
    assert (found[1].output, found[1].schema, found[1].principal_id) == ("{}", {"type": "object"}, kit.bob.id)
    assert beyond == {"a-1", "a-2"}, "the document that they rest on is not there"
    assert await kit.store.learning.judged() == {"up": 1}
    spoken = found[1].feedback[0].created_at
    assert await kit.store.learning.judged(spoken - timedelta(seconds=1)) == {"up": 1}
    assert await kit.store.learning.judged(spoken + timedelta(seconds=60)) == {}
    assert (await read(kit, Wanted(until=NOW - timedelta(days=1))))[0] == []
    assert (await read(kit, Wanted(collections=("other",))))[0] == []
    await kit.store.conversations.delete(first.conversation_id, kit.bob)
    assert await read(kit) == ([], set())


async def test_only_an_answer_of_ones_own_in_the_same_conversation_is_replaced(kit):
    await answered(kit, "gone")
    with pytest.raises(InvalidInput):
        await kit.store.answers.begin("a-2", None, kit.bob, "?", "a-1")
    with pytest.raises(NotFound):
        await kit.store.answers.begin("a-2", None, kit.ada, "?", "a-1")


async def test_traces_with_a_word_on_them_stay_longer(kit):
    await answered(kit, "gone")
    await kit.store.feedback.put(kit.bob, "a-1", rating="up")
    assert await kit.store.traces.forget(SOON, NOW - timedelta(days=1)) == 0
    assert await kit.store.traces.forget(SOON, SOON) == 1
    assert (await read(kit))[0][0].messages == ()


async def test_exclusions_are_kept_once_and_taken_back(kit):
    await kit.store.learning.exclude("person", "bob", "asked", kit.ada)
    await kit.store.learning.exclude("person", "bob", "asked again", kit.bob)
    kept = await kit.store.learning.exclusions()
    assert [(each.subject, each.reason, each.principal_id) for each in kept] == [("bob", "asked again", kit.bob.id)]
    await kit.store.learning.include("person", "bob")
    with pytest.raises(NotFound):
        await kit.store.learning.include("person", "bob")


async def logged_step(kit, *, output='{"thought": "", "action": {"tool": "search", "arguments": {}}}'):
    thread = await kit.store.threads.create(kit.bob)
    run = await kit.store.runs.create(kit.bob, NewRun(thread_id=thread.id, agent="main", request={"task": "x"}))
    source = Source(id="1", chunk_id="c", document_id="gone", version_id="v", title="Handbook", text="30 days.")
    answer = Answer(
        id=f"{run.id}.1",
        question="How long is leave?",
        statements=(),
        sources=(source,),
        answerable=True,
        retrieval=Retrieval(used=True, reason="", n=1),
        generator=GeneratorInfo(name="g", fingerprint="f"),
        timings_ms={},
    )
    messages = (Message(role="user", content="Write the next step."),)
    attempts = (Attempt(output=output),)
    trace = AnswerTrace(asked="?", question="?", messages=messages, schema={"type": "object"}, attempts=attempts)
    await kit.store.step_prompts.write(run.id, 1, answer, replace(trace, attempts=(Attempt(output="lost in a crash"),)))
    await kit.store.step_prompts.write(run.id, 1, answer, trace)
    await kit.store.run_steps.put(run.id, 1, {"number": 1, "tool": "search", "status": "done"})
    return run


async def steps(kit, wanted=None):
    batches = [batch async for batch in kit.store.learning.steps(wanted or Wanted(), lambda _: kit.bob)]
    return [each for batch in batches for each in batch.answers], {
        each for batch in batches for each in batch.out_of_reach
    }


async def test_a_step_with_a_word_on_it_is_read_as_it_was_written_and_goes_with_its_thread(kit):
    run = await logged_step(kit)
    assert await steps(kit) == ([], set())
    await kit.store.run_steps.rate(run.id, 1, kit.bob, rating="down", comment="Too far.")
    [found], beyond = await steps(kit)
    assert (found.step, found.output[:10], found.schema) == ("search", '{"thought"', {"type": "object"})
    assert (found.conversation_id, found.principal_id) == (run.thread_id, kit.bob.id)
    assert [(each.rating, each.comment) for each in found.feedback] == [("down", "Too far.")]
    assert beyond == {f"{run.id}.1"}, "the document that it could cite is not there"
    assert (await steps(kit, Wanted(until=NOW - timedelta(days=1))))[0] == []
    assert await kit.store.learning.gone((), (run.thread_id, "never")) == {"never"}
    assert await kit.store.step_prompts.forget(SOON, NOW - timedelta(days=1)) == 0
    await kit.store.runs.cancel(run.id, kit.bob, "interrupt")
    await kit.store.threads.delete(run.thread_id, kit.bob)
    assert (await steps(kit))[0] == []
    assert await kit.store.learning.gone((), (run.thread_id,)) == {run.thread_id}


async def test_how_a_step_was_written_is_forgotten_sooner_without_a_word_on_it(kit):
    run = await logged_step(kit)
    assert await kit.store.step_prompts.forget(SOON, NOW - timedelta(days=1)) == 1
    await kit.store.run_steps.rate(run.id, 1, kit.bob, rating="up", comment=None)
    assert (await steps(kit))[0] == []
