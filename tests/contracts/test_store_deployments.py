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
    await kit.store.deployments.left(candidate.id)
    found = await kit.store.deployments.get(candidate.id)
    assert (found.leaving, found.problem) == (False, "its rank is 64, the engine takes 16")


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
    crowned = await kit.store.deployments.history(reached="champion")
    assert [each.before for each in crowned if each.before == "champion"] == []
    assert {each.after for each in crowned} == {"champion"}
    assert set(moves) == {(B, "champion", "rolled_back"), (A, "retired", "champion")}
    await kit.store.deployments.left(second.id)
    assert [each.id for each in await kit.store.deployments.live()] == [first.id]


async def test_former_champions_come_in_the_order_in_which_they_were(kit):
    first, second = await at(kit, "champion", A), await at(kit, "champion", B)
    await at(kit, "champion", C)
    await kit.store.deployments.want(first.id, "champion", "ana", "")
    await kit.store.deployments.unwant(first.id, None)  # changed last, and champion longest ago
    assert [each.id for each in await kit.store.deployments.former("*")] == [second.id, first.id]
    assert await kit.store.deployments.former("group:hr") == []


async def test_only_a_former_champion_of_the_scope_is_restored(kit):
    champion, never = await at(kit, "champion", A), await made(kit, B)
    elsewhere = await at(kit, "champion", B, scope="group:hr")
    await kit.store.deployments.roll_back(elsewhere.id, "ana", "", {})
    for wrong in (never.id, elsewhere.id, champion.id):
        with pytest.raises(Conflict, match="never was the champion"):
            await kit.store.deployments.roll_back(champion.id, "ana", "", {}, restore=wrong)
    with pytest.raises(NotFound):
        await kit.store.deployments.roll_back(champion.id, "ana", "", {}, restore="nothing")
    assert (await kit.store.deployments.get(champion.id)).stage == "champion", "what is refused changes nothing"
    trial = await at(kit, "canary", C)
    with pytest.raises(Conflict, match="no champion"):
        await kit.store.deployments.roll_back(trial.id, "ana", "", {}, restore=elsewhere.id)
    await kit.store.deployments.roll_back(trial.id, "ana", "", {})
    await kit.store.deployments.roll_back(champion.id, "ana", "", {})
    live = await kit.store.deployments.live()
    assert [each for each in live if each.stage in ("canary", "champion")] == []


async def test_what_is_retired_leaves_the_engines_and_nothing_is_in_its_way(kit):
    champion, _ = await at(kit, "champion", A), await at(kit, "canary", B)
    await kit.store.deployments.want(champion.id, "retired", "ana", "enough")
    retired = await kit.store.deployments.reach(champion.id, "ana", "enough", {})
    assert (retired.stage, retired.leaving) == ("retired", True)


async def test_a_way_that_was_begun_is_taken_back(kit):
    candidate = await made(kit)
    await kit.store.deployments.want(candidate.id, "champion", "ana", "")
    ended = await kit.store.deployments.roll_back(candidate.id, "ana", "", {})
    assert (ended.stage, ended.wanted, ended.leaving) == ("candidate", None, True)


async def test_a_share_and_a_problem_are_told(kit):
    trial = await at(kit, "canary")
    assert (await kit.store.deployments.set_share(trial.id, 0.5, "ben")).share == 0.5
    newest = (await kit.store.deployments.history(limit=1))[0]
    assert (newest.by, newest.before, newest.after, newest.why) == ("ben", "canary", "canary", "share 0.1 to 0.5")
    for problem in ("an engine is away", None):
        await kit.store.deployments.problem(trial.id, problem)
        assert (await kit.store.deployments.get(trial.id)).problem == problem
    with pytest.raises(NotFound):
        await kit.store.deployments.set_share("nothing", 0.5, "ben")


async def test_a_list_begins_with_what_changed_last(kit):
    first, second, third = [await made(kit, version, scope) for version, scope in ((A, "*"), (B, "*"), (C, "group:hr"))]
    await kit.store.deployments.want(first.id, "shadow", "ana", "")
    assert [each.id for each in await kit.store.deployments.newest()] == [first.id, third.id, second.id]
    assert [each.id for each in await kit.store.deployments.newest(scope="*", limit=1)] == [first.id]
    assert {each.scope for each in await kit.store.deployments.history(scope="group:hr")} == {"group:hr"}


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


async def test_of_many_who_want_their_own_at_once_one_is_let(kit):
    for number in range(5):
        scope = f"group:{number}"
        candidates = [await made(kit, version, scope) for version in (A, B, C)]
        found = await asyncio.gather(
            *(kit.store.deployments.want(each.id, "canary", "ana", "") for each in candidates), return_exceptions=True
        )
        assert sorted(type(each).__name__ for each in found) == ["Conflict", "Conflict", "Deployment"]
        assert len([each for each in await kit.store.deployments.live() if each.scope == scope]) == 1


async def test_of_many_who_make_the_same_candidate_all_get_one(kit):
    for number in range(5):
        found = await asyncio.gather(*(made(kit, A, f"group:{number}") for _ in range(4)))
        assert len({each.id for each in found}) == 1


async def test_of_many_who_reach_one_stage_one_does(kit):
    first, second = await at(kit, "champion", A), await made(kit, B)
    await kit.store.deployments.want(second.id, "champion", "ana", "")
    found = await asyncio.gather(
        *(kit.store.deployments.reach(second.id, who, "", {}) for who in "abcd"), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in found) == ["Conflict"] * 3 + ["Deployment"]
    moves = [(each.deployment_id, each.after) for each in await kit.store.deployments.history(limit=3)]
    assert sorted(moves[:2]) == sorted([(second.id, "champion"), (first.id, "retired")])
    assert moves[2][1] == "candidate"


async def test_back_and_forth_at_once_leaves_one_champion(kit):
    for number in range(5):
        scope = f"group:{number}"
        first, second = await at(kit, "champion", A, scope), await at(kit, "champion", B, scope)
        await kit.store.deployments.want(first.id, "champion", "ana", "")
        found = await asyncio.gather(
            kit.store.deployments.reach(first.id, "ana", "", {}),
            kit.store.deployments.roll_back(second.id, "ana", "", {}, restore=first.id),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in found) == ["Conflict", "Deployment"]
        live = [each for each in await kit.store.deployments.live() if each.scope == scope]
        assert [each.id for each in live if each.stage == "champion"] == [first.id]


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


async def test_a_rollback_that_is_broken_off_leaves_one_champion(kit):
    first, second = await at(kit, "champion", A), await at(kit, "champion", B)
    roll_back = kit.store.deployments.roll_back
    for pause in (0.0, 0.0005, 0.001, 0.002, 0.004, 0.008):
        task = asyncio.create_task(roll_back(second.id, "ana", "", {}, restore=first.id))
        await asyncio.sleep(pause)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        stages = [(await kit.store.deployments.get(each.id)).stage for each in (first, second)]
        assert stages in (["retired", "champion"], ["champion", "rolled_back"])
        newest = [each.after for each in await kit.store.deployments.history(limit=2)]
        assert (sorted(newest) == ["champion", "rolled_back"]) == (stages[0] == "champion")


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


async def test_observations_are_read_in_pages(kit):
    trial, other = await at(kit, "shadow"), await at(kit, "shadow", B, scope="group:hr")
    for number in range(5):
        await kit.store.deployments.observe(trial.id, f"q-{number}", "ana", "champion", True, Figures(words=number))
        await kit.store.deployments.observe(other.id, f"q-{number}", "ana", "champion", True, Figures())
    seen, after = [], 0
    while page := await kit.store.deployments.observations(trial.id, after, limit=2):
        assert len(page) <= 2
        seen += [each.figures.words for each in page]
        after = page[-1].number
    assert seen == [0, 1, 2, 3, 4]


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


async def test_words_are_told_from_a_time_on_and_each_has_its_moment(kit):
    trial = await at(kit, "canary")
    before = datetime.now(UTC)
    for answer_id, who in (("b-1", kit.bob), ("b-2", kit.admin)):
        await answered(kit, who, answer_id)
        await kit.store.deployments.observe(trial.id, answer_id, who.id, "candidate", True, Figures())
        await kit.store.feedback.put(who, answer_id, rating="up")
    first, second = await kit.store.deployments.thumbs(trial.id)
    assert (first.principal_id, second.principal_id) == (kit.bob.id, kit.admin.id)
    assert before <= first.at <= second.at <= datetime.now(UTC)
    assert await kit.store.deployments.thumbs(trial.id, second.at) == [second]
    assert await kit.store.deployments.thumbs(trial.id, datetime.now(UTC) + timedelta(hours=1)) == []
    observed = await kit.store.deployments.observations(trial.id)
    assert all(before <= each.at <= datetime.now(UTC) for each in observed)


async def test_who_began_it_is_known_whoever_moved_it_since(kit):
    candidate = await made(kit)
    await kit.store.deployments.want(candidate.id, "shadow", "ben", "")
    await kit.store.deployments.unwant(candidate.id, "no engine takes it")
    assert await kit.store.deployments.begun_by(candidate.id) == {"ana"}
    await kit.store.deployments.create("*", A, "cleo", share=0.1, rules={})
    assert await kit.store.deployments.begun_by(candidate.id) == {"ana", "cleo"}


async def test_what_ended_as_a_trial_is_no_champion_without_another(kit):
    trial = await at(kit, "canary")
    await kit.store.deployments.roll_back(trial.id, "the guards", "breached", {})
    with pytest.raises(Conflict, match="begin it again"):
        await kit.store.deployments.want(trial.id, "champion", "ana", "")
    champion = await at(kit, "champion", B)
    await kit.store.deployments.roll_back(champion.id, "ana", "", {})
    assert (await kit.store.deployments.want(champion.id, "champion", "ana", "")).wanted == "champion"


async def test_what_moved_meanwhile_is_not_moved_on(kit):
    trial = await at(kit, "shadow")
    await kit.store.deployments.want(trial.id, "canary", "ana", "")
    with pytest.raises(Conflict, match="meanwhile"):
        await kit.store.deployments.want(trial.id, "canary", "the guards", "", standing="shadow")
    await kit.store.deployments.reach(trial.id, "ana", "", {})
    with pytest.raises(Conflict, match="meanwhile"):
        await kit.store.deployments.want(trial.id, "canary", "the guards", "", standing="shadow")
    moved = await kit.store.deployments.want(trial.id, "champion", "the guards", "", standing="canary")
    assert moved.wanted == "champion"


async def test_only_what_is_tried_has_a_share(kit):
    champion = await at(kit, "champion")
    trial = await at(kit, "canary", B)
    assert (await kit.store.deployments.set_share(trial.id, 0.4, "ana")).share == 0.4
    with pytest.raises(Conflict, match="no share"):
        await kit.store.deployments.set_share(champion.id, 0.4, "ana")
    assert [each.why for each in await kit.store.deployments.history(deployment_id=champion.id)] == ["", ""]
