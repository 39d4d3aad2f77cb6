"""The gate: what people will be answered by is asked what people asked, and held against what answers them now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import InvalidInput
from finetune.gate.asking import ask_all, ask_one_by_one, timed_items
from finetune.gate.bert_score import bert_scores
from finetune.gate.identity import Base, Problem
from finetune.gate.items import Item
from finetune.gate.journal import Journal
from finetune.gate.judging import judged, to_judge
from finetune.gate.leaks import Leaks
from finetune.gate.ports import Asker, Benches, Judge, Progress, TokenVectors
from finetune.gate.report import GateReport
from finetune.gate.results import results
from finetune.gate.rules import GateRules
from finetune.gate.verdict import Verdict, before, verdict
from finetune.rows import digest


@dataclass(frozen=True, kw_only=True, slots=True)
class Checks:
    """What is known before anything is asked: problems of identity, what training gave away (None: nobody looked), the
    base that is served, bytes of memory by version, where they were measured, and why a measure could not be taken."""

    problems: tuple[Problem, ...] = ()
    leaks: Leaks | None = None
    base: Base | None = None
    memory: Mapping[str, float] = field(default_factory=dict)
    unmeasured: Mapping[str, str] = field(default_factory=dict)


def _untold(done: int, of: int) -> None:
    """Nobody listens."""


async def run_gate(
    rules: GateRules,
    items: Sequence[Item],
    candidate: str,
    champion: str,
    asker: Asker,
    *,
    resume: Path,
    checks: Checks | None = None,
    judge: Judge | None = None,
    benches: Benches | None = None,
    vectors: TokenVectors | None = None,
    progress: Progress = _untold,
) -> GateReport:
    """Asks both and says whether the candidate passes. `resume` is a folder of this run's own: one that was ended goes
    on there with what was answered. Who fails a check is asked nothing.

    Raises what `asker`, `judge`, `benches` and `vectors` do, `InvalidInput` for a version held against itself, an item
    that is there twice or rules that name `bert_score` where there is nothing to compare by, `Conflict` for a folder of
    another run, `StoreUnavailable`.
    """
    _check(items, candidate, champion)
    if "bert_score" in rules.measures and vectors is None:
        raise InvalidInput("The rules name bert_score: hand over what gives vectors of tokens.")
    checks = checks or Checks()
    whole = GateReport(rules=rules, candidate=candidate, champion=champion, base=checks.base, leaks=checks.leaks)
    if stopped := before(rules, checks.problems, checks.leaks):
        return whole.told(Verdict(passed=False, reasons=stopped))
    versions = (candidate, champion)
    ids = [item.id for item in items]
    asked = judge if rules.judge.enabled else None
    base = None if checks.base is None else [checks.base.model, checks.base.quantization]
    head = {"rules": rules.digest, "candidate": candidate, "champion": champion, "items": digest(ids), "base": base}
    if asked is not None:
        head["judge"] = asked.model
    journal = await asyncio.to_thread(Journal, resume, head)
    try:
        pairs = sum(map(len, to_judge(items))) if asked else 0
        of = 2 * (len(items) + len(timed_items(rules, items))) + pairs
        tell = _Count(progress, of, journal.count("said:", "timed:", "judge:", "people:"))
        said = await ask_all(rules, items, versions, asker, journal, tell)
        timed = await ask_one_by_one(rules, items, versions, asker, journal, tell)
        word = await judged(rules, items, said[candidate], said[champion], asked, journal, tell) if asked else None
        tasks = {name: await _benched(benches, name, journal) for name in versions} if benches else {}
    finally:
        journal.close()
    like = {name: await bert_scores(items, said[name], vectors) for name in versions} if vectors else {}
    measured = await asyncio.to_thread(
        results, rules, items, said, timed, candidate, champion, checks.memory, tasks, like
    )
    measured = replace(measured, unmeasured=dict(checks.unmeasured))
    return whole.told(verdict(rules, measured, word), measured, word)


async def _benched(benches: Benches, version: str, journal: Journal) -> Mapping[str, Mapping[str, float]]:
    """A version's scores of tasks; what is in the journal is not asked."""
    key = f"tasks:{version}"
    found: Mapping[str, Mapping[str, float]] | None = journal.get(key)
    if found is None:
        found = await benches.scores(version)
        journal.put(key, found)
    return found


class _Count:
    """Tells how many are answered, beginning with those that were before."""

    def __init__(self, progress: Progress, of: int, done: int) -> None:
        self._progress, self._of, self._done = progress, of, done
        progress(done, of)

    def __call__(self) -> None:
        self._done += 1
        self._progress(self._done, self._of)


def _check(items: Sequence[Item], candidate: str, champion: str) -> None:
    if candidate == champion:
        raise InvalidInput(f"{candidate} cannot be held against itself. Name another champion.")
    if len({item.id for item in items}) < len(items):
        raise InvalidInput("An item is there twice. Hand every item over once.")
