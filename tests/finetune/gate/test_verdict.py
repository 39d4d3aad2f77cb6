from __future__ import annotations

from dataclasses import replace

import pytest

from finetune.gate.compare import Interval
from finetune.gate.identity import Problem
from finetune.gate.judging import Judged
from finetune.gate.leaks import Leak, Leaks
from finetune.gate.results import Compared, Results
from finetune.gate.rules import GateRules, JudgeRules, LeakRules, MeasureRule
from finetune.gate.verdict import Verdict, before, verdict

RULES = GateRules(measures={"support": {"margin": 0.1, "floor": 0.5}})
ONLY = RULES.model_copy(update={"measures": {"support": RULES.measures["support"]}})


def compared(
    value: float, low: float, high: float, n: int = 100, measure: str = "support", part: str | None = None
) -> Compared:
    interval = Interval(value=value, low=low, high=high, n=n, clusters=n, confidence=0.95)
    return Compared(measure=measure, slice=part, candidate=0.8 + value, champion=0.8, interval=interval)


def results(*found: Compared, **others: object) -> Results:
    anchors = compared(0.0, -0.01, 0.01, measure="general")
    bare = Results(items=100, clusters=50, general=anchors, measures={each.measure: each for each in found})
    return replace(bare, **others)  # type: ignore[arg-type]


def causes(found: Verdict) -> list[tuple[str, str | None, str]]:
    return [(reason.measure, reason.slice, reason.cause) for reason in found.reasons]


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (compared(0.0, -0.05, 0.05), None),
        (compared(-0.02, -0.04, -0.01), None),  # worse for sure, and by less than may be
        (compared(0.0, -0.12, 0.12), "not_shown"),
        (compared(-0.08, -0.12, -0.04), "worse"),
        (compared(-0.2, -0.3, -0.1), "worse"),
    ],
)
def test_the_lower_end_decides(given: Compared, cause: str | None) -> None:
    found = verdict(ONLY, results(given))
    assert found.passed is (cause is None)
    assert causes(found) == ([] if cause is None else [("support", None, cause)])


def test_less_is_better_of_repetition() -> None:
    rules = ONLY.model_copy(update={"measures": {"repetition": MeasureRule(margin=0.05)}})
    assert verdict(rules, results(compared(-0.2, -0.3, -0.1, measure="repetition"))).passed
    assert not verdict(rules, results(compared(0.2, 0.1, 0.3, measure="repetition"))).passed


def test_floor_and_gain_are_the_candidates_own() -> None:
    low = replace(compared(0.0, -0.01, 0.01), candidate=0.4, champion=0.4)
    assert causes(verdict(ONLY, results(low))) == [("support", None, "floor")]
    wanted = ONLY.model_copy(update={"measures": {"support": MeasureRule(margin=0.1, required_gain=0.03)}})
    assert causes(verdict(wanted, results(compared(0.02, 0.01, 0.03)))) == [("support", None, "no_gain")]
    assert causes(verdict(wanted, results(compared(0.05, -0.01, 0.1)))) == [("support", None, "no_gain")]
    assert causes(verdict(wanted, results(compared(0.05, 0.01, 0.1)))) == [("support", None, "no_gain")]
    assert verdict(wanted, results(compared(0.05, 0.03, 0.1))).passed


def test_a_gain_that_too_few_items_tell_of_is_not_shown() -> None:
    wanted = ONLY.model_copy(update={"measures": {"support": MeasureRule(margin=0.1, required_gain=0.0)}})
    assert causes(verdict(wanted, results(compared(0.3, 0.1, 0.5, n=12)))) == [("support", None, "too_few")]
    assert causes(verdict(wanted, results())) == [("support", None, "too_few")]


@pytest.mark.parametrize("anchors", [None, 12])
def test_too_few_anchors_are_undecided_and_stop_where_they_are_required(anchors: int | None) -> None:
    whole = None if anchors is None else compared(0.0, -0.01, 0.01, n=anchors, measure="general")
    few = replace(results(compared(0.0, -0.01, 0.01)), general=whole)
    assert verdict(ONLY, few) == Verdict(passed=True, undecided=("general",))
    demanded = ONLY.model_copy(update={"general": ONLY.general.model_copy(update={"required": True})})
    assert causes(verdict(demanded, few)) == [("general", None, "too_few")]


def test_few_items_stop_what_is_shown_and_leave_the_rest_undecided() -> None:
    few = compared(0.0, -0.3, 0.3, n=12)
    assert verdict(ONLY, results(few)) == Verdict(passed=True, undecided=("support",))
    assert causes(verdict(ONLY, results(compared(-0.5, -0.7, -0.3, n=12)))) == [("support", None, "worse")]
    required = ONLY.model_copy(update={"measures": {"support": MeasureRule(margin=0.1, required=True)}})
    assert causes(verdict(required, results(few))) == [("support", None, "too_few")]
    assert causes(verdict(required, results())) == [("support", None, "too_few")]


def test_fewer_clusters_than_five_show_nothing() -> None:
    given = compared(-0.5, -0.7, -0.3)
    few = replace(given, interval=replace(given.interval, clusters=4))
    assert causes(verdict(ONLY, results(few, clusters=4))) == [("items", None, "too_few")]


def test_too_few_questions_decide_nothing() -> None:
    found = verdict(ONLY, results(compared(0.1, 0.05, 0.2, n=29), items=29))
    assert ("items", None, "too_few") in causes(found)


@pytest.mark.parametrize(
    ("value", "low", "high", "cause"),
    [(1.6, 1.5, 1.7, "ceiling"), (1.2, 1.0, 1.4, "not_shown"), (1.0, 0.9, 1.1, None), (0.3, 0.2, 0.45, None)],
)
def test_a_ratio_stays_within_its_bounds(value: float, low: float, high: float, cause: str | None) -> None:
    rules = ONLY.model_copy(update={"measures": {"latency_ratio": MeasureRule(ceiling=1.25)}})
    found = verdict(rules, results(compared(value, low, high, n=30, measure="latency_ratio")))
    assert causes(found) == ([] if cause is None else [("latency_ratio", None, cause)])


def test_a_part_stops_where_it_is_shown_to_be_worse_and_only_there() -> None:
    good = compared(0.2, 0.1, 0.3)
    worse, unclear = compared(-0.3, -0.5, -0.1, part="language:de"), compared(-0.2, -0.5, 0.1, part="language:en")
    found = verdict(ONLY, results(good, slices=(worse, unclear)))
    assert causes(found) == [("support", "language:de", "worse")]


def test_a_task_may_drop_as_far_as_its_rule_says() -> None:
    drop = compared(-0.12, -0.2, -0.05, measure="general", part="task:sums")
    assert causes(verdict(ONLY, results(tasks=(drop,)))) == [("general", "task:sums", "worse")]
    lenient = ONLY.model_copy(update={"general": ONLY.general.model_copy(update={"tasks": {"sums": 0.2}})})
    assert verdict(lenient, results(tasks=(drop,))).passed


LOST = Judged(
    wins=10, losses=90, ties=0, unsure=0, kappa=0.8, people=50, trusted=True,
    rate=Interval(value=0.1, low=0.05, high=0.15, n=100, clusters=100, confidence=0.95),
)  # fmt: skip


def test_a_judge_alone_stops_nothing() -> None:
    judging = ONLY.model_copy(update={"judge": JudgeRules(enabled=True)})
    even, fell = results(compared(0.0, -0.05, 0.05)), results(compared(-0.03, -0.05, -0.01))
    assert verdict(judging, even, LOST).passed
    assert causes(verdict(judging, fell, LOST)) == [("judge", None, "judge")]
    assert verdict(judging, fell, replace(LOST, trusted=False)).passed
    assert verdict(ONLY, fell, LOST).passed


def test_what_is_known_before_stops_before() -> None:
    clean = Leaks(items=10, rows=10)
    assert before(RULES, (), clean) == ()
    assert [each.cause for each in before(RULES, (Problem(code="wrong_base", said="No."),), clean)] == ["identity"]
    assert [each.cause for each in before(RULES, (), None)] == ["leak_unchecked"]
    assert [each.cause for each in before(RULES, (), Leaks(items=10))] == ["leak_unchecked"]
    assert [each.cause for each in before(RULES, (), replace(clean, unread=("gone@1",)))] == ["leak_unchecked"]
    found = replace(clean, found=(Leak(item="i", row="r", what="question"),))
    assert [each.cause for each in before(RULES, (), found)] == ["leak"]
    lenient = RULES.model_copy(update={"leak": LeakRules(max_share=0.1, required=False)})
    assert before(lenient, (), found) == ()
    assert before(lenient, (), None) == ()


def test_what_could_not_be_measured_stops_only_where_it_is_required() -> None:
    why = {"memory_ratio": "the engine is on another machine"}
    optional = ONLY.model_copy(update={"measures": {"memory_ratio": MeasureRule(ceiling=1.1)}})
    found = verdict(optional, results(unmeasured=why))
    assert (found.passed, found.undecided) == (True, ("memory_ratio",))
    demanded = ONLY.model_copy(update={"measures": {"memory_ratio": MeasureRule(ceiling=1.1, required=True)}})
    found = verdict(demanded, results(unmeasured=why))
    assert found.blocked_by == ("memory_ratio",)
    assert why["memory_ratio"] in found.reasons[0].said
