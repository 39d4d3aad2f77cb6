"""Guards: each finds its own harm, all of them together leave a good candidate alone, and ready is what was shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from finetune.rollout.guards import GuardRules, Guards, judge
from finetune.rollout.rules import NAMES
from finetune.rollout.sequential import evidence
from finetune.rollout.stages import Figures, Observation, Thumb
from tests.finetune.rollout.people import NONE, Harm, play

RULES = GuardRules()
LIMIT = len(NAMES) / RULES.alpha
WIDE = GuardRules(
    support=0.1, abstention=0.2, overreach=0.2, invalid=0.1, failures=0.1, length=0.2, latency=0.3, waived=("thumbs",)
)
"""So much is borne that a short trial can show that there is no more."""


@pytest.mark.slow
def test_the_same_version_against_itself_is_left_alone() -> None:
    alarms = [judge(*_seen(seed, 800, share=0.1 if seed % 2 else 0.5), RULES).breached for seed in range(200)]
    assert sum(bool(each) for each in alarms) <= 0.05 * 200


@pytest.mark.parametrize("tolerance", [0.0, RULES.failures, RULES.abstention])
@pytest.mark.parametrize("before", [0, 20, 100, 500])
def test_what_counts_of_one_person_is_no_breach_alone(tolerance: float, before: int) -> None:
    assert evidence([0.0] * before + [1.0] * RULES.per_person, tolerance, LIMIT).crossed is None


def test_one_persons_dozen_of_the_same_question_ends_nothing() -> None:
    one = [each for number in range(60) for each in _repeated(number, "loud", "the same")]
    assert judge(one, [], RULES).breached == ()
    assert "failures" in judge(one, [], RULES.model_copy(update={"per_person": 60, "per_question": 60})).breached


def test_one_question_that_many_ask_ends_nothing_and_many_questions_do() -> None:
    one = [each for number in range(60) for each in _repeated(number, f"person {number}", "the same")]
    assert judge(one, [], RULES).breached == ()
    many = [each for number in range(60) for each in _repeated(number, f"person {number}", f"question {number}")]
    assert "failures" in judge(many, [], RULES).breached


def test_people_who_wait_long_are_no_slow_candidate() -> None:
    trial = play(23, 900, share=0.3, people=30)
    asked_first = {each.principal_id for each in trial.observations if each.arm == "candidate" and each.shown}
    patient = [_slowed(each) if each.principal_id in asked_first else each for each in trial.observations]
    assert "latency" not in judge(patient, trial.thumbs, RULES).breached
    everybody = [_slowed(each) if each.arm == "candidate" else each for each in trial.observations]
    assert "latency" in judge(everybody, trial.thumbs, RULES).breached


def test_few_people_are_enough_for_a_slow_candidate() -> None:
    trial = play(27, 400, share=0.5, people=6)
    slow = [_slowed(each) if each.arm == "candidate" else each for each in trial.observations]
    assert "latency" in judge(slow, [], RULES).breached


def test_what_is_written_second_is_no_slow_candidate() -> None:
    trial = play(29, 1500)
    second = [each if each.shown else _slowed(each) for each in trial.observations]
    state = next(each for each in judge(second, [], RULES).guards if each.name == "latency")
    assert state.n > 100
    assert not state.breached
    assert state.difference == pytest.approx(0.0, abs=0.02)


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
        ("failures", Harm(failures=0.08)),
        ("latency", Harm(slower=2.0)),
        ("length", Harm(longer=2.5)),
        ("thumbs", Harm(down=0.6)),
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


def test_ready_is_what_excludes_more_harm_than_is_borne() -> None:
    assert not judge([], [], WIDE).ready
    early = judge(*_seen(17, 40), WIDE)
    assert not early.ready
    assert "of 100 questions" in early.said
    late = judge(*_seen(17, 1500), WIDE)
    assert late.ready, late.said
    assert "excluded in all" in late.said or late.better
    for each in late.guards:
        if each.name != "thumbs":
            assert each.excluded
            assert each.upper is not None
            assert each.upper <= each.tolerance


@pytest.mark.parametrize("harm", [Harm(support=0.12), Harm(abstention=0.22), Harm(invalid=0.12)])
def test_what_is_somewhat_worse_than_borne_is_never_ready(harm: Harm) -> None:
    for seed in range(4):
        trial = play(400 + seed, 900, harm)
        guards, seen = Guards(WIDE), 0
        for each in trial.observations:
            guards.observe(each)
            seen += each.number % 50 == 0
            assert each.number % 50 or not guards.judgement().ready
        assert seen > 20


def test_what_a_trial_cannot_show_needs_a_person_and_is_named() -> None:
    found = judge(*_seen(17, 1200), RULES)
    assert found.breached == ()
    assert not found.ready
    assert {"failures", "thumbs"} <= set(found.person)
    assert "support" not in found.open
    assert "failures (" in found.said
    assert "a person's word" in found.said
    done = judge(*_seen(17, 1200), RULES.model_copy(update={"longest": 200}))
    assert done.needs_person
    assert set(done.person) == set(done.open)


def test_what_is_waived_need_not_be_shown_and_still_ends_a_trial() -> None:
    waived = WIDE.model_copy(update={"waived": ("thumbs", "failures"), "failures": 0.0})
    assert judge(*_seen(17, 1500), waived).ready
    assert "failures" in judge(*_seen(12, 1500, Harm(failures=0.2)), waived).breached


def test_a_shadow_goes_on_without_what_it_cannot_show() -> None:
    trial = play(17, 1500)
    shadow = [replace(each, shown=each.arm == "champion") for each in trial.observations]
    rules = WIDE.model_copy(update={"waived": ()})
    assert judge(shadow, [], rules, "shadow").ready
    assert set(judge(shadow, [], rules, "canary").open) == {"latency", "thumbs"}


def test_a_better_one_is_shown_to_be() -> None:
    found = judge(*_seen(19, 600, Harm(support=-0.15)), RULES)
    assert found.better
    assert found.breached == ()


def test_the_moment_of_a_breach_is_that_of_what_was_seen_last() -> None:
    guards = Guards(RULES)
    for number in range(60):
        for each in _repeated(number, f"person {number}", f"question {number}"):
            guards.observe(replace(each, at=datetime(2026, 11, 1, 12, 0, number, tzinfo=UTC)))
    assert guards.breached
    state = next(each for each in guards.judgement().guards if each.name == "failures")
    assert state.crossed is not None
    assert guards.breached_at == datetime(2026, 11, 1, 12, 0, state.crossed - 1, tzinfo=UTC)


def test_rules_that_cannot_be_are_refused() -> None:
    for wrong in ({"alpha": 0.0}, {"latency_factor": 1.0}, {"speed": 2}, {"waived": ["speed"]}):
        with pytest.raises(ValidationError):
            GuardRules.model_validate(wrong)


def _repeated(number: int, person: str, question: str) -> list[Observation]:
    """A question that the candidate alone fails on."""
    good = Figures(answerable=True, support=0.9, words=9, question=question)
    common = {"deployment_id": "d", "answer_id": f"q{number}", "principal_id": person}
    return [
        Observation(**common, number=2 * number, arm="candidate", shown=True, figures=replace(good, failed="x")),  # type: ignore[arg-type]
        Observation(**common, number=2 * number + 1, arm="champion", shown=False, figures=good),  # type: ignore[arg-type]
    ]


def _slowed(each: Observation) -> Observation:
    return replace(each, figures=replace(each.figures, milliseconds=20 * each.figures.milliseconds))


def _seen(seed: int, answers: int, harm: Harm = NONE, share: float = 0.5) -> tuple[list[Observation], list[Thumb]]:
    trial = play(seed, answers, harm, share)
    return trial.observations, trial.thumbs
