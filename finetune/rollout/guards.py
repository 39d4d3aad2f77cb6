"""The guards of a trial: what may not get worse, how much is borne, and what all that was seen says of it.

Each guard bets (`finetune.rollout.sequential`) that the candidate is worse than the champion by more than is borne. All
of them together raise a false alarm with a probability of at most `alpha`, however often and however long they are
looked at: each ends the trial at evidence of (number of guards) / alpha. The other way round each bets that it is not:
a trial is ready once every guard has excluded more harm than is borne. Where one of them bears less than the harm that
there is, that happens with a probability of at most `alpha`: it would have to be wrong itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from finetune.rollout.guard import Guard, GuardState
from finetune.rollout.pairs import Pair, QuestionPairs, ThumbPairs, Turns
from finetune.rollout.rules import NAMES, SHOWN_ONLY, GuardName, GuardRules
from finetune.rollout.stages import Figures, Observation, Stage, Thumb
from finetune.rollout.verdict import Judgement, verdict

_Values = tuple[float, float]
_BETTER: tuple[GuardName, ...] = ("support", "thumbs")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Comparison:
    """What a guard compares of which pairs: the candidate's and the champion's value, such that larger is worse."""

    of: Callable[[Figures, Figures], bool]
    values: Callable[[Figures, Figures, GuardRules], _Values]


def _both(one: Figures, other: Figures) -> bool:
    return one.failed is None and other.failed is None


def _answered(one: Figures, other: Figures) -> bool:
    return _both(one, other) and one.answerable and other.answerable


def _borne(one: Figures, other: Figures) -> bool:
    return _answered(one, other) and one.support is not None and other.support is not None


_BY_QUESTION: Mapping[GuardName, _Comparison] = MappingProxyType({
    "support": _Comparison(of=_borne, values=lambda a, b, _: (1.0 - (a.support or 0.0), 1.0 - (b.support or 0.0))),
    "abstention": _Comparison(of=_both, values=lambda a, b, _: (float(not a.answerable), float(not b.answerable))),
    "overreach": _Comparison(of=_both, values=lambda a, b, _: (float(a.answerable), float(b.answerable))),
    "invalid": _Comparison(of=_both, values=lambda a, b, _: (float(a.invalid > 0), float(b.invalid > 0))),
    "failures": _Comparison(
        of=lambda a, b: True, values=lambda a, b, _: (float(a.failed is not None), float(b.failed is not None))
    ),
    "length": _Comparison(
        of=_answered, values=lambda a, b, rules: _times(a.words, b.words, rules.length_factor)
    ),
})  # fmt: skip


def _times(one: float, other: float, factor: float) -> _Values:
    """Alike for both arms, so that noise of whatever kind is 0 in the mean."""
    return float(one > factor * other), float(other > factor * one)


class Guards:
    """The guards of one trial while it is watched: each thing that is seen is looked at once."""

    def __init__(self, rules: GuardRules) -> None:
        self._rules = rules
        self._asked = QuestionPairs(rules.per_person, rules.per_question)
        self._turns, self._words = Turns(), ThumbPairs()
        limit = len(NAMES) / rules.alpha
        self._guards = {name: Guard(name, getattr(rules, name), limit, rules.alpha) for name in NAMES}
        self.breached_at: datetime | None = None
        """When that was kept by which a guard could first tell."""

    @property
    def breached(self) -> bool:
        """Whether a guard ends the trial."""
        return any(each.crossed is not None for each in self._guards.values())

    def observe(self, observation: Observation) -> None:
        """One answer of one arm, in the order in which they were kept."""
        pair = self._asked.add(observation)
        if pair is None:
            return
        one, other = (each.figures for each in pair)
        for name, comparison in _BY_QUESTION.items():
            if comparison.of(one, other):
                self._guards[name].add(*comparison.values(one, other, self._rules))
        if (turns := self._turns.add(pair)) is not None:
            self._guards["latency"].add(*_taken_together(turns, self._rules.latency_factor))
        self._note(observation.at)

    def hear(self, thumb: Thumb) -> None:
        """One word of a person, in the order in which they came."""
        if (pair := self._words.add(thumb)) is not None:
            self._guards["thumbs"].add(*(float(not each.good) for each in pair))
            self._note(thumb.at)

    def judgement(self, stage: Stage = "canary") -> Judgement:
        """What all of it says, of a trial in this stage: a shadow is shown to nobody."""
        states = tuple(each.state(self._asked.count) for each in self._guards.values())
        better = [name for name in _BETTER if self._guards[name].better]
        unseen = SHOWN_ONLY if stage == "shadow" else ()
        return verdict(states, self._asked.count, self._asked.left_out, self._rules, better, unseen)

    def _note(self, at: datetime | None) -> None:
        if self.breached_at is None and self.breached:
            self.breached_at = at


def _taken_together(turns: tuple[Pair, Pair], factor: float) -> _Values:
    """The mean of two questions, one that the candidate answered first and one that the champion did."""
    found = [_times(one.figures.milliseconds, other.figures.milliseconds, factor) for one, other in turns]
    return sum(one for one, _ in found) / 2.0, sum(other for _, other in found) / 2.0


def judge(
    observations: Iterable[Observation], thumbs: Iterable[Thumb], rules: GuardRules, stage: Stage = "canary"
) -> Judgement:
    """What all that was seen of a trial says of it."""
    guards = Guards(rules)
    for observation in observations:
        guards.observe(observation)
    for thumb in thumbs:
        guards.hear(thumb)
    return guards.judgement(stage)


__all__ = ["GuardRules", "GuardState", "Guards", "Judgement", "judge"]
