"""What the guards of a trial say together: that it ends, that it may go on, or that a person has to decide."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from finetune.rollout.guard import GuardState
from finetune.rollout.rules import GuardRules


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What the guards say. `ready`: enough questions, every guard has excluded more harm than is borne (but those that
    the rules waive, and those that this stage cannot see), and none has half the evidence (by its logarithm) that would
    be a breach. `person`: guards that will not get there within the trial's length as things look; where only such are
    `open`, a person decides. `left_out` are questions of people, or of words, that count no further. `better`: that
    people or sources bear the candidate out more than the champion is shown."""

    guards: tuple[GuardState, ...]
    pairs: int
    left_out: int
    ready: bool
    better: bool
    open: tuple[str, ...]
    person: tuple[str, ...]
    said: str

    @property
    def breached(self) -> tuple[str, ...]:
        """The guards that end the trial."""
        return tuple(each.name for each in self.guards if each.breached)

    @property
    def needs_person(self) -> bool:
        """Whether waiting will not make it ready, and nothing ends it."""
        return bool(self.open) and set(self.open) == set(self.person) and not self.breached


def verdict(
    guards: tuple[GuardState, ...], pairs: int, left_out: int, rules: GuardRules, better: Sequence[str],
    unseen: Collection[str],
) -> Judgement:  # fmt: skip
    """Of what each guard has seen over `pairs` questions; `unseen` are the guards that this stage cannot see."""
    doubtful = [each.name for each in guards if each.evidence >= each.limit**0.5]
    enough = pairs >= rules.pairs
    still = [each for each in guards if not (each.excluded or each.name in rules.waived or each.name in unseen)]
    beyond = [each for each in still if enough and _beyond(each, pairs, rules.longest)]
    breached = any(each.breached for each in guards)
    ready = enough and not doubtful and not still and not breached
    return Judgement(
        guards=guards,
        pairs=pairs,
        left_out=left_out,
        ready=ready,
        better=bool(better),
        open=tuple(each.name for each in still),
        person=tuple(each.name for each in beyond),
        said=_said(guards, pairs, rules, doubtful, better, still, beyond) + _not_counted(left_out, rules),
    )


def _beyond(guard: GuardState, pairs: int, longest: int) -> bool:
    return pairs >= longest or guard.needs is None or guard.needs > longest


def _said(
    guards: Sequence[GuardState], pairs: int, rules: GuardRules, doubtful: Sequence[str], better: Sequence[str],
    still: Sequence[GuardState], beyond: Sequence[GuardState],
) -> str:  # fmt: skip
    if breached := [each for each in guards if each.breached]:
        words = (
            f"{each.name} is worse by {each.difference:.3f} over {each.n} pairs, {each.tolerance:g} is borne "
            f"(seen after {each.crossed})"
            for each in breached
        )
        return f"Breached: {'; '.join(words)}."
    if pairs < rules.pairs:
        return f"{pairs} of {rules.pairs} questions answered by both; no guard is breached."
    asked = f"{pairs} questions answered by both"
    if doubtful:
        return f"{asked}; half the evidence for a breach is there in {', '.join(doubtful)}."
    if len(beyond) < len(still):
        waiting = [each.name for each in still if each not in beyond]
        return f"{asked}; more harm than is borne is not excluded yet in {', '.join(waiting)}.{_for_a_person(beyond)}"
    if beyond:
        return f"{asked}; nothing speaks against going on, but it cannot be shown.{_for_a_person(beyond)}"
    if better:
        return f"{asked}; the candidate is shown to be better in {' and '.join(better)}."
    return f"{asked}; more harm than is borne is excluded in all that was compared."


def _not_counted(left_out: int, rules: GuardRules) -> str:
    if not left_out:
        return ""
    return (
        f" {left_out} more do not count: one person counts with {rules.per_person}, one question {rules.per_question} "
        "times."
    )


def _for_a_person(beyond: Sequence[GuardState]) -> str:
    if not beyond:
        return ""
    told = (f"{each.name} ({_needed(each)})" for each in beyond)
    return f" Within a trial's length these are not shown, and need a person's word: {', '.join(told)}."


def _needed(guard: GuardState) -> str:
    if not guard.n:
        return "nothing was compared"
    return "no end in sight" if guard.needs is None else f"about {guard.needs:,} questions"


__all__ = ["Judgement", "verdict"]
