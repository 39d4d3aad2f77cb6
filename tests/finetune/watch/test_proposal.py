"""When the next run is proposed, which one, and what is said to be expected of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from finetune.advise import NEEDED, PROMPTS, Counts
from finetune.recipe import Method
from finetune.watch.expected import Run, expected
from finetune.watch.proposal import NotYet, Proposal, propose
from tests.finetune.watch.stream import START

ROWS = {"sft": 800, "preference": 400, "kto": 100, "retrieval": 150}
COUNTS = Counts(judged=200, good=120, missing=10, misused=70, rows=ROWS, prompts=PROMPTS)


def test_the_first_run_says_that_nothing_is_known() -> None:
    found = propose(COUNTS, ROWS, [])
    assert isinstance(found, Proposal)
    assert (found.method, found.rows, found.after) == ("sft", 800, None)
    assert (found.expected.low, found.expected.high, found.expected.runs) == (None, None, 0)
    assert "not known" in found.expected.said


def test_a_next_run_follows_the_last_once_enough_is_new() -> None:
    runs = [_run("r1", 1, 500, 0.04), _run("r2", 2, 640, 0.03)]
    new = int(0.25 * 640)
    waiting = propose(COUNTS, {"sft": new - 1}, runs)
    assert isinstance(waiting, NotYet)
    assert waiting.missing["sft"] == 1
    assert waiting.reason.startswith("1 more rows make another run of sft")
    found = propose(COUNTS, {"sft": new}, runs)
    assert isinstance(found, Proposal)
    assert (found.method, found.after) == ("sft", "r2")
    assert found.reason.startswith("160 of 800 rows came since r2.")
    assert (found.expected.low, found.expected.high) == (0.03, 0.04)


def test_after_a_small_run_what_the_method_needs_still_counts() -> None:
    runs = [_run("r1", 1, 200, 0.04)]
    assert isinstance(propose(COUNTS, {"sft": NEEDED["sft"] // 2 - 1}, runs), NotYet)
    assert isinstance(propose(COUNTS, {"sft": NEEDED["sft"] // 2}, runs), Proposal)


def test_too_few_rows_are_never_proposed_however_new() -> None:
    few = replace(COUNTS, rows={"sft": NEEDED["sft"] - 1})
    found = propose(few, {"sft": NEEDED["sft"] - 1}, [])
    assert isinstance(found, NotYet)
    assert found.missing["sft"] == 1


@pytest.mark.parametrize(
    "counts",
    [replace(COUNTS, judged=10), replace(COUNTS, good=199), replace(COUNTS, prompts=0)],
)
def test_where_the_ladder_says_something_else_no_run_is_proposed(counts: Counts) -> None:
    assert isinstance(propose(counts, ROWS, []), NotYet)


def test_where_evidence_lacks_the_models_that_search_are_trained() -> None:
    found = propose(replace(COUNTS, missing=60, misused=20), ROWS, [])
    assert isinstance(found, Proposal)
    assert (found.method, found.rows) == ("reranker", 150)


def test_the_method_that_gained_more_goes_first_and_one_that_lost_goes_last() -> None:
    good = [_run(f"d{each}", each, 400, 0.05, "dpo") for each in range(3)]
    found = propose(COUNTS, ROWS, good)
    assert isinstance(found, Proposal)
    assert (found.method, found.after) == ("dpo", "d2")
    lost = [_run(f"s{each}", each, 700, -0.02) for each in range(3)]
    found = propose(COUNTS, ROWS, lost)
    assert isinstance(found, Proposal)
    assert found.method == "dpo", "nothing is known of it, and of the other nothing good"


def test_a_method_that_never_gained_is_not_proposed_again() -> None:
    lost = [_run(f"s{each}", each, 700, gain) for each, gain in enumerate((-0.02, 0.0, -0.01))]
    found = propose(replace(COUNTS, rows={"sft": 800}), {"sft": 800}, lost)
    assert isinstance(found, NotYet)
    assert "Change the recipe" in found.reason


def test_a_last_gain_of_nothing_is_taken_from_the_runs() -> None:
    spent = [_run("s1", 1, 700, 0.05), _run("s2", 2, 700, 0.001)]
    found = propose(COUNTS, {"sft": 400}, spent)
    assert isinstance(found, Proposal)
    assert "The last adapter gained 0.1%" in found.reason


def test_expected_is_what_runs_alike_did() -> None:
    runs = [_run(f"s{rows}", place, rows, gain) for place, (rows, gain) in enumerate(
        [(10, 0.5), (300, 0.01), (500, 0.03), (600, 0.02), (5_000, 0.3)]
    )]  # fmt: skip
    found = expected("sft", 550, runs)
    assert (found.low, found.high, found.runs, found.held) == (0.01, 0.03, 3, 0.5)
    everything = expected("sft", 100_000, runs)
    assert (everything.low, everything.high, everything.runs) == (0.01, 0.5, 5)
    one = expected("sft", 550, runs[:1])
    assert (one.low, one.high, one.runs) == (None, None, 1)
    unmeasured = expected("sft", 550, [replace(runs[0], gain=None)])
    assert unmeasured.runs == 0


def test_the_range_holds_as_often_as_it_says() -> None:
    held = []
    for seed in range(2_000):
        gains = np.random.default_rng(seed).normal(0.02, 0.01, 6)
        found = expected(
            "sft", 500, [_run(str(place), place, 500, float(gain)) for place, gain in enumerate(gains[:5])]
        )
        assert found.low is not None
        assert found.high is not None
        held.append(found.low <= gains[5] <= found.high)
    assert np.mean(held) == pytest.approx(4 / 6, abs=0.035)


def _run(name: str, day: int, rows: int, gain: float, method: Method = "sft") -> Run:
    return Run(name=name, method=method, at=START + timedelta(days=day), rows=rows, gain=gain)
