"""What a server tells of its rollouts: what is live and no more, and each thing that was done once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry

from app.metrics import RolloutMetrics
from app.rollout.counts import RolloutCounts, figures
from finetune.rollout.guards import GuardRules, judge
from finetune.rollout.stages import Deployment
from tests.finetune.rollout.people import Harm, play

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CHAMPION = Deployment(id="c", scope="*", version="hr@a", stage="champion", created_at=NOW, changed_at=NOW)
TRIAL = replace(CHAMPION, id="t", version="hr@b", stage="canary", share=0.2)
SHADOW = replace(CHAMPION, id="s", version="hr@c", scope="group:hr", stage="shadow")
SEEN = play(5, 300, Harm(support=0.1))
JUDGED = {"t": judge(SEEN.observations, SEEN.thumbs, GuardRules())}


class Told:
    """The metrics of a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = RolloutMetrics(self.registry)

    def value(self, name: str, **labels: Any) -> float | None:
        return self.registry.get_sample_value(f"footnote_rollout_{name}", labels)


def test_what_is_live_is_told_and_is_gone_when_it_is_no_more() -> None:
    told, counts = Told(), RolloutCounts()
    told.metrics.say(figures([CHAMPION, TRIAL, SHADOW], JUDGED, counts, keeps=True))
    assert told.value("stage", version="hr@b", scope="*", stage="canary") == 1
    assert told.value("share", version="hr@a", scope="*") == 1
    assert told.value("share", version="hr@b", scope="*") == 0.2
    assert told.value("share", version="hr@c", scope="group:hr") is None
    support = JUDGED["t"].guards[0]
    where = {"version": "hr@b", "scope": "*", "guard": "support"}
    assert told.value("guard_pairs", **where) == support.n
    assert told.value("guard_evidence", **where) == support.evidence > 1
    assert told.value("guard_difference", **where) == support.difference
    assert told.value("guard_tolerance", **where) == 0.02
    assert told.value("guards_open", version="hr@b", scope="*") == len(JUDGED["t"].open) > 0
    assert told.value("keeper") == 1
    told.metrics.say(figures([replace(TRIAL, stage="champion")], JUDGED, counts, keeps=False))
    assert told.value("stage", version="hr@b", scope="*", stage="canary") is None
    assert told.value("stage", version="hr@b", scope="*", stage="champion") == 1
    assert told.value("share", version="hr@a", scope="*") is None
    assert told.value("guard_pairs", **where) is None
    assert told.value("keeper") == 0


def test_only_who_keeps_rollouts_tells_of_guards() -> None:
    told = Told()
    told.metrics.say(figures([TRIAL], JUDGED, RolloutCounts(), keeps=False))
    assert told.value("guard_pairs", version="hr@b", scope="*", guard="support") is None


def test_what_was_done_counts_once() -> None:
    told, counts = Told(), RolloutCounts()
    counts.rolled_back(("failures", "invalid"), 1.5)
    counts.loads["loaded"] += 2
    for _ in range(3):
        told.metrics.say(figures([], {}, counts, keeps=True))
    counts.rolled_back(("person",), None)
    counts.rolled_back(("failures",), 4.0)
    counts.loads["refused"] += 1
    told.metrics.say(figures([], {}, counts, keeps=True))
    assert told.value("rollbacks_total", cause="failures") == 2
    assert told.value("rollbacks_total", cause="invalid") == 1
    assert told.value("rollbacks_total", cause="person") == 1
    assert told.value("loads_total", outcome="loaded") == 2
    assert told.value("loads_total", outcome="refused") == 1
    assert told.value("breach_seconds_count") == 2
    assert told.value("breach_seconds_sum") == 5.5


def test_seconds_that_nobody_asks_for_take_no_room() -> None:
    counts = RolloutCounts()
    for _ in range(3_000):
        counts.rolled_back((), 1.0)
    assert len(counts.take_seconds()) == 1_000
    assert counts.take_seconds() == []
