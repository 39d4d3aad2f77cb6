"""What another run may gain, by what former ones did and by nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from finetune.recipe import Method

ALIKE = 2.0
"""Runs of half to twice as many rows are held to be alike."""
LEAST = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run that ended: its rows, the gain its gate measured (None: it was not measured), and the version of the
    dataset that it learnt from (None: of none)."""

    name: str
    method: Method
    at: datetime
    rows: int
    gain: float | None = None
    data: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """The range of gains to be expected, how likely the next one falls into it if it is like those before, and on how
    many runs that rests. Without a range, `said` says why."""

    low: float | None
    high: float | None
    held: float | None
    runs: int
    said: str


def expected(method: Method, rows: int, runs: Sequence[Run]) -> Expected:
    """From the least to the greatest gain of the method's runs with about as many rows, or of all of its runs where
    those are fewer than three. Of k exchangeable gains and one more, that one lies between the others' extremes with
    probability (k - 1) / (k + 1) (Wilks 1941, Ann. Math. Stat. 12). More than was ever seen is never held out."""
    own = [run for run in runs if run.method == method and run.gain is not None]
    alike = [run for run in own if run.rows <= rows * ALIKE and run.rows * ALIKE >= rows]
    used, of = (alike, f"about {rows} rows") if len(alike) >= LEAST else (own, "any number of rows")
    gains = sorted(run.gain for run in used if run.gain is not None)
    if not gains:
        said = f"No run of {method} was measured so far: what it gains is not known."
        return Expected(low=None, high=None, held=None, runs=0, said=said)
    if len(gains) == 1:
        said = f"One run of {method} was measured and gained {gains[0]:+.1%}: no range follows from one."
        return Expected(low=None, high=None, held=None, runs=1, said=said)
    number, held = len(gains), (len(gains) - 1) / (len(gains) + 1)
    said = (
        f"{number} runs of {method} with {of} gained {gains[0]:+.1%} to {gains[-1]:+.1%}; another one like them falls "
        f"into that range {held:.0%} of the time."
    )
    return Expected(low=gains[0], high=gains[-1], held=held, runs=number, said=said)
