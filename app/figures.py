"""What a server counts in a stretch of time: durations by stage in histograms that can be added up, and plain counts.

A histogram's buckets grow by an eighth of a doubling, so a percentile read from it is within 5 % of the true one
whatever its size, and 190 buckets reach from a twentieth of a millisecond to ten minutes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

SMALLEST = 0.05
"""Milliseconds of the first bucket: anything quicker counts as this."""

LARGEST = 600_000.0
_A_DOUBLING = 8

K = TypeVar("K")

Histogram = dict[int, int]
"""How many durations fell into each bucket."""


def bucket(milliseconds: float) -> int:
    """Where a duration is counted."""
    if not milliseconds > SMALLEST:
        return 0
    return round(_A_DOUBLING * math.log2(min(milliseconds, LARGEST) / SMALLEST))


def percentile(histogram: Mapping[int, int], share: float) -> float:
    """The duration in milliseconds that this share of those counted did not exceed. There must be at least one."""
    wanted = share * sum(histogram.values())
    passed = 0
    for number in sorted(histogram):
        passed += histogram[number]
        if passed >= wanted:
            break
    return float(SMALLEST * 2 ** (number / _A_DOUBLING))


@dataclass(kw_only=True, slots=True)
class Figures:
    """Counts of one stretch of time; two of them can be added.

    `stages` holds a histogram for each "operation.stage", `errors` how often each code was told, `degraded` how often
    each reason. `queued` and `running` are the most jobs that were seen in these states at a time; None where nobody
    looked.
    """

    stages: dict[str, Histogram] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    degraded: dict[str, int] = field(default_factory=dict)
    queued: int | None = None
    running: int | None = None

    def took(self, operation: str, stage: str, milliseconds: float) -> None:
        """Counts a duration."""
        histogram = self.stages.setdefault(f"{operation}.{stage}", {})
        number = bucket(milliseconds)
        histogram[number] = histogram.get(number, 0) + 1

    def saw(self, queued: int, running: int) -> None:
        """Notes how many jobs there are."""
        self.queued = max(queued, self.queued or 0)
        self.running = max(running, self.running or 0)

    def add(self, other: Figures) -> None:
        """Counts what the other counted as well."""
        for name, histogram in other.stages.items():
            _count(self.stages.setdefault(name, {}), histogram)
        _count(self.errors, other.errors)
        _count(self.degraded, other.degraded)
        if other.queued is not None and other.running is not None:
            self.saw(other.queued, other.running)

    def dump(self) -> str:
        """As JSON text."""
        value = {
            "stages": self.stages,
            "errors": self.errors,
            "degraded": self.degraded,
            "queued": self.queued,
            "running": self.running,
        }
        return json.dumps(value, separators=(",", ":"), sort_keys=True)

    @classmethod
    def load(cls, text: str) -> Figures:
        """What `dump` wrote."""
        value = json.loads(text)
        stages = {name: {int(n): count for n, count in found.items()} for name, found in value.pop("stages").items()}
        return cls(stages=stages, **value)


def total(parts: Iterable[Figures]) -> Figures:
    """All of them added up."""
    whole = Figures()
    for part in parts:
        whole.add(part)
    return whole


def _count(counts: dict[K, int], more: Mapping[K, int]) -> None:
    for key, count in more.items():
        counts[key] = counts.get(key, 0) + count


__all__ = ["LARGEST", "SMALLEST", "Figures", "Histogram", "bucket", "percentile", "total"]
