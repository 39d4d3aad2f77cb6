"""How often a canary is stopped that should not be, and how soon one that should: `python -m bench.rollout`.

Trials are simulated (`tests/finetune/rollout/people.py`): people with habits, questions of their own difficulty, bursts
of failures and slowness and busy hours that meet both arms. Half of those that should not be stopped have a share of
10 %. Guards look after every observation, which their evidence allows.
Results: bench/results/rollout.json.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scipy.stats import beta

from finetune.rollout.guards import GuardRules, judge
from finetune.rollout.pairs import question_pairs
from finetune.rollout.stages import Thumb
from tests.finetune.rollout.people import NONE, Harm, Trial, play

_RESULT = Path(__file__).parent / "results" / "rollout.json"
_ANSWERS = 2_000
_ALIKE = 1_000
_EACH = 40
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


def main() -> None:
    alike = {
        "the same version": _alarms(NONE), "the same version, 20 people": _alarms(NONE, 20),
        "as much worse as is borne": _alarms(BORNE),
    }  # fmt: skip
    worse = {name: _power(name, harm) for name, harm in HARMS.items()}
    result = {
        "rules": RULES.model_dump(), "answers": _ANSWERS, "alike": alike, "worse": worse, "judging": _seconds(),
    }  # fmt: skip
    _RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def _alarms(harm: Harm, people: int = 300) -> dict[str, Any]:
    """How many trials are ever stopped that should not be."""
    found = [_stopped(play(seed, _ANSWERS, harm, 0.1 if seed % 2 else 0.5, people)) for seed in range(_ALIKE)]
    stopped = [names for _, names in filter(None, found)]
    row = {
        "rollouts": _ALIKE, "stopped": len(stopped), "share": len(stopped) / _ALIKE,
        "interval": _clopper_pearson(len(stopped), _ALIKE), "promised": RULES.alpha,
        "by": sorted({name for names in stopped for name in names}),
    }  # fmt: skip
    print(row, file=sys.stderr)
    return row


def _power(name: str, harm: Harm) -> dict[str, Any]:
    """How many trials are stopped, after how many questions from the harm's beginning on, and how many of them would
    have been ready to go on before, at the moment at which enough questions were answered by both."""
    trials = [play(10_000 + seed, _ANSWERS, harm) for seed in range(_EACH)]
    found = [_stopped(trial) for trial in trials]
    began = int(harm.since * _ANSWERS)
    after = [each[0] - began if each else math.inf for each in found]
    row = {
        "stopped": sum(map(math.isfinite, after)), "of": _EACH,
        "by": sorted({name for _, names in filter(None, found) for name in names}),
        "median_questions": _quantile(after, 0.5), "p90_questions": _quantile(after, 0.9),
        "ready_at_first": sum(map(_ready_at_first, trials)),
    }  # fmt: skip
    print(name, row, file=sys.stderr)
    return row


def _stopped(trial: Trial) -> tuple[int, tuple[str, ...]] | None:
    """The question of the trial at which a guard stops it, and which do; None where none does."""
    if not _breached(trial, len(trial.observations)):
        return None
    low, high = 0, len(trial.observations)  # a breach stays one: the first is found by halving
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _breached(trial, middle) else (middle, high)
    return int(trial.observations[high - 1].answer_id[1:]) + 1, _breached(trial, high)


def _breached(trial: Trial, length: int) -> tuple[str, ...]:
    return judge(trial.observations[:length], _thumbs(trial, length), RULES).breached


def _ready_at_first(trial: Trial) -> bool:
    pairs = question_pairs(trial.observations, RULES.per_person)
    if len(pairs) < RULES.pairs:
        return False
    length = max(each.number for each in pairs[RULES.pairs - 1])
    return judge(trial.observations[:length], _thumbs(trial, length), RULES).ready


def _thumbs(trial: Trial, length: int) -> list[Thumb]:
    """In proportion: they come as answers do."""
    return trial.thumbs[: round(len(trial.thumbs) * length / len(trial.observations))]


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
