"""What cheating looks like in curves."""

from __future__ import annotations

from finetune.hacking import alarms


def curve(steps: int = 20, **ends: tuple[float, float]) -> list[dict[str, float]]:
    said = {name.replace("__", "/"): span for name, span in ends.items()}
    return [
        {"step": step, **{name: a + (b - a) * step / (steps - 1) for name, (a, b) in said.items()}}
        for step in range(steps)
    ]


RISING = (0.1, 0.9)


def codes(lines: list[dict[str, float]], **taught: float) -> list[str]:
    return [alarm.code for alarm in alarms(lines, taught)]


def test_an_honest_run_raises_none() -> None:
    lines = curve(reward=RISING, rewards__schema__mean=RISING, rewards__support__mean=(0.2, 0.6))
    assert codes(lines, schema=1.0, support=0.0) == []


def test_a_judge_that_does_not_teach_falls() -> None:
    lines = curve(reward=RISING, rewards__support__mean=(0.6, 0.2))
    assert codes(lines, support=0.0) == ["judge_disagrees"]
    assert codes(lines, support=1.0) == []


def test_answers_that_grow_repeat_or_never_end() -> None:
    assert codes(curve(**{"reward": RISING, "completions__mean_length": (50, 200)})) == ["longer"]
    assert codes(curve(**{"reward": RISING, "completions__clipped_ratio": (0.1, 0.9)})) == ["unended"]
    assert codes(curve(reward=RISING, rewards__repetition__mean=(-0.1, -0.6))) == ["repeats"]


def test_answers_that_never_ended_are_no_sign_of_cheating() -> None:
    assert codes(curve(**{"reward": RISING, "completions__clipped_ratio": (0.99, 1.0)})) == []


def test_without_a_rise_or_enough_steps_nothing_is_said() -> None:
    assert codes(curve(**{"reward": (0.5, 0.5), "completions__mean_length": (50, 200)})) == []
    assert codes(curve(steps=5, **{"reward": RISING, "completions__mean_length": (50, 200)})) == []
