"""Figures by day, for drawing: what a page shows beside the alarms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from statistics import median

from finetune.watch.answers import MEASURES
from finetune.watch.costs import Prices, total
from finetune.watch.records import Seen


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One day in UTC. Measures are None where no answer of the day has them, `milliseconds` is the median; `cost` is
    None where a model has no price."""

    day: date
    answers: int
    length: float | None
    abstention: float | None
    support: float | None
    hallucination: float | None
    entropy: float | None
    milliseconds: float
    tokens_in: int
    tokens_out: int
    cost: float | None


def series(records: Sequence[Seen], prices: Prices) -> tuple[Point, ...]:
    """A point for each day with answers, in order."""
    days: dict[date, list[Seen]] = {}
    for each in records:
        days.setdefault(each.at.astimezone(UTC).date(), []).append(each)
    return tuple(_point(day, days[day], prices) for day in sorted(days))


def _point(day: date, records: Sequence[Seen], prices: Prices) -> Point:
    return Point(
        day=day,
        answers=len(records),
        **{measure.name: _mean(records, place) for place, measure in enumerate(MEASURES)},
        milliseconds=median(each.milliseconds for each in records),
        tokens_in=sum(each.tokens_in for each in records),
        tokens_out=sum(each.tokens_out for each in records),
        cost=total(records, prices),
    )


def _mean(records: Sequence[Seen], place: int) -> float | None:
    measure = MEASURES[place]
    having = [each for each in records if measure.size(each) > 0]
    size = math.fsum(measure.size(each) for each in having)
    return math.fsum(measure.value(each) for each in having) / size if size else None
