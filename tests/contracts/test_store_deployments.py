"""Deployments: a stage changes in one step with all that belongs to it, whoever else changes it at the same time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import Conflict, NotFound
from core.types import Answer, GeneratorInfo, Retrieval
from finetune.rollout.stages import Figures

A, B, C = (f"hr@{letter * 16}" for letter in "abc")


async def made(kit, version=A, scope="*"):
    return await kit.store.deployments.create(scope, version, "ana", share=0.1, rules={"alpha": 0.05})


async def at(kit, stage, version=A, scope="*"):
    candidate = await made(kit, version, scope)
    await kit.store.deployments.want(candidate.id, stage, "ana", "")
    return await kit.store.deployments.reach(candidate.id, "ana", "", {})


async def test_a_candidate_is_made_once(kit):
    first, again = await made(kit), await made(kit)
    assert (again.id, again.stage, again.rules) == (first.id, "candidate", {"alpha": 0.05})
    assert (await made(kit, scope="group:hr")).id != first.id
    assert len(await kit.store.deployments.history()) == 2
    assert await kit.store.deployments.live() == []
    with pytest.raises(NotFound):
        await kit.store.deployments.get("nothing")


async def test_a_stage_is_wanted_and_then_reached(kit):
    candidate = await made(kit)
    wanted = await kit.store.deployments.want(candidate.id, "shadow", "ben", "to see")
    assert (wanted.stage, wanted.wanted, wanted.needs_engines) == ("candidate", "shadow", True)
    assert [each.id for each in await kit.store.deployments.live()] == [candidate.id]
    reached = await kit.store.deployments.reach(candidate.id, "ben", "to see", {"pairs": 3})
    assert (reached.stage, reached.wanted) == ("shadow", None)
    newest = (await kit.store.deployments.history(deployment_id=candidate.id))[0]
    assert (newest.before, newest.after, newest.by, newest.why) == ("candidate", "shadow", "ben", "to see")
    assert newest.figures == {"pairs": 3}
    with pytest.raises(Conflict, match="nowhere"):
        await kit.store.deployments.reach(candidate.id, "ben", "", {})


async def test_what_cannot_follow_is_refused(kit):
    trial = await at(kit, "canary")
    with pytest.raises(Conflict, match="cannot become"):
        await kit.store.deployments.want(trial.id, "candidate", "ana", "")
    await kit.store.deployments.roll_back(trial.id, "ana", "", {})
    with pytest.raises(Conflict, match="cannot become"):
        await kit.store.deployments.want(trial.id, "canary", "ana", "")
    with pytest.raises(Conflict, match="not in service"):
        await kit.store.deployments.roll_back(trial.id, "ana", "", {})


async def test_what_cannot_be_loaded_stays_where_it_is(kit):
    candidate = await made(kit)
    await kit.store.deployments.want(candidate.id, "canary", "ana", "")
    left = await kit.store.deployments.unwant(candidate.id, "its rank is 64, the engine takes 16")
    assert (left.stage, left.wanted, left.leaving) == ("candidate", None, True)
    assert left.problem == "its rank is 64, the engine takes 16"


async def test_one_trial_and_one_champion_in_a_scope(kit):
    await at(kit, "canary", A)
    with pytest.raises(Conflict, match=A):
        await at(kit, "shadow", B)
    await at(kit, "shadow", B, scope="group:hr")
    live = await kit.store.deployments.live()
    assert {(each.scope, each.stage) for each in live} == {("*", "canary"), ("group:hr", "shadow")}


async def test_a_champion_takes_the_place_of_the_one_before(kit):
    first = await at(kit, "champion", A)
    second = await at(kit, "champion", B)
    retired = await kit.store.deployments.get(first.id)
    assert (retired.stage, retired.leaving, retired.why) == ("retired", True, f"{B} took its place")
    assert [each.id for each in await kit.store.deployments.former("*")] == [first.id]
    ended = await kit.store.deployments.roll_back(second.id, "ben", "worse", {}, restore=first.id)
    assert (ended.stage, ended.leaving) == ("rolled_back", True)
    back = await kit.store.deployments.get(first.id)
    assert (back.stage, back.leaving) == ("champion", False)
    moves = [(each.version, each.before, each.after) for each in await kit.store.deployments.history(limit=2)]
    assert set(moves) == {(B, "champion", "rolled_back"), (A, "retired", "champion")}
    await kit.store.deployments.left(second.id)
    assert [each.id for each in await kit.store.deployments.live()] == [first.id]


async def test_many_at_once_are_one_after_the_other(kit):
    trials = [await made(kit, version) for version in (A, B, C)]

    async def begin(each):
        await kit.store.deployments.want(each.id, "canary", "ana", "")
        return await kit.store.deployments.reach(each.id, "ana", "", {})

    found = await asyncio.gather(*(begin(each) for each in trials), return_exceptions=True)
    reached = [each for each in found if not isinstance(each, BaseException)]
    assert len(reached) >= 1
    assert all(isinstance(each, Conflict) for each in found if isinstance(each, BaseException))
    on_trial = [each for each in await kit.store.deployments.live() if each.stage == "canary"]
    assert len(on_trial) == 1
    again = await asyncio.gather(
        *(kit.store.deployments.roll_back(on_trial[0].id, who, "", {}) for who in "abc"), return_exceptions=True
    )
    assert sum(isinstance(each, Conflict) for each in again) == 2


async def test_a_change_that_is_broken_off_leaves_a_whole_stage(kit):
    await at(kit, "champion", A)
    second = await made(kit, B)
    await kit.store.deployments.want(second.id, "champion", "ana", "")
    for pause in (0.0, 0.0005, 0.001, 0.002, 0.004):
        task = asyncio.create_task(kit.store.deployments.reach(second.id, "ana", "", {}))
        await asyncio.sleep(pause)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        live = await kit.store.deployments.live()
        assert [each.version for each in live if each.stage == "champion"] in ([A], [B])
        newest = (await kit.store.deployments.history(limit=1))[0]
        assert (newest.after == "champion") or live[-1].wanted == "champion"


async def test_observations_are_kept_once_and_in_order(kit):
    trial = await at(kit, "canary")
    one, other = Figures(answerable=True, support=0.5, words=9), Figures(failed="generation_invalid", invalid=2)
    for _ in range(2):
        await kit.store.deployments.observe(trial.id, "q-1", "ana", "candidate", True, one)
    await kit.store.deployments.observe(trial.id, "q-1", "ana", "champion", False, other)
    found = await kit.store.deployments.observations(trial.id)
    assert [(each.arm, each.shown, each.figures) for each in found] == [
        ("candidate", True, one),
        ("champion", False, other),
    ]
    assert [each.arm for each in await kit.store.deployments.observations(trial.id, found[0].number)] == ["champion"]
    soon = datetime.now(UTC) + timedelta(hours=1)
    assert await kit.store.deployments.forget(soon) == 0, "it is on trial"
    await kit.store.deployments.roll_back(trial.id, "ana", "", {})
    assert await kit.store.deployments.forget(soon) == 2


async def answered(kit, principal, answer_id):
    await kit.store.answers.begin(answer_id, None, principal, "How long is leave?")
    generator = GeneratorInfo(name="g", fingerprint="f")
    retrieval = Retrieval(used=True, reason="", n=0)
    await kit.store.answers.finish(
        Answer(
            id=answer_id, question="?", statements=(), sources=(), answerable=False, retrieval=retrieval,
            generator=generator, timings_ms={},
        )
    )  # fmt: skip


async def test_the_first_word_of_each_person_counts_for_who_answered_him(kit):
    trial = await at(kit, "canary")
    for answer_id, arm, failed in (("a-1", "candidate", None), ("a-2", "champion", None), ("a-3", "candidate", "x")):
        await answered(kit, kit.bob, answer_id)
        await kit.store.deployments.observe(trial.id, answer_id, kit.bob.id, arm, True, Figures(failed=failed))
    await kit.store.feedback.put(kit.bob, "a-3", rating="down")  # another one answered in its place
    assert await kit.store.deployments.thumbs(trial.id) == []
    await kit.store.feedback.put(kit.bob, "a-2", rating="up")
    await kit.store.feedback.put(kit.bob, "a-1", rating="down")
    assert [(each.arm, each.good) for each in await kit.store.deployments.thumbs(trial.id)] == [("champion", True)]
