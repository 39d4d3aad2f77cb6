"""A judge's word on which version answers better, and how far that word can be trusted.

A judge sees each pair twice, either way round, and counts only where it says the same twice: models prefer places
(Zheng et al. 2023, "Judging LLM-as-a-Judge"). How far it agrees with people is told by the pairs that people decided:
Cohen's kappa (1960) over which of two answers, in an order that chance decides, is the better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from finetune.gate.asking import at_most
from finetune.gate.compare import Interval, mean_interval
from finetune.gate.items import Item
from finetune.gate.journal import Journal
from finetune.gate.measures import Output
from finetune.gate.ports import Judge, Preferred
from finetune.gate.rules import GateRules
from finetune.rows import digest

Said = Literal["a", "b", "tie", "unsure"]
_TURNED: Mapping[Preferred, Preferred] = {"a": "b", "b": "a", "tie": "tie"}
_WORTH = {"a": 1.0, "b": 0.0, "tie": 0.5}


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """`wins`, `losses` and `ties` are the candidate's; `unsure` the pairs on which the judge said two things. `rate` is
    the share of wins, a tie counting one half, None where the judge decided nothing. `kappa` is its agreement with
    `people` pairs, None where it is not defined. `trusted` is whether it may bear witness, `model`
    who judged."""

    wins: int
    losses: int
    ties: int
    unsure: int
    rate: Interval | None
    kappa: float | None
    people: int
    trusted: bool
    model: str = ""


async def twice(judge: Judge, item: Item, a: str, b: str) -> Said:
    """What the judge says either way round, "unsure" where that differs or it said nothing. What is the same is a tie
    unasked."""
    if a == b:
        return "tie"
    first = await judge.prefers(item.question, item.sources, a, b)
    second = await judge.prefers(item.question, item.sources, b, a)
    return first if first is not None and second is not None and first == _TURNED[second] else "unsure"


def to_judge(items: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """The questions on which both versions' answers are judged, and those of them that people decided a pair of."""
    held_out = [item for item in items if item.kind_of_set == "held_out"]
    return held_out, [item for item in held_out if item.reference and item.rejected]


def _untold() -> None:
    """Nobody listens."""


async def judged(
    rules: GateRules,
    items: Sequence[Item],
    candidate: Mapping[str, Output],
    champion: Mapping[str, Output],
    judge: Judge,
    journal: Journal,
    tell: Callable[[], None] = _untold,
) -> Judged:
    """The judge's word on all questions kept back. What was judged before is not asked again. `tell` hears of every
    pair. Raises what `judge` and `tell` do."""
    held_out, decided = to_judge(items)
    pairs = {f"judge:{item.id}": (item, candidate[item.id].text, champion[item.id].text) for item in held_out}
    people = {f"people:{item.id}": (item, *_shown(item)) for item in decided}

    async def ask(key: str) -> None:
        item, a, b = (pairs | people)[key]
        journal.put(key, await twice(judge, item, a, b))
        tell()

    await at_most(rules.at_once, [key for key in (*pairs, *people) if journal.get(key) is None], ask)
    said = {key: journal.get(key) for key in pairs}
    kappa = cohens_kappa([(_better(item), journal.get(key)) for key, (item, _, _) in people.items()])
    counts = Counter(said.values())
    sure = [key for key, word in said.items() if word != "unsure"]
    rate = None
    if sure:
        rate = mean_interval(
            [_WORTH[said[key]] for key in sure], [pairs[key][0].cluster for key in sure],
            confidence=rules.confidence, draws=rules.draws, seed=rules.seed,
        )  # fmt: skip
    enough = min(len(people), len(sure)) >= rules.judge.min_items
    return Judged(
        wins=counts["a"],
        losses=counts["b"],
        ties=counts["tie"],
        unsure=counts["unsure"],
        rate=rate,
        kappa=kappa,
        people=len(people),
        trusted=enough and kappa is not None and kappa >= rules.judge.min_agreement,
        model=judge.model,
    )


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Agreement of two raters beyond chance; None without pairs, or where both always said the same one thing."""
    if not pairs:
        return None
    agreed = sum(left == right for left, right in pairs) / len(pairs)
    left, right = Counter(each for each, _ in pairs), Counter(each for _, each in pairs)
    chance = sum(left[name] * right[name] for name in left) / len(pairs) ** 2
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def _better(item: Item) -> Literal["a", "b"]:
    """Where the better answer is shown first: told by the item, so that it stays."""
    return "a" if int(digest(item.id)[:8], 16) % 2 else "b"


def _shown(item: Item) -> tuple[str, str]:
    good, bad = item.reference or "", item.rejected or ""
    return (good, bad) if _better(item) == "a" else (bad, good)
