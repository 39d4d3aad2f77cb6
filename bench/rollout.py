"""How often a canary is stopped that should not be, how soon one that should, and what a trial can show to be harmless:
`python -m bench.rollout`.

Trials are simulated (`tests/finetune/rollout/people.py`): people with habits, questions of their own difficulty, some
of them asked again, bursts of failures and slowness and busy hours that meet both arms, and more load on what is
written second. Half of those that should not be stopped have a share of 10 %. Guards look after every observation,
which their evidence allows; what they exclude is looked at after every 25.
Results: bench/results/rollout.json.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from scipy.stats import beta

from finetune.rollout.guards import GuardRules, Guards, judge
from finetune.rollout.rules import NAMES
from tests.finetune.rollout.people import NONE, Harm, Trial, play

_RESULT = Path(__file__).parent / "results" / "rollout.json"
_ANSWERS = 2_000
_LONG = 20_000
_ALIKE = 1_000
_EACH = 40
_LOOK = 25
RULES = GuardRules()
BORNE = Harm(
    support=RULES.support, abstention=RULES.abstention, invalid=RULES.invalid, failures=RULES.failures
)  # fmt: skip
"""As much worse as is borne, in all of these at once."""
HARMS = {
    "support -0.05": Harm(support=0.05),
    "support -0.15": Harm(support=0.15),
    "support -0.3": Harm(support=0.3),
    "abstains +10 points": Harm(abstention=0.1),
    "abstains +15 points": Harm(abstention=0.15),
    "abstains always": Harm(abstention=1.0),
    "answers all that the champion abstains from": Harm(abstention=-0.12),
    "breaks its schema +5 points": Harm(invalid=0.05),
    "breaks its schema +10 points": Harm(invalid=0.1),
    "breaks its schema always": Harm(invalid=1.0),
    "fails +3 points": Harm(failures=0.03),
    "fails +10 points": Harm(failures=0.1),
    "fails always": Harm(failures=1.0),
    "takes 1.2 times as long": Harm(slower=1.2),
    "takes 1.5 times as long": Harm(slower=1.5),
    "takes twice as long": Harm(slower=2.0),
    "is 1.5 times as long": Harm(longer=1.5),
    "is 2.5 times as long": Harm(longer=2.5),
    "thumbs down +20 points": Harm(down=0.2),
    "thumbs down +50 points": Harm(down=0.5),
    "support -0.15 from 60 % on": Harm(support=0.15, since=0.6),
    "abstains +15 points from 60 % on": Harm(abstention=0.15, since=0.6),
    "abstains always from 60 % on": Harm(abstention=1.0, since=0.6),
    "breaks its schema +10 points from 60 % on": Harm(invalid=0.1, since=0.6),
    "fails always from 60 % on": Harm(failures=1.0, since=0.6),
    "takes twice as long from 60 % on": Harm(slower=2.0, since=0.6),
    "is 2.5 times as long from 60 % on": Harm(longer=2.5, since=0.6),
}


@dataclass(kw_only=True)
class Followed:
    """What came of a trial: the question at which it was stopped, by which guards, and the questions answered by both
    when each guard had first excluded more harm than is borne."""

    stopped: int | None = None
    by: tuple[str, ...] = ()
    excluded: dict[str, int] = field(default_factory=dict)


def main() -> None:
    with ProcessPoolExecutor(2) as pool:
        alike = {
            "the same version": _alarms(pool, NONE), "the same version, 20 people": _alarms(pool, NONE, 20),
            "as much worse as is borne": _alarms(pool, BORNE),
        }  # fmt: skip
        long = _long(pool)
        worse = {name: _power(pool, name, harm) for name, harm in HARMS.items()}
    result = {
        "rules": RULES.model_dump(mode="json"), "answers": _ANSWERS, "alike": alike, "long": long, "worse": worse,
        "judging": _seconds(),
    }  # fmt: skip
    _RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def followed(trial: Trial) -> Followed:
    """Watches a trial from its first observation to the one that stops it, or its last."""
    guards, found, heard = Guards(RULES), Followed(), 0
    for number, observation in enumerate(trial.observations, start=1):
        guards.observe(observation)
        while heard < len(trial.thumbs) and trial.heard_after[heard] <= number:
            guards.hear(trial.thumbs[heard])
            heard += 1
        if guards.breached:
            found.stopped = int(observation.answer_id[1:]) + 1
            found.by = guards.judgement().breached
            return found
        if number % _LOOK == 0:
            judgement = guards.judgement()
            for each in judgement.guards:
                if each.excluded:
                    found.excluded.setdefault(each.name, judgement.pairs)
    return found


def _alike(harm: Harm, people: int, seed: int) -> Followed:
    return followed(play(seed, _ANSWERS, harm, 0.1 if seed % 2 else 0.5, people))


def _alarms(pool: ProcessPoolExecutor, harm: Harm, people: int = 300) -> dict[str, Any]:
    """How many trials are ever stopped that should not be, and of how many each guard ever excludes more harm than is
    borne: of those that are as much worse as is borne that, too, is an error."""
    found = list(pool.map(partial(_alike, harm, people), range(_ALIKE), chunksize=25))
    stopped = [each for each in found if each.stopped is not None]
    row = {
        "rollouts": _ALIKE, "stopped": len(stopped), "share": len(stopped) / _ALIKE,
        "interval": _clopper_pearson(len(stopped), _ALIKE), "promised": RULES.alpha,
        "by": sorted({name for each in stopped for name in each.by}), "excluded": _excluded(found),
    }  # fmt: skip
    print(row, file=sys.stderr)
    return row


def _excluded(found: Sequence[Followed]) -> Mapping[str, int]:
    return {name: sum(name in each.excluded for each in found) for name in NAMES}


def _of_length(seed: int) -> Followed:
    return followed(play(20_000 + seed, _LONG, NONE, 0.5, 3_000))


def _long(pool: ProcessPoolExecutor) -> dict[str, Any]:
    """After how many questions answered by both a guard has shown that the same version does no more harm than is
    borne, in long trials of many people; the median over those in which it has."""
    found = list(pool.map(_of_length, range(_EACH // 2)))
    row = {
        name: {
            "shown": len(after := [each.excluded[name] for each in found if name in each.excluded]),
            "of": len(found), "median_pairs": statistics.median(after) if after else None,
        }
        for name in NAMES
    }  # fmt: skip
    print(row, file=sys.stderr)
    return {"answers": _LONG, "people": 3_000, "guards": row}


def _worse(harm: Harm, seed: int) -> Followed:
    return followed(play(10_000 + seed, _ANSWERS, harm))


def _power(pool: ProcessPoolExecutor, name: str, harm: Harm) -> dict[str, Any]:
    """How many trials are stopped, after how many questions from the harm's beginning on, and in how many of them the
    guard of this harm had ever excluded it."""
    found = list(pool.map(partial(_worse, harm), range(_EACH), chunksize=5))
    began = int(harm.since * _ANSWERS)
    after = [each.stopped - began if each.stopped is not None else math.inf for each in found]
    row = {
        "stopped": sum(map(math.isfinite, after)), "of": _EACH,
        "by": sorted({name for each in found for name in each.by}),
        "median_questions": _quantile(after, 0.5), "p90_questions": _quantile(after, 0.9),
        "guard": (guard := _guard_of(harm)), "excluded": sum(guard in each.excluded for each in found),
    }  # fmt: skip
    print(name, row, file=sys.stderr)
    return row


def _guard_of(harm: Harm) -> str:
    """The guard that is there for a harm."""
    seen = {
        "support": harm.support > 0, "abstention": harm.abstention > 0, "overreach": harm.abstention < 0,
        "invalid": harm.invalid > 0, "failures": harm.failures > 0, "latency": harm.slower > 1,
        "length": harm.longer > 1, "thumbs": harm.down > 0,
    }  # fmt: skip
    return next(name for name, there in seen.items() if there)


def _quantile(values: Sequence[float], share: float) -> float | None:
    """The least value that such a share of all does not exceed; None where that many trials were not stopped."""
    found = sorted(values)[math.ceil(share * len(values)) - 1]
    return found if math.isfinite(found) else None


def _clopper_pearson(successes: int, tries: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share (Clopper and Pearson 1934)."""
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, successes, tries - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, tries - successes)) if successes < tries else 1.0
    return low, high


def _seconds() -> dict[str, float]:
    """What one look takes at a long trial, from nothing."""
    trial = play(1, 13_600)
    began = time.perf_counter()
    judge(trial.observations, trial.thumbs, RULES)
    return {"observations": len(trial.observations), "seconds": round(time.perf_counter() - began, 3)}


if __name__ == "__main__":
    main()
