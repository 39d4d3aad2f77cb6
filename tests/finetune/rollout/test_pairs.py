"""Pairs: what comes later never changes one, and nobody decides alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from finetune.rollout.pairs import Pair, QuestionPairs, ThumbPairs, Turns
from finetune.rollout.stages import Arm, Figures, Observation, Thumb
from tests.finetune.rollout.people import play


def asked(observations: Sequence[Observation], per_person: int = 50, per_question: int = 50) -> list[Pair]:
    pairs = QuestionPairs(per_person, per_question)
    return [pair for pair in map(pairs.add, observations) if pair is not None]


def turned(observations: Sequence[Observation]) -> list[tuple[Pair, Pair]]:
    turns = Turns()
    return [found for found in map(turns.add, asked(observations)) if found is not None]


def heard(thumbs: Sequence[Thumb]) -> list[tuple[Thumb, Thumb]]:
    pairs = ThumbPairs()
    return [pair for pair in map(pairs.add, thumbs) if pair is not None]


@pytest.mark.parametrize("seed", range(20))
def test_no_sequence_whatever_changes_an_earlier_pair(seed: int) -> None:
    random = np.random.default_rng(seed)
    whole = [_any(random, number) for number in range(120)]
    thumbs = [Thumb(principal_id=each.principal_id, arm=each.arm, good=True) for each in whole]
    for length in range(len(whole)):
        assert asked(whole[: length + 1], 3, 4)[: len(asked(whole[:length], 3, 4))] == asked(whole[:length], 3, 4)
        assert turned(whole[: length + 1])[: len(turned(whole[:length]))] == turned(whole[:length])
        before = heard(thumbs[:length])
        assert heard(thumbs[: length + 1])[: len(before)] == before


def test_a_pair_is_the_candidate_and_the_champion_on_one_question() -> None:
    pairs = asked(play(2, 200).observations)
    assert len(pairs) > 50
    for candidate, champion in pairs:
        assert (candidate.arm, champion.arm) == ("candidate", "champion")
        assert candidate.answer_id == champion.answer_id


def test_one_person_counts_so_often_and_no_more() -> None:
    loud = [replace(each, principal_id="loud") for each in play(3, 400).observations]
    assert len(asked(loud, per_person=5)) == 5
    assert len(asked(loud)) == 50


def test_one_question_counts_so_often_whoever_asks_it() -> None:
    one = [replace(each, figures=replace(each.figures, question="the same")) for each in play(3, 400).observations]
    assert len({each.principal_id for pair in asked(one, per_question=7) for each in pair}) > 3
    assert len(asked(one, per_question=7)) == 7


def test_a_question_of_before_there_were_digests_is_its_own() -> None:
    old = [replace(each, figures=replace(each.figures, question="")) for each in play(3, 200).observations]
    assert len(asked(old, per_question=1)) == len(asked(old))


def test_of_two_turns_each_arm_was_first_once() -> None:
    found = turned(play(4, 400).observations)
    assert len(found) > 80
    for (one, _), (other, _) in found:
        assert (one.shown, other.shown) == (True, False)
        assert all(each.figures.failed is None for each in (one, other))


def test_a_shadow_has_no_turns_because_it_is_always_second() -> None:
    shadow = [replace(each, shown=each.arm == "champion") for each in play(4, 400).observations]
    assert asked(shadow)
    assert turned(shadow) == []


def test_turns_are_near_however_small_the_share() -> None:
    found = turned(play(5, 4000, share=0.1).observations)
    assert len(found) > 100
    apart = [abs(int(one[0].answer_id[1:]) - int(other[0].answer_id[1:])) for one, other in found]
    assert sorted(apart)[len(apart) // 2] <= 40


def test_thumbs_are_paired_as_they_come_and_a_person_has_one() -> None:
    arms: list[tuple[str, Arm]] = [
        ("a", "candidate"), ("b", "candidate"), ("b", "champion"), ("c", "champion"), ("d", "champion")
    ]  # fmt: skip
    thumbs = [Thumb(principal_id=person, arm=arm, good=True) for person, arm in arms]
    assert [(one.principal_id, other.principal_id) for one, other in heard(thumbs)] == [("b", "c"), ("a", "d")]


def _any(random: np.random.Generator, number: int) -> Observation:
    """Anything: arms that answer twice, in any order, questions that come again, people in both arms."""
    arm: Arm = "candidate" if random.random() < 0.5 else "champion"
    figures = Figures(failed="x" if random.random() < 0.2 else None, question=f"question {random.integers(9)}")
    return Observation(
        number=number + 1, deployment_id="d", answer_id=f"q{random.integers(30)}",
        principal_id=f"person {random.integers(12)}", arm=arm, shown=bool(random.random() < 0.7), figures=figures,
    )  # fmt: skip
