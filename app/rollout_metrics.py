"""Rollouts in Prometheus' terms, told by a server just before each scrape.

Versions and scopes are labels here although they are names that people give: only those that are live or on trial are
told, one champion and one trial a scope, and they are gone from the next scrape on when they are no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from app.rollout.counts import RolloutFigures

_SECONDS = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 300.0)
_WHERE = ("version", "scope")


class RolloutMetrics:
    """The metrics of rollouts in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, words: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"footnote_rollout_{name}", words, labels, registry=registry)

        self._stage = gauge("stage", "1 for the stage that a live version is at in a scope.", (*_WHERE, "stage"))
        self._share = gauge("share", "Share of a scope's people whom a version answers, from 0 to 1.", _WHERE)
        guard = (*_WHERE, "guard")
        self._pairs = gauge("guard_pairs", "Pairs that a guard of a trial has compared.", guard)
        self._evidence = gauge(
            "guard_evidence", "Evidence for more harm than is borne; at the limit a trial ends.", guard
        )
        self._limit = gauge("guard_limit", "Evidence at which a guard ends its trial.", guard)
        self._difference = gauge("guard_difference", "How much worse the candidate is, in the guard's unit.", guard)
        self._tolerance = gauge("guard_tolerance", "How much worse it may be, in the same unit.", guard)
        self._open = gauge("guards_open", "Guards of a trial that have not excluded more harm than is borne.", _WHERE)
        self._keeper = gauge("keeper", "1 on the server that keeps the rollouts of its database.")
        self._rollbacks = Counter(
            "footnote_rollout_rollbacks", "Rollbacks by their cause: a person, or each guard that breached.",
            ("cause",), registry=registry,
        )  # fmt: skip
        self._loads = Counter(
            "footnote_rollout_loads",
            "What engines were made to do: versions loaded, unloaded, put_off for now, or refused.",
            ("outcome",),
            registry=registry,
        )
        self._breach = Histogram(
            "footnote_rollout_breach_seconds",
            "Time from the observation by which a guard could first tell to the trial's end.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._counted: dict[str, dict[str, int]] = {"rollbacks": {}, "loads": {}}

    def say(self, figures: RolloutFigures) -> None:
        """Says how rollouts stand; what was counted since the start is added by what is new in it."""
        by_version = (self._stage, self._share, self._pairs, self._evidence, self._limit, self._difference)
        for each in (*by_version, self._tolerance, self._open):
            each.clear()
        for version, scope, stage, share in figures.stages:
            self._stage.labels(version, scope, stage).set(1)
            if share:
                self._share.labels(version, scope).set(share)
        for version, scope, guard in figures.guards:
            where = (version, scope, guard.name)
            self._pairs.labels(*where).set(guard.n)
            self._evidence.labels(*where).set(guard.evidence)
            self._limit.labels(*where).set(guard.limit)
            self._tolerance.labels(*where).set(guard.tolerance)
            if guard.difference is not None:
                self._difference.labels(*where).set(guard.difference)
        for version, scope, count in figures.open:
            self._open.labels(version, scope).set(count)
        self._keeper.set(figures.keeps)
        self._add("rollbacks", self._rollbacks, figures.rollbacks)
        self._add("loads", self._loads, figures.loads)
        for seconds in figures.seconds:
            self._breach.observe(seconds)

    def _add(self, name: str, counter: Counter, totals: Mapping[str, int]) -> None:
        for label, total in totals.items():
            counter.labels(label).inc(total - self._counted[name].get(label, 0))
        self._counted[name] = dict(totals)


__all__ = ["RolloutMetrics"]
