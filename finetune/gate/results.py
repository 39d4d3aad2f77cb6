"""What was measured: each measure of both versions with the interval of their difference, over all and part by part."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from finetune.gate.asking import Outputs
from finetune.gate.compare import Interval, mean_interval, median_interval, paired
from finetune.gate.items import Item
from finetune.gate.measures import Output, read, scores
from finetune.gate.rules import DIFFERENCES, LOWER_IS_BETTER, GateRules
from finetune.gate.texts import words_of

WORST = 5
"""Items of a measure that a report names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """A measure of both. `interval` is of candidate less champion, or of candidate divided by champion for a ratio;
    `slice` the part it is of ("language:de", "task:sums"), None for all. `worst` are the ids where the candidate falls
    farthest behind."""

    measure: str
    slice: str | None = None
    candidate: float
    champion: float
    interval: Interval
    worst: tuple[str, ...] = ()

    @property
    def gain(self) -> Interval:
        """The difference, turned so that more is better."""
        return self.interval.turned() if self.measure in LOWER_IS_BETTER else self.interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """`items` and `clusters` count the questions kept back; `unmeasured` says why a measure could not be taken."""

    items: int
    clusters: int
    measures: Mapping[str, Compared] = field(default_factory=dict)
    slices: tuple[Compared, ...] = ()
    general: Compared | None = None
    tasks: tuple[Compared, ...] = ()
    unmeasured: Mapping[str, str] = field(default_factory=dict)


Scores = Mapping[str, Mapping[str, float]]
"""By measure and item."""


def results(
    rules: GateRules,
    items: Sequence[Item],
    said: Outputs,
    timed: Outputs,
    candidate: str,
    champion: str,
    memory: Mapping[str, float] | None = None,
    tasks: Mapping[str, Scores] | None = None,
    likeness: Scores | None = None,
) -> Results:
    """All that the two versions' outputs say. `memory` are bytes by version, where they are known; `tasks` scores of
    tasks that were asked elsewhere, by version, task and item; `likeness` BERTScores by version and item."""
    left, right = ((tasks or {}).get(name, {}) for name in (candidate, champion))
    items = (*items, *_elsewhere(left), *_elsewhere({name: right[name] for name in right.keys() - left.keys()}))
    like = {name: {"bert_score": scored} for name, scored in (likeness or {}).items()}
    mine = {**_scored(items, said[candidate], left), **like.get(candidate, {})}
    bench = _Bench(rules, items, mine, {**_scored(items, said[champion], right), **like.get(champion, {})})
    held_out = [item for item in items if item.kind_of_set == "held_out"]
    ratios = {
        "length_ratio": bench.ratio(
            "length_ratio", *(_lengths(held_out, said[name]) for name in (candidate, champion))
        ),
        "latency_ratio": bench.ratio("latency_ratio", *(_times(timed[name]) for name in (candidate, champion))),
        "throughput_ratio": bench.ratio("throughput_ratio", *(_rates(timed[name]) for name in (candidate, champion))),
        "memory_ratio": _memory(memory or {}, candidate, champion, rules.confidence),
    }
    found = {name: bench.difference(name) for name in DIFFERENCES} | ratios
    return Results(
        items=len(held_out),
        clusters=len({item.cluster for item in held_out}),
        measures={name: each for name, each in found.items() if each is not None},
        slices=bench.parts(rules.slices.measures, _parts(rules, held_out), rules.slices.min_items),
        general=bench.difference("general"),
        tasks=bench.parts(("general",), _tasks(items), rules.min_clusters),
    )


class _Bench:
    """The scores of both versions, to be compared over whatever items."""

    def __init__(self, rules: GateRules, items: Sequence[Item], candidate: Scores, champion: Scores) -> None:
        self._rules = rules
        self._clusters = {item.id: item.cluster for item in items}
        self._candidate, self._champion = candidate, champion

    def difference(
        self, measure: str, part: str | None = None, only: frozenset[str] | None = None, confidence: float | None = None
    ) -> Compared | None:
        left, right = (
            {each: value for each, value in scored.get(measure, {}).items() if only is None or each in only}
            for scored in (self._candidate, self._champion)
        )
        ids, differences = paired(left, right)
        if not ids:
            return None
        interval = self._interval(mean_interval, ids, differences, confidence)
        turn = -1 if measure in LOWER_IS_BETTER else 1
        behind = sorted((turn * each, name) for name, each in zip(ids, differences, strict=True) if turn * each < 0)
        return Compared(
            measure=measure,
            slice=part,
            candidate=math.fsum(left[each] for each in ids) / len(ids),
            champion=math.fsum(right[each] for each in ids) / len(ids),
            interval=interval,
            worst=tuple(name for _, name in behind[:WORST]),
        )

    def ratio(self, measure: str, candidate: Mapping[str, float], champion: Mapping[str, float]) -> Compared | None:
        """The median of paired ratios, reckoned in logarithms: twice as long and half as long weigh the same."""
        ids = sorted(candidate.keys() & champion.keys())
        if not ids:
            return None
        logs = [math.log(candidate[each] / champion[each]) for each in ids]
        return Compared(
            measure=measure,
            candidate=median(candidate[each] for each in ids),
            champion=median(champion[each] for each in ids),
            interval=self._interval(median_interval, ids, logs, None).ratio(),
        )

    def parts(self, measures: Sequence[str], parts: Mapping[str, frozenset[str]], least: int) -> tuple[Compared, ...]:
        """Every measure in every part that has enough items, at a confidence that counts them all (Bonferroni)."""
        pairs = [
            (measure, name, ids)
            for name, ids in sorted(parts.items())
            for measure in measures
            if self._enough(measure, ids, least)
        ]
        confidence = 1 - (1 - self._rules.confidence) / max(1, len(pairs))
        found = (self.difference(measure, name, ids, confidence) for measure, name, ids in pairs)
        return tuple(each for each in found if each is not None)

    def _enough(self, measure: str, ids: frozenset[str], least: int) -> bool:
        there = ids & self._candidate.get(measure, {}).keys() & self._champion.get(measure, {}).keys()
        return len(there) >= least and len({self._clusters[each] for each in there}) >= self._rules.min_clusters

    def _interval(
        self, how: Callable[..., Interval], ids: Sequence[str], values: Sequence[float], confidence: float | None
    ) -> Interval:
        rules = self._rules
        clusters = [self._clusters[each] for each in ids]
        wanted = rules.confidence if confidence is None else confidence
        return how(values, clusters, confidence=wanted, draws=rules.draws, seed=rules.seed)


def _elsewhere(tasks: Scores) -> list[Item]:
    """Items of tasks that were asked elsewhere: no two of them share their luck."""
    return [
        Item(id=f"{task}:{name}", kind_of_set="anchor", messages=(), question="", cluster=f"{task}:{name}",
             slices={"task": task})
        for task, scored in sorted(tasks.items()) for name in sorted(scored)
    ]  # fmt: skip


def _scored(items: Sequence[Item], outputs: Mapping[str, Output], tasks: Scores) -> Scores:
    found: dict[str, dict[str, float]] = {}
    if tasks:
        found["general"] = {f"{task}:{name}": value for task in tasks for name, value in tasks[task].items()}
    for item in items:
        if item.id not in outputs:
            continue
        for name, value in scores(item, outputs[item.id]).items():
            found.setdefault(name, {})[item.id] = value
    return found


def _lengths(items: Sequence[Item], outputs: Mapping[str, Output]) -> dict[str, float]:
    """Words of answers that say something."""
    counts = {item.id: len(words_of(read(item, outputs[item.id]).text)) for item in items}
    return {name: float(count) for name, count in counts.items() if count}


def _times(outputs: Mapping[str, Output]) -> dict[str, float]:
    return {name: each.milliseconds for name, each in outputs.items() if each.milliseconds > 0 and each.failed is None}


def _rates(outputs: Mapping[str, Output]) -> dict[str, float]:
    """Tokens a second."""
    return {name: 1_000 * outputs[name].tokens / time for name, time in _times(outputs).items() if outputs[name].tokens}


def _memory(memory: Mapping[str, float], candidate: str, champion: str, confidence: float) -> Compared | None:
    """One figure of each: it has no chance in it, and its interval no width."""
    left, right = memory.get(candidate), memory.get(champion)
    if not left or not right:
        return None
    value = left / right
    exact = Interval(value=value, low=value, high=value, n=1, clusters=1, confidence=confidence)
    return Compared(measure="memory_ratio", candidate=left, champion=right, interval=exact)


def _parts(rules: GateRules, items: Sequence[Item]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for item in items:
        for name in rules.slices.by:
            if name in item.slices:
                found.setdefault(f"{name}:{item.slices[name]}", set()).add(item.id)
    return {name: frozenset(ids) for name, ids in found.items()}


def _tasks(items: Sequence[Item]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for item in items:
        if item.kind_of_set == "anchor":
            found.setdefault(f"task:{item.slices.get('task', 'anchors')}", set()).add(item.id)
    return {name: frozenset(ids) for name, ids in found.items()}
