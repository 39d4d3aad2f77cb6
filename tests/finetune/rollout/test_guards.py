"""Guards: each finds its own harm, and all of them together leave a good candidate alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from finetune.rollout.guards import GuardRules, judge
from finetune.rollout.stages import Observation, Thumb
from tests.finetune.rollout.people import NONE, Harm, play

RULES = GuardRules()


@pytest.mark.slow
def test_the_same_version_against_itself_is_left_alone() -> None:
    alarms = [judge(*_seen(seed, 800, share=0.1 if seed % 2 else 0.5), RULES).breached for seed in range(200)]
    assert sum(bool(each) for each in alarms) <= 0.05 * 200


def test_one_person_who_waits_long_is_no_slow_candidate() -> None:
    trial = play(23, 600, share=0.3, people=10)
    loud = next(each.principal_id for each in trial.observations if each.arm == "candidate")
    patient = [_slowed(each) if each.principal_id == loud else each for each in trial.observations]
    assert "latency" not in judge(patient, trial.thumbs, RULES).breached
    everybody = [_slowed(each) if each.arm == "candidate" else each for each in trial.observations]
    assert "latency" in judge(everybody, trial.thumbs, RULES).breached


@pytest.mark.slow
def test_what_is_as_much_worse_as_is_borne_is_left_alone() -> None:
    borne = Harm(
        support=RULES.support, abstention=RULES.abstention, invalid=RULES.invalid, failures=RULES.failures
    )  # fmt: skip
    alarms = [judge(*_seen(1000 + seed, 800, borne), RULES).breached for seed in range(100)]
    assert sum(bool(each) for each in alarms) <= 0.05 * 100


@pytest.mark.parametrize(
    ("guard", "harm"),
    [
        ("support", Harm(support=0.15)),
        ("abstention", Harm(abstention=0.2)),
        ("overreach", Harm(abstention=-0.12)),
        ("invalid", Harm(invalid=0.1)),
        ("failures", Harm(failures=0.06)),
        ("latency", Harm(slower=2.0)),
        ("length", Harm(longer=2.5)),
        ("thumbs", Harm(down=0.5)),
    ],
)
def test_each_harm_is_found_by_its_guard(guard: str, harm: Harm) -> None:
    rules = RULES if guard != "overreach" else GuardRules(overreach=0.01)
    found = judge(*_seen(12, 2000, harm), rules)
    assert guard in found.breached
    assert guard in found.said
    assert not found.ready


def test_harm_that_begins_late_is_found() -> None:
    found = judge(*_seen(13, 1500, Harm(support=0.25, since=0.6)), RULES)
    assert "support" in found.breached


def test_what_is_ready_is_said() -> None:
    assert not judge([], [], RULES).ready
    early = judge(*_seen(17, 40), RULES)
    assert not early.ready
    assert "of 100 questions" in early.said
    late = judge(*_seen(17, 900), RULES)
    assert late.ready
    assert "nothing speaks against" in late.said or late.better


def test_a_better_one_is_shown_to_be() -> None:
    found = judge(*_seen(19, 600, Harm(support=-0.15)), RULES)
    assert found.better
    assert found.breached == ()


def test_rules_that_cannot_be_are_refused() -> None:
    for wrong in ({"alpha": 0.0}, {"latency_factor": 1.0}, {"speed": 2}):
        with pytest.raises(ValidationError):
            GuardRules.model_validate(wrong)


def _slowed(each: Observation) -> Observation:
    return replace(each, figures=replace(each.figures, milliseconds=20 * each.figures.milliseconds))


def _seen(seed: int, answers: int, harm: Harm = NONE, share: float = 0.5) -> tuple[list[Observation], list[Thumb]]:
    trial = play(seed, answers, harm, share)
    return trial.observations, trial.thumbs
