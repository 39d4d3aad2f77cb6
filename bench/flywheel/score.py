"""Held-out quality with intervals: shares of answers that are good, and of those that show a habit."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from bench.flywheel.world import Question, Told, told

DRAWS = 2_000


def scored(
    questions: Sequence[Question], before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Shares with Wilson's 95 % interval; with later answers the difference, too, bootstrapped over questions."""
    first = [told(*each) for each in zip(questions, before, strict=True)]
    if after is None:
        return _shares(first)
    second = [told(*each) for each in zip(questions, after, strict=True)]
    fall = [float(was.habit) - float(now.habit) for was, now in zip(first, second, strict=True)]
    rise = [float(now.good) - float(was.good) for was, now in zip(first, second, strict=True)]
    return {
        "before": _shares(first),
        "after": _shares(second),
        "habit_fell_by": _mean(fall),
        "good_rose_by": _mean(rise),
    }


def _shares(answers: Sequence[Told]) -> dict[str, Any]:
    names = ("good", "habit", "verbose", "disordered")
    return {"n": len(answers), **{name: _share([getattr(each, name) for each in answers]) for name in names}}


def _share(hits: Sequence[bool]) -> list[float]:
    """The share and its interval (Wilson 1927)."""
    n, z = len(hits), 1.96
    share = sum(hits) / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return [round(share, 3), round(middle - half, 3), round(middle + half, 3)]


def _mean(values: Sequence[float]) -> list[float]:
    """The mean and its percentile interval (Efron 1979)."""
    rng = random.Random(1)
    drawn = sorted(sum(rng.choices(values, k=len(values))) / len(values) for _ in range(DRAWS))
    ends = drawn[int(0.025 * DRAWS)], drawn[int(0.975 * DRAWS) - 1]
    return [round(sum(values) / len(values), 3), *(round(end, 3) for end in ends)]
