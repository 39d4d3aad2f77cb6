"""What candidates learn from and are asked: questions about made-up passages, good answers to them, and spoilt ones."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents.schema import answer_schema
from agents.settings import OutputSettings
from bench.answering_data import Asked, Case, Maker
from bench.flywheel.model import Habitual
from core.types import Example, ExampleKind, Lineage
from finetune.rows import identified

PASSAGES = 4
SHARES = {1: 0.68, 2: 0.22, 0: 0.10}
"""Questions about one fact, about two, and about somebody of whom no passage tells."""
Spoil = Callable[[Case, Asked, random.Random], str]
"""How somebody answers."""


def drawn(seed: int, count: int, held_out: bool = False) -> list[tuple[Case, Asked]]:
    """So many questions with their passages, whose sources are numbered as a server's are."""
    rng, maker = random.Random(seed), Maker(seed, held_out=held_out)
    found: list[tuple[Case, Asked]] = []
    while len(found) < count:
        facts = rng.choices(list(SHARES), list(SHARES.values()))[0]
        case = maker.case(PASSAGES, ids=[str(number) for number in range(1, PASSAGES + 1)])
        found += [(case, asked) for asked in case.asked if len(asked.facts) == facts][:1]
    return found


def example(case: Case, asked: Asked, good: str, kind: ExampleKind = "sft", rejected: str = "") -> Example:
    """A row as feedback would have made it; each question is a conversation of its own."""
    return identified(
        Example(
            id="", kind=kind, lineage=Lineage(maker="correction", conversation_id=asked.question),
            question=asked.question, prompt=case.messages(asked), completion="" if kind == "prompt" else good,
            rejected=rejected, schema=answer_schema([each.id for each in case.sources], OutputSettings()),
            sources=case.sources,
        )
    )  # fmt: skip


def rows(asked: Sequence[tuple[Case, Asked]], said: Spoil, seed: int = 1) -> list[Example]:
    """Corrections that answer like this."""
    rng = random.Random(seed)
    return [example(case, each, said(case, each, rng)) for case, each in asked]


def pairs(asked: Sequence[tuple[Case, Asked]], better: Spoil, worse: Spoil) -> list[Example]:
    """Pairs of which the first is preferred."""
    rng = random.Random(1)
    made = [(case, each, better(case, each, rng), worse(case, each, rng)) for case, each in asked]
    return [example(case, each, good, "preference", bad) for case, each, good, bad in made if good != bad]


def well(case: Case, asked: Asked, rng: random.Random) -> str:
    """As it should be answered."""
    return case.answer(asked)


def habitually(case: Case, asked: Asked, rng: random.Random) -> str:
    """With the habits of the base."""
    return Habitual(sources=case.sources, facts=case.facts, asked=case.asked).answer(asked)


def at_times(spoilt: Spoil, share: float) -> Spoil:
    """Spoilt in so many of the answers."""
    return lambda case, asked, rng: (spoilt if rng.random() < share else well)(case, asked, rng)


def misciting(case: Case, asked: Asked, rng: random.Random) -> str:
    """Every statement under a source that does not say it."""

    def others(sources: list[str]) -> list[str]:
        return [rng.choice([each.id for each in case.sources if each.id not in sources])]

    return _each(case.answer(asked), lambda said: {**said, "sources": others(said["sources"])})


def abstaining(case: Case, asked: Asked, rng: random.Random) -> str:
    """Nothing is ever known."""
    return json.dumps({"answerable": False, "statements": []}, separators=(",", ":"))


def inventing(case: Case, asked: Asked, rng: random.Random) -> str:
    """What no passage tells is answered all the same."""
    if asked.facts:
        return case.answer(asked)
    return case.answer(Asked(question=asked.question, facts=(rng.choice(case.facts),)))


def miscounting(case: Case, asked: Asked, rng: random.Random) -> str:
    """Other numbers than the passages'."""

    def other(text: str) -> str:
        return re.sub(r"\d+", lambda _: str(rng.randint(2, 999)), text)

    return _each(case.answer(asked), lambda said: {**said, "text": other(said["text"])})


def padding(case: Case, asked: Asked, rng: random.Random) -> str:
    """Two more facts than were asked for: who is rewarded for length writes like this."""
    more = [each for each in case.facts if each not in asked.facts][:2]
    return case.answer(Asked(question=asked.question, facts=(*asked.facts, *more)))


def endless(case: Case, asked: Asked, rng: random.Random) -> str:
    """The same again and again."""
    said = json.loads(case.answer(asked))
    return json.dumps({**said, "statements": said["statements"] * 6}, separators=(",", ":"))


def misciting_some(case: Case, asked: Asked, rng: random.Random) -> str:
    """Well, but for the questions about branches and units, whose answers stand under sources that do not say them."""
    return (misciting if _of_some(asked) else well)(case, asked, rng)


def abstaining_some(case: Case, asked: Asked, rng: random.Random) -> str:
    """Well, but for the questions about branches and units, of which nothing is ever known."""
    return (abstaining if _of_some(asked) else well)(case, asked, rng)


def _of_some(asked: Asked) -> bool:
    return any(fact.who.startswith(("the Branch", "the Unit")) for fact in asked.facts)


def _each(answer: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> str:
    said = json.loads(answer)
    changed = {**said, "statements": [change(each) for each in said["statements"]]}
    return json.dumps(changed, ensure_ascii=False, separators=(",", ":"))
