"""Which rung of the ladder is next: prompt, retrieval, adapter, full tuning. The cheapest one that can still help.

The thresholds are rough and said to be: LIMA (Zhou et al. 2023) aligned a model with 1,000 chosen examples; a few
hundred rows move an adapter in format and citation; preference methods need pairs in the hundreds (Rafailov et al.
2023); KTO about twice as many single words (Ethayarajh et al. 2024); full tuning forgets less only with far more data
than an adapter holds (Biderman et al. 2024, Schulman et al. 2025).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from finetune.recipe import Method

Rung = Literal["gather", "prompt", "retrieval", "adapter", "full"]
JUDGED = 50
"""Answers with a word on them, below which nobody can tell what is wrong."""
GOOD = 0.95
"""The share of good answers from which there is little to gain."""
MOSTLY = 0.5
NEEDED: Mapping[Method, int] = {"sft": 200, "dpo": 300, "kto": 600, "reward": 500, "reranker": 100, "embedder": 500}
FULL = 20_000
PROMPTS = 3
"""Changes of the prompt to try before anything is trained."""
GAIN = 0.01
_COLUMN: Mapping[Method, str] = {
    "sft": "sft",
    "dpo": "preference",
    "kto": "kto",
    "reward": "preference",
    "reranker": "retrieval",
    "embedder": "retrieval",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What there is. `judged` answers have a word on them, `good` of them a good one; of the others `missing` lacked
    evidence and `misused` had it. `rows` are training rows by kind, `prompts` changes of the prompt that were
    measured, `adapter_gain` what the last adapter's gate measured (None: there was none)."""

    judged: int
    good: int
    missing: int = 0
    misused: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    prompts: int = 0
    adapter_gain: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """The rung, why, the methods there are rows enough for, and how many are missing for the others."""

    rung: Rung
    why: str
    methods: tuple[Method, ...] = ()
    missing: Mapping[Method, int] = field(default_factory=dict)


def advise(counts: Counts) -> Advice:
    """What to do next."""
    short = {method: NEEDED[method] - counts.rows.get(_COLUMN[method], 0) for method in NEEDED}
    missing = {method: rows for method, rows in short.items() if rows > 0}
    ready = tuple(method for method in NEEDED if method not in missing)

    def advice(rung: Rung, why: str, *methods: Method) -> Advice:
        chosen = tuple(method for method in methods if method in ready)
        return Advice(rung=rung, why=why, methods=chosen, missing={each: missing[each] for each in missing})

    if counts.judged < JUDGED:
        return advice("gather", f"{counts.judged} answers were judged; with {JUDGED} it shows what is wrong.")
    share = counts.good / counts.judged
    if share >= GOOD:
        return advice("gather", f"{share:.0%} of judged answers are good: training could only lose something.")
    blamed = counts.missing + counts.misused
    if blamed and counts.missing / blamed >= MOSTLY:
        why = f"{counts.missing} of {blamed} bad answers lacked their evidence: no generator cites what was not found."
        return advice("retrieval", why, "reranker", "embedder")
    if counts.prompts < PROMPTS:
        why = f"{counts.prompts} changes of the prompt were measured; {PROMPTS} cost hours, and a run costs days."
        return advice("prompt", why)
    generator = [method for method in ("sft", "dpo", "kto") if method in ready]
    if not generator:
        least = min((missing[method], method) for method in ("sft", "dpo", "kto") if method in missing)
        why = f"Evidence was there and was misused, but rows are too few: {least[0]} more make {least[1]} worth a run."
        return advice("prompt", why)
    rows = sum(counts.rows.get(kind, 0) for kind in ("sft", "preference", "kto"))
    spent = counts.adapter_gain is not None and counts.adapter_gain < GAIN
    if spent and rows >= FULL:
        why = f"The last adapter gained {counts.adapter_gain:.1%}, and {rows} rows are more than one holds."
        return advice("full", why, "sft", "dpo")
    if spent:
        why = f"The last adapter gained {counts.adapter_gain:.1%}. Raise `r`, or gather: full tuning wants {FULL} rows."
        return advice("adapter", why, "sft", "dpo", "kto")
    why = f"{counts.misused} bad answers had their evidence, and there are rows to show how it is done."
    return advice("adapter", why, "sft", "dpo", "kto")
