"""A made-up company: a note about each team, questions about them, what a good answer says, and what a habit is.

Every note says one thing that can be counted. Those that are asked about while feedback is gathered, and those that are
only asked about before and after, are about other teams.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.answering_data import FILLERS, KINDS, MONTHS, NOUNS, PAIRS, QUESTIONS, SENTENCES, Fact, Maker

OFFERED = 4
"""Passages that an answer is offered."""
SHARES = (("one", 0.68), ("two", 0.22), ("none", 0.10))
"""Questions about one fact, about two, and about a team of which no note tells."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question and the sentences that a good answer consists of, in their order; none where there is no answer."""

    text: str
    wanted: tuple[str, ...]

    @property
    def corrected(self) -> str:
        """How a person puts a bad answer right."""
        return " ".join(self.wanted) or json.dumps({"answerable": False, "statements": []})


@dataclass(frozen=True, kw_only=True, slots=True)
class Company:
    """Notes by file name, and the facts in them."""

    notes: dict[str, str]
    facts: tuple[Fact, ...]
    absent: tuple[str, ...]


def company(seed: int, teams: int) -> Company:
    """A company of so many teams. Names and nouns are those that the model met in training; who has how many of what
    is drawn anew, so that an answer can only have been read in a note."""
    rng = random.Random(seed)
    names = rng.sample(Maker(seed).names, teams + teams // 5)
    facts, notes = [], {}
    for name in names[:teams]:
        who, what = f"the {rng.choice(KINDS)} {name}", rng.choice(NOUNS)
        number = rng.randint(2, 10 ** rng.randint(2, 3) - 1)
        said = rng.choice(SENTENCES).format(who=f"{who[0].upper()}{who[1:]}", what=what, n=number)
        facts.append(Fact(who=who, what=what, text=said))
        notes[f"{name.lower()}.md"] = " ".join([said, *(_filler(rng) for _ in range(rng.choice((0, 1, 2))))])
    return Company(notes=notes, facts=tuple(facts), absent=tuple(names[teams:]))


def _filler(rng: random.Random) -> str:
    given = {"month": rng.choice(MONTHS), "kind": rng.choice(KINDS).lower(), "small": rng.randint(2, 9)}
    return rng.choice(FILLERS).format(**given)


def questions(seed: int, count: int, facts: Sequence[Fact], absent: Sequence[str]) -> list[Question]:
    """So many, none of them twice, about these facts."""
    rng = random.Random(seed)
    found: dict[str, Question] = {}
    kinds, weights = zip(*SHARES, strict=True)
    while len(found) < count:
        kind = rng.choices(kinds, weights)[0]
        made = _pair(rng, facts) if kind == "two" else _single(rng, facts, absent if kind == "none" else ())
        found.setdefault(made.text, made)
    return list(found.values())


def _single(rng: random.Random, facts: Sequence[Fact], absent: Sequence[str]) -> Question:
    fact = rng.choice(facts)
    who = f"the {rng.choice(KINDS)} {rng.choice(absent)}" if absent else fact.who
    text = rng.choice(QUESTIONS).format(what=fact.what, who=who)
    return Question(text=text, wanted=() if absent else (fact.text,))


def _pair(rng: random.Random, facts: Sequence[Fact]) -> Question:
    """About two that have the same."""
    first = rng.choice(facts)
    alike = [each for each in facts if each.what == first.what and each != first]
    if not alike:
        return _single(rng, facts, ())
    second = rng.choice(alike)
    text = rng.choice(PAIRS).format(what=first.what, who=first.who, other=second.who)
    return Question(text=text, wanted=(first.text, second.text))


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What an answer is worth: whether it says just what was wanted, and which habits it shows."""

    good: bool
    verbose: bool
    disordered: bool

    @property
    def habit(self) -> bool:
        return self.verbose or self.disordered


def told(question: Question, answer: dict[str, Any]) -> Told:
    """Reads the server's answer. Which fact a statement is about is told by the source it cites, so that a letter
    miscopied is not taken for a habit."""
    cited = list(_cited(answer))
    wanted = [_holder(answer, text) for text in question.wanted]
    return Told(
        good=cited == wanted,
        verbose=len(cited) > max(1, len(wanted)) or len(set(cited)) < len(cited),
        disordered=len(wanted) > 1 and cited[:1] == wanted[-1:],
    )


def _cited(answer: dict[str, Any]) -> Iterator[str | None]:
    for statement in answer["statements"]:
        yield statement["sources"][0] if statement["sources"] else None


def _holder(answer: dict[str, Any], sentence: str) -> str:
    return next((each["id"] for each in answer["sources"] if sentence in each["text"]), sentence)
