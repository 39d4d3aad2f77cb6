"""Places for answers that are written beside: few, of everybody, and given back."""

from __future__ import annotations

from app.rollout.places import Places
from finetune.rollout.rules import GuardRules
from tests.app.rollout.test_traffic import deployed

TRIAL = deployed("new", "shadow")
MOST = GuardRules().per_person


def test_there_are_so_many_and_each_is_taken_before_a_question_is_answered() -> None:
    places = Places(at_once=2)
    assert [places.take(f"question {n}", TRIAL, f"person {n}") for n in range(4)] == [True, True, False, False]
    places.leave("question 0", compared=True)
    places.leave("question 0", compared=True)
    assert [places.take(f"again {n}", TRIAL, f"person {n}") for n in range(2, 4)] == [True, False]


def test_nobody_has_more_than_half_of_them() -> None:
    places = Places(at_once=4)
    assert [places.take(f"mine {n}", TRIAL, "me") for n in range(3)] == [True, True, False]
    assert [places.take(f"theirs {n}", TRIAL, f"person {n}") for n in range(2)] == [True, True]


def test_who_was_compared_as_often_as_counts_takes_no_more_places_in_that_trial() -> None:
    places = Places()
    for number in range(MOST):
        assert places.take(f"mine {number}", TRIAL, "me")
        places.leave(f"mine {number}", compared=True)
    assert not places.take("one more", TRIAL, "me")
    assert places.take("one more", deployed("newer", "shadow"), "me")
    assert places.take("another's", TRIAL, "somebody")


def test_what_was_not_compared_after_all_does_not_count() -> None:
    places = Places()
    for number in range(3 * MOST):
        assert places.take(f"mine {number}", TRIAL, "me")
        places.leave(f"mine {number}", compared=False)
