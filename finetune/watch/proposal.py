"""When another run of training is worth its price: which method, and what former runs let one expect of it.

`finetune/advise.py` says what would help at all; this adds what has come since the last run and what runs have gained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from finetune.advise import NEEDED, Counts, advise
from finetune.recipe import KIND, Method
from finetune.watch.expected import Expected, Run, expected

FRESH = 0.25
"""New rows since the last run that learnt from their kind, as a share of those it was given. Rough: gains grow about
with the logarithm of rows, so that what is not a good part more is lost in the noise of a gate."""
FIRST = 0.5
"""The same as a share of what the method needs at all; the larger of both counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """The next run. `rows` there are for it, `after` is the last run that learnt from
    such rows (None: there was none)."""

    method: Method
    reason: str
    expected: Expected
    rows: int
    after: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NotYet:
    """Why none is proposed, and how many new rows each method still lacks."""

    reason: str
    missing: Mapping[Method, int] = field(default_factory=dict)


def propose(counts: Counts, fresh: Mapping[str, int], runs: Sequence[Run]) -> Proposal | NotYet:
    """The next run of training, if one is due.

    `counts` is what there is, as for `advise`; `fresh` are the rows by kind that came since the last run that learnt
    from that kind (all of them, where none did); `runs` are those that ended. Where the last gain is not said in
    `counts`, it is taken from the last of the generator's runs.
    """
    advice = advise(_with_gain(counts, runs))
    if not advice.methods:
        return NotYet(reason=advice.why, missing=advice.missing)
    lacking = {method: _lacking(method, fresh, runs) for method in advice.methods}
    ready = [method for method in advice.methods if lacking[method] <= 0]
    if not ready:
        nearest = min(lacking, key=lambda method: lacking[method])
        reason = f"{lacking[nearest]} more rows make another run of {nearest} worth its price. {advice.why}"
        return NotYet(reason=reason, missing=lacking)
    method = min(ready, key=lambda each: (-_usual(each, runs), ready.index(each)))
    rows = counts.rows.get(KIND[method], 0)
    hope = expected(method, rows, runs)
    if hope.high is not None and hope.high <= 0:
        return NotYet(reason=f"{hope.said} Change the recipe, not the number of rows. {advice.why}")
    last = _last(method, runs)
    new = fresh.get(KIND[method], 0)
    came = f"{new} of {rows} rows came since {last.name}." if last else f"{rows} rows, and no run learnt from them yet."
    return Proposal(
        method=method,
        reason=f"{came} {advice.why}",
        expected=hope,
        rows=rows,
        after=last.name if last else None,
    )


def _with_gain(counts: Counts, runs: Sequence[Run]) -> Counts:
    adapters = [run for run in runs if run.gain is not None and run.method in ("sft", "dpo", "kto")]
    if counts.adapter_gain is not None or not adapters:
        return counts
    return replace(counts, adapter_gain=max(adapters, key=lambda run: run.at).gain)


def _last(method: Method, runs: Sequence[Run]) -> Run | None:
    alike = [run for run in runs if KIND[run.method] == KIND[method]]
    return max(alike, key=lambda run: run.at) if alike else None


def _lacking(method: Method, fresh: Mapping[str, int], runs: Sequence[Run]) -> int:
    last = _last(method, runs)
    wanted = NEEDED[method] if last is None else max(FIRST * NEEDED[method], FRESH * last.rows)
    return math.ceil(wanted) - fresh.get(KIND[method], 0)


def _usual(method: Method, runs: Sequence[Run]) -> float:
    """The median gain of a method's runs; 0 where none was measured."""
    gains = sorted(run.gain for run in runs if run.method == method and run.gain is not None)
    return (gains[(len(gains) - 1) // 2] + gains[len(gains) // 2]) / 2 if gains else 0.0
