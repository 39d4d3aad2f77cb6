"""A simulated trial: people with habits ask questions of their own difficulty, some more often, and two arms answer
them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from finetune.rollout.assign import in_share
from finetune.rollout.stages import Figures, Observation, Thumb


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What was seen of a canary, in order."""

    observations: list[Observation]
    thumbs: list[Thumb]


def play(seed: int, answers: int, harm: Harm = NONE, share: float = 0.5, people: int = 300) -> Trial:
    """A canary over so many questions. Both arms answer those of the candidate's people; engines fail for both now and
    then, are slow in bursts, and twice as slow in busy hours. Some people ask for longer answers than others do."""
    random = np.random.default_rng(seed)
    habit = random.normal(0, 0.08, people)
    patience = random.normal(0, 0.3, people)
    asking = np.arange(1, people + 1) ** -0.5
    askers = random.choice(people, answers, p=asking / asking.sum())
    grumpy = random.beta(2, 5, people)
    observations: list[Observation] = []
    thumbs: dict[str, Thumb] = {}
    burst = 0.0
    for number in range(answers):
        worse = harm if number >= harm.since * answers else NONE
        burst = 0.9 * burst + (random.random() < 0.02)
        hour = float(np.sin(3 * np.pi * number / answers) ** 2)
        who = int(askers[number])
        person, difficulty = f"person {who}", random.normal(0, 0.1) + habit[who]
        shown = "candidate" if in_share(f"trial {seed}", person, share) else "champion"
        arms = ("candidate", "champion") if shown == "candidate" else ("champion",)
        for arm in arms:
            figures = _answered(random, difficulty, patience[who], burst + hour, worse if arm == "candidate" else NONE)
            observations.append(
                Observation(
                    number=len(observations) + 1, deployment_id="d", answer_id=f"q{number}", principal_id=person,
                    arm=arm, shown=arm == shown, figures=figures,
                )
            )  # fmt: skip
        if random.random() < 0.08:
            extra = worse.down if shown == "candidate" else 0.0
            good = bool(random.random() > grumpy[who] + extra)
            thumbs.setdefault(person, Thumb(principal_id=person, arm=shown, good=good))
    return Trial(observations=observations, thumbs=list(thumbs.values()))


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
