"""A simulated trial: people with habits ask questions of their own difficulty, some more often, and two arms answer
them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from finetune.rollout.assign import in_share
from finetune.rollout.stages import Arm, Figures, Observation, Thumb


@dataclass(frozen=True, kw_only=True, slots=True)
class Harm:
    """How the candidate is worse: in support, in shares of answers, in its time, and since which share of the trial."""

    support: float = 0.0
    abstention: float = 0.0
    invalid: float = 0.0
    failures: float = 0.0
    slower: float = 1.0
    longer: float = 1.0
    down: float = 0.0
    since: float = 0.0


NONE = Harm()
_ORDER: dict[Arm, tuple[Arm, Arm]] = {
    "candidate": ("candidate", "champion"),
    "champion": ("champion", "candidate"),
}
_OFTEN = 0.1
"""Share of questions that were asked before."""
_SECOND = 1.3
"""What the load is to an answer that is written second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What was seen of a canary, in order."""

    observations: list[Observation]
    thumbs: list[Thumb]
    """Each after as many observations as its number in `heard_after` says."""
    heard_after: list[int]


def play(seed: int, answers: int, harm: Harm = NONE, share: float = 0.5, people: int = 300) -> Trial:
    """A canary over so many questions. Both arms answer those of the candidate's people and, by chance, as many of the
    others'; what is written second takes longer. Engines fail for both now and then, are slow in bursts, and twice as
    slow in busy hours. Some people ask for longer answers than others do, and some questions come again and again."""
    random = np.random.default_rng(seed)
    habit = random.normal(0, 0.08, people)
    patience = random.normal(0, 0.3, people)
    asking = np.arange(1, people + 1) ** -0.5
    askers = random.choice(people, answers, p=asking / asking.sum())
    grumpy = random.beta(2, 5, people)
    observations: list[Observation] = []
    thumbs: dict[str, Thumb] = {}
    heard_after: list[int] = []
    burst = 0.0
    for number in range(answers):
        worse = harm if number >= harm.since * answers else NONE
        burst = 0.9 * burst + (random.random() < 0.02)
        hour = float(np.sin(3 * np.pi * number / answers) ** 2)
        who = int(askers[number])
        person, difficulty = f"person {who}", random.normal(0, 0.1) + habit[who]
        shown: Arm = "candidate" if in_share(f"trial {seed}", person, share) else "champion"
        beside = shown == "candidate" or random.random() * (1 - share) < share
        first, second = _ORDER[shown]
        question = f"often {random.integers(40)}" if random.random() < _OFTEN else f"once {number}"
        for arm in (first, second) if beside else (first,):
            load = (burst + hour) * (1.0 if arm == first else _SECOND)
            figures = _answered(random, difficulty, patience[who], load, worse if arm == "candidate" else NONE)
            figures = replace(figures, question=question)
            observations.append(
                Observation(
                    number=len(observations) + 1, deployment_id="d", answer_id=f"q{number}", principal_id=person,
                    arm=arm, shown=arm == shown, figures=figures,
                )
            )  # fmt: skip
        if random.random() < 0.08 and person not in thumbs:
            extra = worse.down if shown == "candidate" else 0.0
            good = bool(random.random() > grumpy[who] + extra)
            thumbs[person] = Thumb(principal_id=person, arm=shown, good=good)
            heard_after.append(len(observations))
    return Trial(observations=observations, thumbs=list(thumbs.values()), heard_after=heard_after)


def _answered(random: np.random.Generator, difficulty: float, patience: float, burst: float, harm: Harm) -> Figures:
    if random.random() < 0.002 + 0.1 * min(burst, 1.0) * 0.2 + harm.failures:
        return Figures(failed="generator_unavailable")
    invalid = int(random.random() < 0.01 + harm.invalid)
    milliseconds = float(np.exp(random.normal(6.0 + patience, 0.35)) * (1 + burst) * harm.slower)
    base = Figures(invalid=invalid, milliseconds=milliseconds)
    if random.random() < 0.12 + harm.abstention:
        return base
    support = float(np.clip(0.7 + difficulty + random.normal(0, 0.08) - harm.support, 0, 1))
    words = int(max(3, np.exp(random.normal(3.4, 0.3)) * harm.longer))
    return replace(base, answerable=True, support=support, statements=2, words=words, tokens=2 * words)
