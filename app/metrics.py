"""What an operator watches, counted in a registry of the application's own; served as text by `/metrics`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from app.history import History
from core.types import Statement

if TYPE_CHECKING:
    from app.rollout.counts import RolloutFigures

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_WORK = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0)
_BREACH = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 300.0)
_WHERE = ("version", "scope")


class Metrics:
    """The counters of one server. Labels are bounded: route templates, stages, codes and reasons, never ids.

    What is worth a look by time is counted in `history` as well, for those who run no Prometheus.
    """

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, history: History | None = None) -> None:
        self.history = history or History()
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "footnote_http_request_duration_seconds",
            "Time from a request's first byte to its response's last, by route.",
            ("method", "route", "status"),
            buckets=_LATENCY,
            registry=self.registry,
        )
        self._stages = Histogram(
            "footnote_stage_duration_seconds",
            "Time one stage of a search or an answer took.",
            ("operation", "stage"),
            buckets=_LATENCY,
            registry=self.registry,
        )
        self._job_stages = Histogram(
            "footnote_job_stage_duration_seconds",
            "Time one stage of a job took, of jobs that ended since this server started; queued is the wait before.",
            ("kind", "stage"),
            buckets=_WORK,
            registry=self.registry,
        )
        self._errors = Counter("footnote_errors", "Errors told to callers, by code.", ("code",), registry=self.registry)
        self._degraded = Counter(
            "footnote_degraded", "Responses made worse than configured, by reason.", ("reason",), registry=self.registry
        )
        self._answers = Counter(
            "footnote_answers",
            "Answers given, by whether the documents carried one.",
            ("answerable",),
            registry=self.registry,
        )
        self._support = Histogram(
            "footnote_statement_support",
            "How far statements are borne out by what they cite, from 0 to 1, by whether that suffices.",
            ("supported",),
            buckets=_SHARES,
            registry=self.registry,
        )
        self._invalid = Counter(
            "footnote_generator_invalid_outputs",
            "Outputs that broke their schema; each is asked for once more.",
            registry=self.registry,
        )
        self._tokens = Counter(
            "footnote_generator_tokens", "Tokens of finished answers, by direction.", ("kind",), registry=self.registry
        )
        self._requests_held = Gauge(
            "footnote_generator_requests",
            "Requests running at the generator and waiting for it, where there is a queue.",
            ("state",),
            registry=self.registry,
        )
        self._cache = Counter(
            "footnote_cache_lookups",
            "Questions by what came of looking for a remembered answer: hit, miss, stale or fresh.",
            ("outcome",),
            registry=self.registry,
        )
        self._evicted = Counter(
            "footnote_cache_evictions",
            "Remembered answers that made room before their time, in this process.",
            registry=self.registry,
        )
        self._cached = {"evicted": 0}
        self._redis: Gauge | None = None
        self._rails = Counter(
            "footnote_rail_findings",
            "What the rails did: marked, masked or blocked, by rail and by where the text was on its way.",
            ("rail", "action", "place"),
            registry=self.registry,
        )
        self._railed: dict[tuple[str, str, str], int] = {}
        self._feedback = Counter(
            "footnote_feedback", "Feedback received, by rating.", ("rating",), registry=self.registry
        )
        self._streams = Gauge("footnote_streams_active", "Answers being written now.", registry=self.registry)
        self._runs = Histogram(
            "footnote_agent_run_duration_seconds",
            "Time this server worked on a run of an agent, by how the run ended.",
            ("status",),
            buckets=_WORK,
            registry=self.registry,
        )
        self._runs_in_hand = Gauge("footnote_agent_runs_active", "Runs being worked on now.", registry=self.registry)
        self._steps = Counter(
            "footnote_agent_steps",
            "Steps that agents took, by tool and by what came of it: done, or why not.",
            ("tool", "outcome"),
            registry=self.registry,
        )
        self._jobs = Gauge(
            "footnote_jobs", "Jobs by status; queued is the queue's depth.", ("status",), registry=self.registry
        )
        self._training = Gauge(
            "footnote_training_runs", "Runs of training by state.", ("state",), registry=self.registry
        )
        self._trained = Histogram(
            "footnote_training_run_duration_seconds",
            "Time a run's last process took, of runs that ended while this server kept them.",
            ("method", "state"),
            buckets=_WORK,
            registry=self.registry,
        )
        self._of_rollouts = CollectorRegistry()
        self.rollouts = RolloutMetrics(self._of_rollouts)
        self._documents = Gauge("footnote_documents", "Live documents.", registry=self.registry)
        self._chunks = Gauge("footnote_chunks", "Chunks of live documents.", registry=self.registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Notes a finished request under its route's template."""
        self._requests.labels(method, route, str(status)).observe(seconds)

    def stages(self, operation: str, timings_ms: Mapping[str, float]) -> None:
        """Notes how long each stage of a search or an answer took."""
        for stage, milliseconds in timings_ms.items():
            self._stages.labels(operation, stage).observe(milliseconds / 1000)
        self.history.stages(operation, timings_ms)

    def job_stages(self, kind: str, timings_ms: Mapping[str, float]) -> None:
        """Notes how long each stage of a job took."""
        for stage, milliseconds in timings_ms.items():
            self._job_stages.labels(kind, stage).observe(milliseconds / 1000)
        self.history.stages("job", timings_ms)

    def error(self, code: str) -> None:
        """Counts an error told to a caller."""
        self._errors.labels(code).inc()
        self.history.error(code)

    def degraded(self, reasons: Iterable[str]) -> None:
        """Counts each way in which a response was worse than configured."""
        for reason in reasons:
            self._degraded.labels(reason).inc()
            self.history.degraded((reason,))

    def answer(self, answerable: bool) -> None:
        """Counts a finished answer."""
        self._answers.labels("true" if answerable else "false").inc()

    def support(self, statements: Iterable[Statement]) -> None:
        """Counts how far the statements of a finished answer are borne out."""
        for statement in statements:
            self._support.labels("true" if statement.supported else "false").observe(statement.support)

    def invalid_outputs(self, count: int) -> None:
        """Counts outputs that broke their schema."""
        self._invalid.inc(count)

    def tokens(self, prompt: int, completion: int) -> None:
        """Counts the tokens that a finished answer took."""
        self._tokens.labels("prompt").inc(prompt)
        self._tokens.labels("completion").inc(completion)

    def generator(self, *, running: int, waiting: int) -> None:
        """Says what the generator has in hand and what waits for it; called just before each scrape."""
        self._requests_held.labels("running").set(running)
        self._requests_held.labels("waiting").set(waiting)

    def cache(self, lookups: Mapping[str, int], evicted: int) -> None:
        """Says how remembered answers were looked for since the start; called just before each scrape."""
        for outcome, total in lookups.items():
            self._cache.labels(outcome).inc(total - self._cached.get(outcome, 0))
        self._evicted.inc(evicted - self._cached["evicted"])
        self._cached = {**lookups, "evicted": evicted}

    def rails(self, counts: Mapping[tuple[str, str, str], int]) -> None:
        """Says what the rails did since the start, by rail, action and place; called just before each scrape."""
        for key, total in counts.items():
            self._rails.labels(*key).inc(total - self._railed.get(key, 0))
        self._railed = dict(counts)

    def training(self, counts: Mapping[str, int], ended: Iterable[tuple[str, str, float]]) -> None:
        """Says how many runs of training are in each state, and of which method, state and seconds those were that have
        ended; called just before each scrape."""
        for state, count in counts.items():
            self._training.labels(state).set(count)
        for method, state, seconds in ended:
            self._trained.labels(method, state).observe(seconds)

    def redis(self, up: bool) -> None:
        """Says whether Redis answers; called just before each scrape where one is configured: elsewhere it is not told,
        since 0 would say that it is away."""
        if self._redis is None:
            words = "Whether the configured Redis answers: 1 or 0."
            self._redis = Gauge("footnote_redis_up", words, registry=self.registry)
        self._redis.set(up)

    def feedback(self, rating: str) -> None:
        """Counts a feedback received."""
        self._feedback.labels(rating).inc()

    def streams(self, active: int) -> None:
        """Says how many answers are being written."""
        self._streams.set(active)

    def run(self, status: str, seconds: float) -> None:
        """Notes a run that ended, or that waits for a person now."""
        self._runs.labels(status).observe(seconds)

    def runs_in_hand(self, active: int) -> None:
        """Says how many runs are being worked on."""
        self._runs_in_hand.set(active)

    def step(self, tool: str, failure: str | None) -> None:
        """Counts a step that an agent has taken."""
        self._steps.labels(tool, failure or "done").inc()

    def stock(self, *, documents: int, chunks: int, jobs: Mapping[JobStatus, int]) -> None:
        """Says what the store holds; called just before each scrape."""
        self._documents.set(documents)
        self._chunks.set(chunks)
        for status in get_args(JobStatus):
            self._jobs.labels(status).set(jobs.get(status, 0))

    def text(self, *, rollouts: bool = True) -> bytes:
        """Everything in Prometheus' text format, or all but rollouts: what a guard sees is not for who may steer it."""
        return generate_latest(self.registry) + (generate_latest(self._of_rollouts) if rollouts else b"")


class RolloutMetrics:
    """The metrics of rollouts in a registry.

    Versions and scopes are labels here although they are names that people give: only those that are live are told, one
    champion and one trial a scope, and they are gone from the next scrape on when they are no more.
    """

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
            buckets=_BREACH,
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
