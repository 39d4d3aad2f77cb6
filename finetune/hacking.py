"""Reward hacking, seen in a run's curves: what the reward gains and nothing else does (Gao et al. 2023)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

_PART = 0.2
"""The share of steps at the beginning and at the end that are compared."""
_LEAST = 10
_LONGER = 1.5
_CUT = 0.5
_MOVED = 0.02
_PREFIX, _SUFFIX = "rewards/", "/mean"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """`code` to tell it by, `message` what is seen and what to do."""

    code: str
    message: str


def alarms(lines: Iterable[Mapping[str, Any]], taught: Mapping[str, float]) -> list[Alarm]:
    """What the curves of an online run look like cheating. `taught` are the rewards' weights by name: those of 0 judge
    and do not teach. None before there are enough steps to tell."""
    steps = [line for line in lines if "reward" in line]
    if len(steps) < _LEAST:
        return []
    part = max(2, int(len(steps) * _PART))
    early, late = steps[:part], steps[-part:]
    if _mean(late, "reward") - _mean(early, "reward") < _MOVED:
        return []
    return [*_judged(early, late, taught), *_long(early, late), *_repeated(early, late)]


def _judged(early: list[Mapping[str, Any]], late: list[Mapping[str, Any]], taught: Mapping[str, float]) -> list[Alarm]:
    found = []
    for name, weight in sorted(taught.items()):
        key = f"{_PREFIX}{name}{_SUFFIX}"
        before, after = _mean(early, key), _mean(late, key)
        if not weight and after < before - _MOVED:
            found.append(
                Alarm(
                    code="judge_disagrees",
                    message=f"The reward rises while the judge {name}, which does not teach, falls from {before:.2f} "
                    f"to {after:.2f}. Stop here, and give it a weight.",
                )
            )
    return found


def _long(early: list[Mapping[str, Any]], late: list[Mapping[str, Any]]) -> list[Alarm]:
    key = "completions/mean_length"
    before, after = _mean(early, key), _mean(late, key)
    found = []
    if before and after > _LONGER * before:
        message = f"Answers grew from {before:.0f} to {after:.0f} tokens with the reward. Raise the weight of `length`."
        found.append(Alarm(code="longer", message=message))
    cut = _mean(late, "completions/clipped_ratio")
    if cut > _CUT and cut > _mean(early, "completions/clipped_ratio") + _MOVED:
        message = f"{cut:.0%} of answers do not end. Raise `max_completion_length`, or the weight of `length`."
        found.append(Alarm(code="unended", message=message))
    return found


def _repeated(early: list[Mapping[str, Any]], late: list[Mapping[str, Any]]) -> list[Alarm]:
    key = f"{_PREFIX}repetition{_SUFFIX}"
    before, after = _mean(early, key), _mean(late, key)
    if after < before - 5 * _MOVED:
        message = f"Answers repeat themselves more: {-before:.0%} of their runs of words at first, {-after:.0%} now."
        return [Alarm(code="repeats", message=f"{message} Raise the weight of `repetition`.")]
    return []


def _mean(lines: list[Mapping[str, Any]], key: str) -> float:
    found = [float(line[key]) for line in lines if key in line]
    return fmean(found) if found else 0.0
