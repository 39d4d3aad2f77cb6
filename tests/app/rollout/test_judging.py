"""Judging reads what is new and nothing twice, and comes to what a judgement of all that was observed would be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.rollout.judging import Judges
from finetune.rollout.guards import GuardRules, judge
from finetune.rollout.stages import Deployment, Observation, Thumb
from tests.finetune.rollout.people import play

NOW = datetime(2026, 11, 1, tzinfo=UTC)
RULES = GuardRules()
TRIAL = Deployment(
    id="d", scope="*", version="hr@aaaaaaaaaaaaaaaa", stage="canary", created_at=NOW, changed_at=NOW,
    rules=RULES.model_dump(mode="json"),
)  # fmt: skip


class Kept:
    """Observations as a database tells them, and how many rows were read."""

    def __init__(self, observations: Sequence[Observation], thumbs: Sequence[Thumb] = ()) -> None:
        self.observed, self.words = list(observations), list(thumbs)
        self.rows = 0
        self.since: list[datetime | None] = []

    async def observations(self, deployment_id: str, after: int = 0, limit: int = 100_000) -> list[Observation]:
        found = sorted((each for each in self.observed if each.number > after), key=lambda each: each.number)[:limit]
        self.rows += len(found)
        return found

    async def thumbs(self, deployment_id: str, since: datetime | None = None) -> list[Thumb]:
        self.since.append(since)
        return [each for each in self.words if since is None or (each.at is not None and each.at >= since)]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def seen(answers: int = 400) -> tuple[list[Observation], list[Thumb]]:
    trial = play(3, answers)
    thumbs = [replace(each, at=NOW + timedelta(minutes=number)) for number, each in enumerate(trial.thumbs)]
    return trial.observations, thumbs


async def test_piece_by_piece_it_says_what_it_says_of_the_whole() -> None:
    observations, thumbs = seen()
    kept, clock = Kept([]), Clock()
    judges = Judges(kept, clock)
    for start in range(0, len(observations), 37):
        kept.observed = observations[: start + 37]
        kept.words = thumbs[: (start + 37) // 12]
        clock.now += 20.0
        await judges.judged(TRIAL)
    kept.words = thumbs
    assert (await judges.judged(TRIAL)).judgement == judge(observations, thumbs, RULES)
    assert judges.latest["d"].pairs > 100


async def test_what_is_settled_is_not_read_again() -> None:
    observations, thumbs = seen()
    kept, clock = Kept(observations, thumbs), Clock()
    judges = Judges(kept, clock)
    await judges.judged(TRIAL)
    assert kept.rows == len(observations)
    clock.now += 61.0
    await judges.judged(TRIAL)  # now it is settled
    kept.rows = 0
    for _ in range(5):
        await judges.judged(TRIAL)
    assert kept.rows == 0
    assert kept.since[0] is None
    assert kept.since[-1] is not None
    assert kept.since[-1] > NOW


async def test_a_smaller_number_that_comes_after_a_larger_one_is_seen() -> None:
    observations, _ = seen(200)
    late = {5, 6, 40, 41}
    kept = Kept([each for each in observations if each.number not in late])
    clock = Clock()
    judges = Judges(kept, clock)
    before = (await judges.judged(TRIAL)).judgement
    clock.now += 30.0
    kept.observed = observations
    after = (await judges.judged(TRIAL)).judgement
    assert after.pairs + after.left_out > before.pairs + before.left_out
    whole = judge(observations, [], RULES)
    assert after.pairs + after.left_out == whole.pairs + whole.left_out
    await judges.judged(TRIAL)
    assert judges.latest["d"] == after, "what was read again counts once"


async def test_after_a_restart_it_is_what_it_was() -> None:
    observations, thumbs = seen()
    kept = Kept(observations, thumbs)
    assert (await Judges(kept).judged(TRIAL)).judgement == (await Judges(kept).judged(TRIAL)).judgement


async def test_many_who_ask_at_once_count_nothing_twice() -> None:
    observations, thumbs = seen()
    judges = Judges(Kept(observations, thumbs))
    found = await asyncio.gather(*(judges.judged(TRIAL) for _ in range(8)))
    assert {each.judgement.pairs for each in found} == {judge(observations, thumbs, RULES).pairs}


async def test_who_is_cancelled_leaves_what_the_next_one_needs() -> None:
    observations, thumbs = seen()
    judges = Judges(Kept(observations, thumbs))
    for turns in (1, 2, 3, 5, 7):
        task = asyncio.create_task(judges.judged(TRIAL))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (await judges.judged(TRIAL)).judgement == judge(observations, thumbs, RULES)


async def test_other_rules_are_a_new_beginning() -> None:
    observations, _ = seen()
    judges = Judges(Kept(observations))
    few: dict[str, Any] = {**TRIAL.rules, "per_person": 1}
    assert (await judges.judged(replace(TRIAL, rules=few))).judgement.left_out > 100
    assert (await judges.judged(TRIAL)).judgement == judge(observations, [], RULES)


async def test_of_many_trials_the_last_are_remembered() -> None:
    judges = Judges(Kept(seen(40)[0]))
    for number in range(80):
        await judges.judged(replace(TRIAL, id=f"trial {number}"))
    assert len(judges.latest) == 64
    assert "trial 79" in judges.latest
