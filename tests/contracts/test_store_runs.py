"""Runs in the store: promised, begun in turn, ended once; threads that nobody else sees; the ledger of effects."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.store.run_records import Decision, NewRun, Outcome, RunRecord
from app.store.thread_withholding import blank_steps, unasked, without
from app.store.withholding import WITHHELD
from core.errors import Conflict, NotFound

LATER = datetime.now(UTC) + timedelta(days=1)


def asked(number: int = 3, id: str = "i1") -> dict[str, Any]:
    """An interrupt, as a graph tells it."""
    request = {"name": "http_request", "args": {"url": "https://example.com/"}, "description": "A request."}
    return {"id": id, "value": {"kind": "approval", "step": number, "agent": "main", "action_requests": [request]}}


def decision(verdict: str = "approve", id: str = "i1") -> Decision:
    return Decision(
        approval_id=id,
        verdict=verdict,  # type: ignore[arg-type]
        by="ada",
        resume={"decisions": [{"type": verdict}]},
        arguments={"url": "https://example.com/"},
    )


async def promise(kit: Any, thread_id: str | None = None, **how: Any) -> RunRecord:
    who = how.pop("by", kit.ada)
    thread_id = thread_id or (await kit.store.threads.create(who)).id
    return await kit.store.runs.create(who, NewRun(thread_id=thread_id, agent="main", request={"task": "x"}, **how))


async def waiting(kit: Any) -> RunRecord:
    """A run that was begun and waits for a person."""
    run = await promise(kit)
    begun = await kit.store.run_work.begin(run.id)
    values = {"messages": [], "steps": []}
    await kit.store.run_work.finish(
        begun, Outcome(status="interrupted", values=values, interrupts=[asked()]), expires=LATER
    )
    return begun


async def ready(kit: Any, *, limit: int = 10, per_caller: int = 10) -> list[str]:
    found = await kit.store.run_work.ready(limit=limit, per_caller=per_caller, now=datetime.now(UTC))
    return [run.id for run in found]


async def test_a_run_from_its_promise_to_its_end(kit):
    run = await promise(kit, about={"title": "Leave"}, metadata={"from": "test"})
    assert (run.status, run.task_id, run.attempts, run.finished) == ("pending", run.id, 0, False)
    assert (await kit.store.threads.get(run.thread_id, kit.ada)).status == "busy"
    begun = await kit.store.run_work.begin(run.id)
    assert (begun.status, begun.attempts) == ("running", 1)
    again = await kit.store.run_work.begin(run.id)
    assert (again.attempts, again.started_at) == (2, begun.started_at), "who began it may have died"
    assert await kit.store.run_work.finish(again, Outcome(status="success", values={"answer": 1}), expires=LATER)
    thread = await kit.store.threads.get(run.thread_id, kit.ada)
    assert (thread.status, thread.values, thread.metadata) == ("idle", {"answer": 1}, {"title": "Leave"})
    assert await kit.store.run_work.begin(run.id) is None
    assert (await kit.store.runs.get(run.id, kit.ada)).finished_at is not None
    await kit.store.run_work.finish(again, Outcome(status="error", values={}), expires=LATER)
    assert (await kit.store.runs.get(run.id, kit.ada)).status == "success", "an end is said once"


async def test_nobody_else_sees_a_thread_or_its_runs(kit):
    run = await promise(kit)
    for who in (kit.bob, kit.admin):
        for call in (
            kit.store.threads.get(run.thread_id, who),
            kit.store.threads.describe(run.thread_id, who, {"title": "mine"}),
            kit.store.threads.delete(run.thread_id, who),
            kit.store.runs.get(run.id, who),
            kit.store.runs.list(run.thread_id, who),
            kit.store.runs.cancel(run.id, who, "interrupt"),
            kit.store.runs.delete(run.id, who, run.thread_id),
            kit.store.runs.create(who, NewRun(thread_id=run.thread_id, agent="main", request={})),
            kit.store.run_steps.rate(run.id, 1, who, rating="up", comment=None),
        ):
            with pytest.raises(NotFound):
                await call
        assert await kit.store.threads.search(who) == []
    with pytest.raises(Conflict):
        await kit.store.threads.create(kit.bob, thread_id=run.thread_id, existing=True)


async def test_a_thread_s_runs_go_one_after_another_and_callers_take_turns(kit):
    first = await promise(kit)
    behind = await promise(kit, first.thread_id)
    others = [await promise(kit) for _ in range(2)]
    bobs = await promise(kit, by=kit.bob)
    assert await ready(kit) == [first.id, bobs.id, others[0].id, others[1].id], "by turns, one a thread"
    assert await ready(kit, per_caller=1) == [first.id, bobs.id]
    await kit.store.run_work.begin(first.id)
    assert await ready(kit, per_caller=2, limit=2) == [bobs.id, others[0].id]
    with pytest.raises(Conflict):
        await kit.store.run_work.begin(behind.id)
    late = await promise(kit, by=kit.bob, not_before=LATER)
    assert late.id not in await ready(kit)


@pytest.mark.parametrize("strategy", ["reject", "enqueue", "interrupt", "rollback"])
async def test_what_a_second_task_does_to_the_first(kit, strategy):
    first = await promise(kit)
    await kit.store.run_work.begin(first.id)
    queued = await promise(kit, first.thread_id)
    if strategy == "reject":
        with pytest.raises(Conflict):
            await promise(kit, first.thread_id, strategy=strategy)
        return
    await promise(kit, first.thread_id, strategy=strategy)
    how = await kit.store.run_work.stopping([first.id])
    assert how == ({} if strategy == "enqueue" else {first.id: strategy})
    left = {run.id: run.status for run in await kit.store.runs.list(first.thread_id, kit.ada)}
    assert left.get(queued.id) == {"enqueue": "pending", "interrupt": "interrupted", "rollback": None}[strategy]
    if strategy == "rollback":
        await kit.store.run_work.roll_back(first)
        assert await kit.store.run_work.stopping([first.id]) == {first.id: "gone"}


async def test_cancelling(kit):
    pending = await promise(kit)
    assert (await kit.store.runs.cancel(pending.id, kit.ada, "interrupt")).error.code == "cancelled"
    with pytest.raises(Conflict):
        await kit.store.runs.cancel(pending.id, kit.ada, "interrupt")
    assert (await kit.store.threads.get(pending.thread_id, kit.ada)).status == "idle"
    running = await promise(kit, pending.thread_id)
    await kit.store.run_work.begin(running.id)
    assert (await kit.store.runs.cancel(running.id, kit.ada, "rollback")).cancel == "rollback"
    stopped = await waiting(kit)
    await kit.store.runs.cancel(stopped.id, kit.ada, "interrupt")
    assert await kit.store.approvals.waiting(stopped.thread_id) == []
    thread = await kit.store.threads.get(stopped.thread_id, kit.ada)
    assert (thread.status, list(thread.interrupts)) == ("idle", [])


async def test_an_approval_is_decided_once_and_kept_in_the_log(kit):
    run = await waiting(kit)
    thread = await kit.store.threads.get(run.thread_id, kit.ada)
    assert (thread.status, thread.interrupts[0]["id"]) == ("interrupted", "i1")
    assert [each.step for each in await kit.store.approvals.waiting(run.thread_id)] == [3]
    resumed = await promise(kit, run.thread_id, decision=decision())
    assert (resumed.task_id, resumed.agent, resumed.resumes) == (run.id, "main", True)
    for attempt in (decision(), replace(decision(), approval_id="another")):
        with pytest.raises(Conflict):
            await promise(kit, run.thread_id, decision=attempt)
    [entry] = (await kit.store.approvals.log(kit.ada)).items
    assert (entry.decided_by, entry.decision, entry.tool, entry.step) == ("ada", "approve", "http_request", 3)
    assert (entry.arguments, entry.run_id) == ({"url": "https://example.com/"}, run.id)
    assert (await kit.store.approvals.log(kit.bob)).items == ()
    assert len((await kit.store.approvals.log(kit.admin)).items) == 1


async def test_what_waits_behind_an_approval_comes_after_it(kit):
    first = await promise(kit)
    begun = await kit.store.run_work.begin(first.id)
    behind = await promise(kit, first.thread_id)
    await kit.store.run_work.finish(begun, Outcome(status="interrupted", interrupts=[asked()]), expires=LATER)
    assert await ready(kit) == [], "the thread waits for a person"
    resumed = await promise(kit, first.thread_id, decision=decision())
    assert await ready(kit) == [resumed.id]
    await kit.store.run_work.finish(
        await kit.store.run_work.begin(resumed.id), Outcome(status="success"), expires=LATER
    )
    assert await ready(kit) == [behind.id]


async def test_another_task_takes_the_place_of_a_question(kit):
    run = await waiting(kit)
    await promise(kit, run.thread_id)
    with pytest.raises(Conflict):
        await promise(kit, run.thread_id, decision=decision())
    assert [each.decision for each in (await kit.store.approvals.log(kit.ada)).items] == ["withdrawn"]


async def test_nobody_decided_in_time(kit):
    run = await waiting(kit)
    assert await kit.store.approvals.expired(datetime.now(UTC)) == []
    [late] = await kit.store.approvals.expired(LATER + timedelta(seconds=1))
    gone_on = await kit.store.runs.decide_for(run.thread_id, decision("expired", late.id), {"resume": {}})
    assert (gone_on.task_id, gone_on.principal_id) == (run.id, "ada")
    assert await kit.store.runs.decide_for(run.thread_id, decision("expired", late.id), {"resume": {}}) is None


async def test_steps_and_what_is_thought_of_them(kit):
    run = await waiting(kit)
    await kit.store.run_steps.put(run.id, 1, {"number": 1, "status": "running"})
    await kit.store.run_steps.put(run.id, 1, {"number": 1, "status": "done"})
    await kit.store.run_steps.put("nothing", 1, {"number": 1})
    resumed = await promise(kit, run.thread_id, decision=decision())
    said = await kit.store.run_steps.rate(resumed.id, 1, kit.ada, rating="down", comment="the wrong tool")
    await kit.store.run_steps.put(run.id, 1, {"number": 1, "status": "done", "cost": 1})
    [step] = await kit.store.run_steps.list(run.id)
    assert (step.body["cost"], step.rating, step.comment, step.rated_at) == (1, "down", said.comment, said.rated_at)
    with pytest.raises(NotFound):
        await kit.store.run_steps.rate(run.id, 2, kit.ada, rating="up", comment=None)


async def test_threads_are_found_by_what_they_hold(kit):
    first = await kit.store.threads.create(kit.ada, {"title": 'Lea"ve ü', "n": 1, "on": True, "of": {"a": [1]}})
    second = await kit.store.threads.create(kit.ada, {"title": "Pay"})
    for wanted in ({"title": 'Lea"ve ü'}, {"n": 1, "on": True}, {"of": {"a": [1]}}):
        assert [each.id for each in await kit.store.threads.search(kit.ada, metadata=wanted)] == [first.id]
        assert await kit.store.threads.count(kit.ada, metadata=wanted) == 1
    assert await kit.store.threads.search(kit.ada, metadata={"n": "1"}) == []
    listed = await kit.store.threads.search(kit.ada, sort_by="created_at", ascending=True)
    assert [each.id for each in listed] == [first.id, second.id]
    assert [each.id for each in await kit.store.threads.search(kit.ada, ids=[second.id])] == [second.id]
    changed = await kit.store.threads.describe(second.id, kit.ada, {"title": None, "kind": "x"})
    assert changed.metadata == {"kind": "x"}


async def test_what_is_no_longer_readable_is_blanked_in_a_thread(kit):
    live = await kit.live(groups=("staff",))
    run = await promise(kit)
    source = {"id": "1", "document_id": live.document_id, "title": "Handbook", "text": "secret"}
    values = {
        "messages": [{"type": "human", "content": "?"}, {"type": "ai", "content": "secret"}],
        "sources": [source, {"id": "2", "document_id": None, "title": "calculate", "text": "4"}],
        "steps": [
            {"number": 1, "tool": "search", "sources": ["1"], "observation": "secret", "data": {"x": "secret"}},
            {"number": 2, "tool": "calculate", "sources": ["2"], "observation": "4", "data": {}},
        ],
        "answer": {"statements": [{"text": "secret", "sources": ["1"]}, {"text": "four", "sources": ["2"]}]},
    }
    begun = await kit.store.run_work.begin(run.id)
    await kit.store.run_work.finish(begun, Outcome(status="success", values=values), expires=LATER)
    assert (await kit.store.threads.get(run.thread_id, kit.ada)).values == values
    stranger = replace(kit.ada, groups=frozenset({"everyone"}))
    told = await kit.store.threads.get(run.thread_id, stranger)
    assert told.withheld == ("1", "2"), "what came after it may rest on it"
    assert "secret" not in str(told.values)
    assert told.values["messages"][0]["content"] == "?"


def test_what_came_after_a_hidden_passage_is_hidden_with_it():
    steps = [
        {"number": 1, "agent": "a", "tool": "list", "arguments": {"x": 1}, "observation": "before", "sources": ["1"]},
        {"number": 2, "agent": "a", "tool": "b", "arguments": {"task": "find"}, "observation": "told", "sources": []},
        {"number": 3, "agent": "a/b", "tool": "search", "parent": 2, "arguments": {"q": 1}, "sources": ["2"]},
        {
            "number": 4,
            "agent": "a",
            "tool": "send",
            "arguments": {"body": "secret"},
            "thought": "secret",
            "sources": [],
        },
    ]
    told = blank_steps(steps, {"2"})
    assert told[0] == steps[0]
    assert (told[1]["observation"], told[1]["arguments"], told[2]["arguments"]) == (
        WITHHELD,
        {"task": "find"},
        {"q": 1},
    )
    assert (told[3]["thought"], told[3]["observation"]) == ("", WITHHELD)
    values = {
        "steps": steps,
        "sources": [
            {"id": "1", "document_id": "", "step": 1, "text": "before"},
            {"id": "2", "document_id": "d", "text": "secret"},
            {"id": "3", "document_id": "", "step": 4, "text": "secret"},
            {"id": "4", "document_id": "other", "text": "mine"},
        ],
        "frames": [{"task": "the person's"}, {"task": "about the secret"}],
    }
    left = without(values, {"d"})
    assert [source["text"] for source in left["sources"]] == ["before", "", "", "mine"]
    assert [frame["task"] for frame in left["frames"]] == ["the person's", WITHHELD]
    asked = unasked({"id": "i", "value": {"reasons": ["secret"], "action_requests": [{"name": "s", "args": {"a": 1}}]}})
    assert "secret" not in str(asked)
    assert asked["value"]["action_requests"][0]["args"] == {}


async def test_old_threads_go_with_everything_in_them(kit):
    run = await promise(kit)
    begun = await kit.store.run_work.begin(run.id)
    await kit.store.effects.begin(f"{run.id}:1", tool="post", arguments={})
    assert await kit.store.threads.forget(LATER) == [], "something goes on in it"
    await kit.store.run_work.finish(begun, Outcome(status="success"), expires=LATER)
    name = (await kit.store.threads.get(run.thread_id, kit.ada)).checkpoints
    assert await kit.store.threads.forget(LATER) == [name]
    assert await kit.store.run_work.look(run.id) is None
    assert await kit.store.effects.begin(f"{run.id}:1", tool="post", arguments={}) == "new"
    assert not await kit.store.run_work.finish(begun, Outcome(status="success"), expires=LATER)


async def test_a_thread_goes_when_its_owner_said_so(kit):
    threads, now = kit.store.threads, datetime.now(UTC)
    short = await threads.create(kit.ada, ttl_minutes=10)
    told = await threads.describe((await threads.create(kit.ada)).id, kit.ada, {}, ttl_minutes=60)
    busy = await promise(kit, (await threads.create(kit.ada, ttl_minutes=1)).id)
    await threads.create(kit.ada)
    assert (short.ttl_minutes, told.ttl_minutes) == (10, 60)
    assert await threads.outlived(now) == []
    assert await threads.outlived(now + timedelta(minutes=11)) == [short.checkpoints]
    with pytest.raises(NotFound):
        await threads.get(short.id, kit.ada)
    assert await threads.outlived(now + timedelta(minutes=61)) == [told.checkpoints]
    assert (await threads.get(busy.thread_id, kit.ada)).ttl_minutes == 1, "something goes on in it"
    assert await threads.count(kit.ada) == 2


async def test_a_copy_of_a_thread_has_its_words_and_none_of_its_questions(kit):
    run = await waiting(kit)
    await kit.store.threads.describe(run.thread_id, kit.ada, {"title": "Leave"}, ttl_minutes=5)
    copy = await kit.store.threads.copy(run.thread_id, kit.ada)
    before = await kit.store.threads.get(run.thread_id, kit.ada)
    assert copy.id != before.id
    assert (copy.status, copy.interrupts) == ("idle", ())
    assert (copy.values, copy.metadata, copy.ttl_minutes) == (before.values, before.metadata, 5)
    assert await kit.store.approvals.waiting(copy.id) == []
    assert await kit.store.runs.list(copy.id, kit.ada) == []
    with pytest.raises(NotFound):
        await kit.store.threads.copy(run.thread_id, kit.bob)


async def test_an_edit_is_logged_with_what_was_asked_and_what_was_decided(kit):
    run = await waiting(kit)
    edited = replace(decision("edit"), arguments={"url": "https://example.org/"})
    await promise(kit, run.thread_id, decision=edited)
    [entry] = (await kit.store.approvals.log(kit.ada)).items
    assert (entry.decision, entry.arguments) == ("edit", {"url": "https://example.org/"})
    assert entry.asked == {"url": "https://example.com/"}


async def test_an_effect_is_begun_once(kit):
    ledger = kit.store.effects
    assert await ledger.begin("r:1", tool="post", arguments={"a": 1}) == "new"
    assert await ledger.begin("r:1", tool="post", arguments={"a": 1}) == "unknown"
    with pytest.raises(NotFound):
        await ledger.result("r:1")
    assert await ledger.begin("r:1", tool="post", arguments={"a": 2}, again=1) == "new"
    assert await ledger.begin("r:1", tool="post", arguments={"a": 2}, again=1) == "unknown", "a word holds once"
    assert await ledger.begin("r:1", tool="post", arguments={"a": 2}, again=2) == "new"
    await ledger.finish("r:1", {"text": "sent"})
    assert await ledger.begin("r:1", tool="post", arguments={"a": 1}, again=3) == "done"
    assert await ledger.result("r:1") == {"text": "sent"}
    with pytest.raises(NotFound):
        await ledger.finish("r:2", {})
