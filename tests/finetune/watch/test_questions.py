"""Drift of questions: new topics, topics that grow, other languages; and the peace where there is none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from finetune.watch.findings import Finding, alarms
from finetune.watch.questions import Questions, nearest, questions
from finetune.watch.records import Seen
from finetune.watch.rules import WatchRules
from tests.finetune.watch.stream import AS_EVER, TOPICS, Habits, stream

RULES = WatchRules()
NOTHING_BORNE = WatchRules(alpha=0.2, looks=1, psi=0, novelty=0, discrepancy=0)


@pytest.mark.slow
@pytest.mark.parametrize("habits", [AS_EVER, Habits(conversation=3)])
def test_where_nothing_drifts_alarms_are_as_seldom_as_promised(habits: Habits) -> None:
    seeds, raised = 100, 0
    for seed in range(seeds):
        found = questions(stream(seed, 450, habits), stream(seed + 10_000, 180, habits, name="b"), NOTHING_BORNE)
        raised += any(each.alarm for each in alarms({"*": found.findings}, NOTHING_BORNE)["*"])
    assert raised <= seeds * 0.2 + 3 * math.sqrt(seeds * 0.2 * 0.8)
    assert raised >= seeds * 0.03, "a watch that never speaks is none"


@pytest.mark.parametrize("seed", range(5))
def test_a_new_topic_is_found_and_its_questions_are_named(seed: int) -> None:
    now = stream(seed + 50, 250, Habits(new_topic=0.15), name="b")
    found = questions(stream(seed, 800), now, RULES)
    new = _judged(found)["new_questions"]
    assert new.state == "alarm"
    assert new.current == pytest.approx(0.16, abs=0.08)
    assert new.reference == pytest.approx(0.01, abs=0.01)
    assert len(new.ids) == RULES.examples
    assert {_topic(each) for each in now if each.id in new.ids} == {8}


def test_topics_that_grew_and_shrank_are_named() -> None:
    shifted = [each for each in stream(1, 1_500, name="b") if _topic(each) not in (0, 1)]
    before = stream(2, 800)
    found = questions(before, shifted, RULES)
    assert _judged(found)["topics"].state == "alarm"
    assert _judged(found)["topics"].level == "shifted"
    assert found.grew[0].current > found.grew[0].reference
    assert found.shrank[0].current < found.shrank[0].reference
    assert {_topic(each) for each in before if each.id in found.shrank[0].ids} <= {0, 1}
    assert {_topic(each) for each in shifted if each.id in found.grew[0].ids}.isdisjoint({0, 1})
    assert _judged(found)["topics"].ids == found.grew[0].ids


def test_a_shift_within_all_clusters_is_found_without_them() -> None:
    moved = [
        replace(each, vector=each.vector + np.float32(0.6))
        for each in stream(3, 400, name="b")
        if each.vector is not None
    ]
    assert _judged(questions(stream(4, 800), moved, RULES))["questions"].state == "alarm"


def test_other_languages_are_found() -> None:
    found = _judged(questions(stream(5, 400), stream(6, 200, Habits(language=0.4), name="b"), RULES))
    assert found["languages"].state == "alarm"
    assert [name for name, each in found.items() if each.alarm] == ["languages"]


def test_one_language_cannot_drift() -> None:
    only = Habits(language=0.0)
    found = _judged(questions(stream(7, 200, only), stream(8, 100, only, name="b"), RULES))["languages"]
    assert (found.state, found.index, found.p) == ("steady", 0.0, 1.0)


@pytest.mark.parametrize(("before", "now"), [(0, 0), (0, 200), (200, 0), (99, 200), (200, 49)])
def test_small_windows_are_too_little(before: int, now: int) -> None:
    found = questions(stream(9, before), stream(10, now, Habits(new_topic=0.9), name="b"), RULES)
    told = {each.measure: each for each in found.findings}
    assert {told[name].state for name in ("topics", "new_questions", "questions")} == {"too_little"}
    assert found.grew == found.shrank == ()


def test_a_reference_too_small_to_halve_says_how_many_it_needs() -> None:
    told = questions(stream(11, 80), stream(12, 100, name="b"), RULES).findings[0].too_little
    assert told == "The reference has 80 independent answers with this figure; 100 are needed."


def test_vectors_of_another_embedder_are_not_compared() -> None:
    old = [replace(each, vector=np.ones(8, dtype=np.float32)) for each in stream(13, 200)]
    told = questions(old, stream(14, 100, name="b"), RULES).findings[0]
    assert told.records == (0, 100)
    assert told.state == "too_little"


def test_vectors_that_are_missing_broken_or_all_the_same_do_no_harm() -> None:
    broken = np.full(len(TOPICS[0]), np.nan, dtype=np.float32)
    holes = [replace(each, vector=broken if place % 10 else None) for place, each in enumerate(stream(15, 50))]
    assert questions([*stream(16, 300), *holes], stream(17, 100, name="b"), RULES).findings[0].records[0] <= 300
    same = [replace(each, vector=np.zeros(24, dtype=np.float32)) for each in stream(18, 300)]
    found = questions(same, [replace(each, id=f"b{each.id}") for each in same[:100]], RULES)
    assert {each.state for each in found.findings} == {"steady"}


def test_the_order_of_records_does_not_matter() -> None:
    one, other = stream(19, 300), stream(20, 120, Habits(new_topic=0.1), name="b")
    first, again = questions(one, other, RULES), questions(one[::-1], other[::-1], RULES)
    assert again.grew == first.grew
    for each, same in zip(first.findings, again.findings, strict=True):
        assert same.p == pytest.approx(each.p, rel=1e-9)
        assert same.ids == each.ids


def test_the_nearest_centre() -> None:
    labels, distances = nearest(np.array([[0.0, 1.0], [3.0, 4.0]]), np.array([[0.0, 0.0], [3.0, 3.0]]))
    assert labels.tolist() == [0, 1]
    assert distances == pytest.approx([1.0, 1.0])


def _judged(found: Questions) -> dict[str, Finding]:
    return {each.measure: each for each in alarms({"*": found.findings}, RULES)["*"]}


def _topic(each: Seen) -> int:
    """The topic that a question was made from."""
    assert each.vector is not None
    return int(np.linalg.norm(TOPICS - each.vector, axis=1).argmin())
