"""How often a canary is stopped that should not be, and how soon one that should: `python -m bench.rollout`.

Trials are simulated (`tests/finetune/rollout/people.py`): people with habits, questions of their own difficulty, bursts
of failures and slowness and busy hours that meet both arms. Of the alike ones half have a share of 10 %. Guards look
after every observation, which their evidence allows.
Results: bench/results/rollout.json.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from scipy.stats import beta

from finetune.rollout.guards import GuardRules, judge
from tests.finetune.rollout.people import NONE, Harm, play

_RESULT = Path(__file__).parent / "results" / "rollout.json"
_ANSWERS = 2_000
_ALIKE = 1_000
_EACH = 20
RULES = GuardRules()
HARMS = {
    "support -0.05": Harm(support=0.05),
    "support -0.15": Harm(support=0.15),
    "abstains +10 points": Harm(abstention=0.1),
    "abstains always": Harm(abstention=1.0),
    "breaks its schema +5 points": Harm(invalid=0.05),
    "breaks its schema always": Harm(invalid=1.0),
    "fails +3 points": Harm(failures=0.03),
    "fails always": Harm(failures=1.0),
    "takes 1.5 times as long": Harm(slower=1.5),
    "takes twice as long": Harm(slower=2.0),
    "is 2.5 times as long": Harm(longer=2.5),
    "thumbs down +30 points": Harm(down=0.3),
    "support -0.15 from 60 % on": Harm(support=0.15, since=0.6),
    "abstains always from 60 % on": Harm(abstention=1.0, since=0.6),
}


def main() -> None:
    alarms = [_stopped(seed, NONE, 0.1 if seed % 2 else 0.5) for seed in range(_ALIKE)]
    stopped = [each for each in alarms if each is not None]
    low, high = _clopper_pearson(len(stopped), _ALIKE)
    alike = {
        "rollouts": _ALIKE, "answers": _ANSWERS, "stopped": len(stopped), "share": len(stopped) / _ALIKE,
        "interval": [low, high], "promised": RULES.alpha,
        "by": sorted({name for _, names in stopped for name in names}),
    }  # fmt: skip
    print(json.dumps(alike), file=sys.stderr)
    worse = {name: _power(harm) for name, harm in HARMS.items()}
    result = {"rules": RULES.model_dump(), "alike": alike, "worse": worse}
    _RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def _power(harm: Harm) -> dict[str, Any]:
    found = [_stopped(10_000 + seed, harm) for seed in range(_EACH)]
    after = [questions for questions, _ in filter(None, found)]
    names = sorted({name for _, breached in filter(None, found) for name in breached})
    began = int(harm.since * _ANSWERS)
    row = {
        "stopped": len(after), "of": _EACH, "by": names,
        "median_questions": statistics.median(after) - began if after else None,
        "most_questions": max(after) - began if after else None,
    }  # fmt: skip
    print(harm, row, file=sys.stderr)
    return row


def _stopped(seed: int, harm: Harm, share: float = 0.5) -> tuple[int, tuple[str, ...]] | None:
    """The question of the trial at which a guard stops it, and which do; None where none does."""
    trial = play(seed, _ANSWERS, harm, share)
    if not judge(trial.observations, trial.thumbs, RULES).breached:
        return None
    low, high = 0, len(trial.observations)  # evidence only grows to its peak: the first breach is found by halving
    while high - low > 1:
        middle = (low + high) // 2
        if judge(trial.observations[:middle], _said_by(trial, middle), RULES).breached:
            high = middle
        else:
            low = middle
    breached = judge(trial.observations[:high], _said_by(trial, high), RULES).breached
    return int(trial.observations[high - 1].answer_id[1:]) + 1, breached


def _said_by(trial: Any, length: int) -> list[Any]:
    """Thumbs in proportion: they come as answers do."""
    return trial.thumbs[: round(len(trial.thumbs) * length / len(trial.observations))]  # type: ignore[no-any-return]


def _clopper_pearson(successes: int, tries: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share (Clopper and Pearson 1934)."""
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, successes, tries - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, tries - successes)) if successes < tries else 1.0
    return low, high


if __name__ == "__main__":
    main()
