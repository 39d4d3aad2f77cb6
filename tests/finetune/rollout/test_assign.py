"""Who is in a share of people."""

from __future__ import annotations

from finetune.rollout.assign import in_share

PEOPLE = [f"person {number}" for number in range(4000)]


def test_a_share_is_of_that_size_and_always_the_same() -> None:
    chosen = [each for each in PEOPLE if in_share("a", each, 0.1)]
    assert 320 < len(chosen) < 480
    assert chosen == [each for each in PEOPLE if in_share("a", each, 0.1)]


def test_it_only_grows() -> None:
    before: set[str] = set()
    for share in (0.0, 0.01, 0.1, 0.5, 1.0):
        now = {each for each in PEOPLE if in_share("a", each, share)}
        assert before <= now
        before = now
    assert before == set(PEOPLE)


def test_another_trial_chooses_others() -> None:
    first = {each for each in PEOPLE if in_share("a", each, 0.2)}
    second = {each for each in PEOPLE if in_share("b", each, 0.2)}
    assert 100 < len(first & second) < 220, "as many as chance has it"


def test_any_name_will_do() -> None:
    assert in_share("a", "Zoë 🦊 \udcff", 1.0)
