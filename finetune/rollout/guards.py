"""The guards of a trial: what may not get worse, how much is borne, and what all that was seen says of it.

Each guard bets (`finetune.rollout.sequential`) that the candidate is worse than the champion by more than is borne. All
of them together raise a false alarm with a probability of at most `alpha`, however often and however long they are
looked at: each ends the trial at evidence of (number of guards) / alpha.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from finetune.rollout.pairs import Pair, neighbour_pairs, question_pairs, thumb_pairs
from finetune.rollout.rules import GuardRules
from finetune.rollout.sequential import evidence, interval
from finetune.rollout.stages import Figures, Observation, Thumb


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardState:
    """What one guard has seen: `n` pairs, both arms' means, by how much the candidate is worse with an interval that
    holds at any moment, and the evidence for more than is borne. `crossed` is the pair at which it reached `limit`."""

    name: str
    n: int
    candidate_mean: float | None
    champion_mean: float | None
    difference: float | None
    interval: tuple[float, float] | None
    tolerance: float
    evidence: float
    limit: float
    crossed: int | None

    @property
    def breached(self) -> bool:
        """Whether it ends the trial."""
        return self.crossed is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What the guards say. `ready`: enough questions, and no guard has half the evidence (by its logarithm) that would
    be a breach; `better`: that people or sources bear the candidate out more than the champion is shown."""

    guards: tuple[GuardState, ...]
    pairs: int
    ready: bool
    better: bool
    said: str

    @property
    def breached(self) -> tuple[str, ...]:
        """The guards that end the trial."""
        return tuple(each.name for each in self.guards if each.breached)


Values = list[tuple[float, float]]
"""What a guard compares: the candidate's and the champion's value, such that larger is worse."""


def judge(observations: Sequence[Observation], thumbs: Sequence[Thumb], rules: GuardRules) -> Judgement:
    """What all that was seen of a trial says of it."""
    asked = question_pairs(observations, rules.per_person)
    values = _by_question(asked, rules) | {
        "latency": _each(neighbour_pairs(observations, rules.per_person), _slower(rules.latency_factor)),
        "thumbs": [(float(not a.good), float(not b.good)) for a, b in thumb_pairs(thumbs)],
    }
    limit = len(values) / rules.alpha
    guards = tuple(_state(name, pairs, getattr(rules, name), limit, rules.alpha) for name, pairs in values.items())
    better = [name for name in ("support", "thumbs") if _is_better(values[name], 2 / rules.alpha)]
    doubtful = [each.name for each in guards if each.evidence >= each.limit**0.5]
    ready = len(asked) >= rules.pairs and not doubtful
    said = _said(guards, len(asked), rules.pairs, doubtful, better)
    return Judgement(guards=guards, pairs=len(asked), ready=ready, better=bool(better), said=said)


def _by_question(asked: Sequence[Pair], rules: GuardRules) -> dict[str, Values]:
    both = [pair for pair in asked if all(each.figures.failed is None for each in pair)]
    answered = [pair for pair in both if all(each.figures.answerable for each in pair)]
    borne = [pair for pair in answered if all(each.figures.support is not None for each in pair)]
    return {
        "support": _each(borne, lambda one, other: (1.0 - (one.support or 0.0), 1.0 - (other.support or 0.0))),
        "abstention": _each(both, lambda one, other: (float(not one.answerable), float(not other.answerable))),
        "overreach": _each(both, lambda one, other: (float(one.answerable), float(other.answerable))),
        "invalid": _each(both, lambda one, other: (float(one.invalid > 0), float(other.invalid > 0))),
        "failures": _each(asked, lambda one, other: (float(one.failed is not None), float(other.failed is not None))),
        "length": _each(answered, _longer(rules.length_factor)),
    }


def _each(pairs: Iterable[Pair], compare: Callable[[Figures, Figures], tuple[float, float]]) -> Values:
    return [compare(candidate.figures, champion.figures) for candidate, champion in pairs]


def _longer(factor: float) -> Callable[[Figures, Figures], tuple[float, float]]:
    return lambda one, other: (float(one.words > factor * other.words), float(other.words > factor * one.words))


def _slower(factor: float) -> Callable[[Figures, Figures], tuple[float, float]]:
    """Alike for both arms, so that noise of whatever kind is 0 in the mean."""
    return lambda one, other: (
        float(one.milliseconds > factor * other.milliseconds),
        float(other.milliseconds > factor * one.milliseconds),
    )


def _state(name: str, values: Values, tolerance: float, limit: float, alpha: float) -> GuardState:
    differences = [one - other for one, other in values]
    found = evidence(differences, tolerance, limit)
    n = len(values)
    return GuardState(
        name=name,
        n=n,
        candidate_mean=sum(one for one, _ in values) / n if n else None,
        champion_mean=sum(other for _, other in values) / n if n else None,
        difference=sum(differences) / n if n else None,
        interval=interval(differences, alpha),
        tolerance=tolerance,
        evidence=found.peak if found.crossed is not None else found.value,
        limit=limit,
        crossed=found.crossed,
    )


def _is_better(values: Values, limit: float) -> bool:
    return evidence([other - one for one, other in values], 0.0, limit).crossed is not None


def _said(guards: Sequence[GuardState], pairs: int, wanted: int, doubtful: Sequence[str], better: Sequence[str]) -> str:
    if breached := [each for each in guards if each.breached]:
        words = (
            f"{each.name} is worse by {each.difference:.3f} over {each.n} pairs, {each.tolerance:g} is borne "
            f"(seen after {each.crossed})"
            for each in breached
        )
        return f"Breached: {'; '.join(words)}."
    if pairs < wanted:
        return f"{pairs} of {wanted} questions answered by both; no guard is breached."
    if doubtful:
        return f"{pairs} questions answered by both; half the evidence for a breach is there in {', '.join(doubtful)}."
    if better:
        return f"{pairs} questions answered by both; the candidate is shown to be better in {' and '.join(better)}."
    return f"{pairs} questions answered by both; nothing speaks against going on."


__all__ = ["GuardRules", "GuardState", "Judgement", "judge"]
