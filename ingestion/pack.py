"""Packing neighbours into groups of bounded size that overlap by whole members. Numbers only, no text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil

PARAGRAPH_BONUS = 0.15
OVERLAP_BONUS = 0.1
"""How far from the even size, as shares of the budget, an end is preferred for closing a paragraph or for
overlapping."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlap:
    """The least and the largest share of a group that the next group repeats."""

    least: float = 0.0
    most: float = 0.0


NO_OVERLAP = Overlap()


def pack(
    sizes: Sequence[int], budget: int, overlap: Overlap = NO_OVERLAP, ends: Sequence[int] = ()
) -> list[tuple[int, int]]:
    """Half-open ranges of neighbours, none larger than `budget` unless a single member is.

    Groups come out about equally large, so that no crumb is left at the end. `ends[i]` says how good an end member i
    is: 1 where a paragraph closes, 0 within one, -1 where it leads to what follows. Each group repeats the longest tail
    of the one before that is at most `overlap.most` of it; nothing is repeated when the last member alone is larger, or
    when the next member would no longer fit.
    """
    total = [0, *accumulate(sizes)]
    groups: list[tuple[int, int]] = []
    start = fresh = 0
    while fresh < len(sizes):
        while start < fresh and total[fresh + 1] - total[start] > budget:
            start += 1
        stop = _stop(total, start, fresh, budget, overlap, ends)
        groups.append((start, stop))
        start, fresh = _tail(total, start, stop, overlap), stop
    return groups


def _tail(total: Sequence[int], start: int, stop: int, overlap: Overlap) -> int:
    """Where the longest tail of [start, stop) begins that is at most `overlap.most` of it; `stop` if there is none."""
    room = int(overlap.most * (total[stop] - total[start]))
    return bisect_left(total, total[stop] - room, start + 1, stop)


def _stop(total: Sequence[int], start: int, fresh: int, budget: int, overlap: Overlap, ends: Sequence[int]) -> int:
    """The best end of the group that begins at `start`: near the even size, at a paragraph's end, able to overlap."""
    rest = total[-1] - total[start]
    if rest <= budget:
        return len(total) - 1
    repeated = budget * (overlap.least + overlap.most) / 2
    count = max(2, ceil((rest - repeated) / (budget - repeated)))
    even = (rest + (count - 1) * repeated) / count
    best, best_cost = fresh + 1, float("inf")
    for stop in range(fresh + 1, len(total)):
        size = total[stop] - total[start]
        if size > budget:
            break
        cost = abs(size - even)
        if ends:
            cost -= PARAGRAPH_BONUS * budget * ends[stop - 1]
        if overlap.most and total[stop] - total[_tail(total, start, stop, overlap)] >= overlap.least * size:
            cost -= OVERLAP_BONUS * budget
        if cost <= best_cost:
            best, best_cost = stop, cost
    return best
