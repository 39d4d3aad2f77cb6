"""Pairs: what comes later never changes one, and nobody decides alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finetune.rollout.pairs import FIRST, neighbour_pairs, question_pairs, thumb_pairs
from finetune.rollout.stages import Arm, Figures, Observation, Thumb
from tests.finetune.rollout.people import play


def test_pairs_only_grow() -> None:
    trial = play(1, 400)
    asked, came = question_pairs(trial.observations, 50), neighbour_pairs(trial.observations, 50)
    assert len(asked) > 100
    assert len(came) > 100
    for length in range(0, len(trial.observations), 37):
        part = trial.observations[:length]
        assert question_pairs(part, 50) == asked[: len(question_pairs(part, 50))]
        assert neighbour_pairs(part, 50) == came[: len(neighbour_pairs(part, 50))]


@pytest.mark.parametrize("seed", range(20))
def test_no_sequence_whatever_changes_an_earlier_pair(seed: int) -> None:
    random = np.random.default_rng(seed)
    whole = [_any(random, number) for number in range(120)]
    thumbs = [Thumb(principal_id=each.principal_id, arm=each.arm, good=True) for each in whole]
    for length in range(len(whole)):
        for pairs in (lambda n: question_pairs(whole[:n], 3), lambda n: neighbour_pairs(whole[:n], 3)):
            assert pairs(length + 1)[: len(pairs(length))] == pairs(length)
        before = thumb_pairs(thumbs[:length])
        assert thumb_pairs(thumbs[: length + 1])[: len(before)] == before


def test_a_pair_is_the_candidate_and_the_champion_on_one_question() -> None:
    for candidate, champion in question_pairs(play(2, 200).observations, 50):
        assert (candidate.arm, champion.arm) == ("candidate", "champion")
        assert candidate.answer_id == champion.answer_id


def test_one_person_counts_so_often_and_no_more() -> None:
    trial = play(3, 400)
    loud = [replace(each, principal_id="loud") if each.arm == "candidate" else each for each in trial.observations]
    assert len(question_pairs([replace(each, principal_id="loud") for each in loud], 5)) == 5
    assert len(neighbour_pairs(loud, 3)) == 3
    assert len(neighbour_pairs(loud, 50)) == FIRST


def test_what_nobody_saw_or_what_failed_did_not_arrive() -> None:
    shown = [each for pair in neighbour_pairs(play(4, 400).observations, 50) for each in pair]
    assert all(each.shown and each.figures.failed is None for each in shown)
    first = replace(play(4, 5).observations[0], figures=Figures(failed="x"))
    assert neighbour_pairs([first], 50) == []


def test_neighbours_are_near_however_small_the_share() -> None:
    found = neighbour_pairs(play(5, 2000, share=0.1).observations, 50)
    assert len(found) > 100
    apart = [abs(int(one.answer_id[1:]) - int(other.answer_id[1:])) for one, other in found]
    assert sorted(apart)[len(apart) // 2] <= 3


def test_thumbs_are_paired_as_they_come() -> None:
    arms = [("a", "candidate"), ("b", "candidate"), ("c", "champion"), ("d", "champion")]
    thumbs = [Thumb(principal_id=person, arm=arm, good=True) for person, arm in arms]  # type: ignore[arg-type]
    assert [(one.principal_id, other.principal_id) for one, other in thumb_pairs(thumbs)] == [("b", "c"), ("a", "d")]


def _any(random: np.random.Generator, number: int) -> Observation:
    """Anything: arms that answer twice, in any order, questions that come again, people in both arms."""
    arm: Arm = "candidate" if random.random() < 0.5 else "champion"
    failed = "x" if random.random() < 0.2 else None
    return Observation(
        number=number + 1, deployment_id="d", answer_id=f"q{random.integers(30)}",
        principal_id=f"person {random.integers(12)}", arm=arm, shown=bool(random.random() < 0.7),
        figures=Figures(failed=failed),
    )  # fmt: skip
