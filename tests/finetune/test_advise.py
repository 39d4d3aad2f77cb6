"""The ladder: the cheapest rung that can still help, why, and what is missing for the others."""

from __future__ import annotations

import pytest

from finetune.advise import FULL, JUDGED, NEEDED, PROMPTS, Counts, advise

ROWS = {"sft": 400, "preference": 400, "kto": 100, "retrieval": 150}


@pytest.mark.parametrize(
    ("counts", "rung", "methods"),
    [
        (Counts(judged=JUDGED - 1, good=10, misused=20, rows=ROWS), "gather", ()),
        (Counts(judged=1000, good=990, misused=10, rows=ROWS), "gather", ()),
        (Counts(judged=100, good=50, missing=30, misused=20, rows=ROWS), "retrieval", ("reranker",)),
        (Counts(judged=100, good=50, missing=10, misused=40, rows=ROWS), "prompt", ()),
        (Counts(judged=100, good=50, missing=10, misused=40, rows=ROWS, prompts=PROMPTS), "adapter", ("sft", "dpo")),
        (Counts(judged=100, good=50, misused=50, rows={"sft": 20}, prompts=PROMPTS), "prompt", ()),
        (Counts(judged=100, good=50, misused=50, rows=ROWS, prompts=9, adapter_gain=0.0), "adapter", ("sft", "dpo")),
        (
            Counts(judged=100, good=50, misused=50, rows={"sft": FULL}, prompts=9, adapter_gain=0.0),
            "full",
            ("sft",),
        ),
        (
            Counts(judged=100, good=50, misused=50, rows={"sft": FULL}, prompts=9, adapter_gain=0.2),
            "adapter",
            ("sft",),
        ),
    ],
)
def test_the_rung(counts: Counts, rung: str, methods: tuple[str, ...]) -> None:
    advice = advise(counts)
    assert (advice.rung, advice.methods) == (rung, methods)
    assert advice.why.endswith(".")


def test_what_is_missing_is_counted() -> None:
    advice = advise(Counts(judged=100, good=50, misused=50, rows={"sft": 150}, prompts=PROMPTS))
    assert advice.missing["sft"] == NEEDED["sft"] - 150
    assert advice.missing["kto"] == NEEDED["kto"]
    assert "50 more make sft worth a run" in advice.why
