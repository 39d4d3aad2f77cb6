"""Figures by time, ready to be drawn: the steps of a span, and what was counted in each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from app.figures import Figures, percentile, total
from app.history import MINUTE

Span = Literal["1h", "24h", "7d", "30d"]
SPANS = get_args(Span)

HOUR, DAY = 3600, 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """How a span is cut: seconds it reaches back, the resolution its figures are read in, the step they are drawn in,
    and the step in which answers and feedback are counted."""

    seconds: int
    resolution: int
    step: int
    count_step: int


SCALES: Mapping[Span, Scale] = {
    "1h": Scale(seconds=HOUR, resolution=MINUTE, step=MINUTE, count_step=5 * MINUTE),
    "24h": Scale(seconds=DAY, resolution=900, step=900, count_step=HOUR),
    "7d": Scale(seconds=7 * DAY, resolution=2 * HOUR, step=2 * HOUR, count_step=DAY),
    "30d": Scale(seconds=30 * DAY, resolution=2 * HOUR, step=6 * HOUR, count_step=DAY),
}


def steps(now: float, seconds: int, step: int, offset: int = 0) -> list[int]:
    """When each step of the last `seconds` began, the running one included, in seconds since 1970.

    Steps begin at multiples of `step` in a zone that is `offset` seconds ahead of UTC.
    """
    last = int(now) - (int(now) + offset) % step
    return list(range(last - seconds + step, last + 1, step))


@dataclass(frozen=True, kw_only=True, slots=True)
class Percentiles:
    """One stage over time: how many were counted in each step, and the milliseconds that half of them, 95 % and 99 %
    did not exceed, None where there were none. `whole` is the same over the whole span."""

    operation: str
    stage: str
    counts: tuple[int, ...]
    p50: tuple[float | None, ...]
    p95: tuple[float | None, ...]
    p99: tuple[float | None, ...]
    whole: Mapping[str, float]


def by_step(figures: Mapping[int, Figures], times: list[int], step: int) -> list[Figures]:
    """Figures added up by the steps that begin at `times`."""
    return [total(figures[at] for at in figures if start <= at < start + step) for start in times]


def latency(parts: list[Figures]) -> list[Percentiles]:
    """The percentiles of every stage that was counted, in each part."""
    whole = total(parts)
    return [_percentiles(name, parts, whole) for name in sorted(whole.stages)]


def _percentiles(name: str, parts: Iterable[Figures], whole: Figures) -> Percentiles:
    operation, _, stage = name.partition(".")
    histograms = [part.stages.get(name, {}) for part in parts]
    lines = {
        quantile: tuple(round(percentile(found, share), 3) if found else None for found in histograms)
        for quantile, share in QUANTILES.items()
    }
    return Percentiles(
        operation=operation,
        stage=stage,
        counts=tuple(sum(found.values()) for found in histograms),
        **lines,
        whole={quantile: round(percentile(whole.stages[name], share), 3) for quantile, share in QUANTILES.items()},
    )


QUANTILES: Mapping[str, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def counted(tally: Mapping[str, Mapping[int, int]], times: list[int]) -> dict[str, list[int]]:
    """Counts by name at each of the times, 0 where there was nothing."""
    return {name: [counts.get(at, 0) for at in times] for name, counts in tally.items()}
