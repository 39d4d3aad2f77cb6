"""Made-up facts to learn answering from: passages, questions about them, and answers that cite the right passage.

Names, nouns and wordings are split: what is held out never stands in a training example, so that whoever answers from
it can only have read it in the passages.
"""

from __future__ import annotations

import json
import random
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.packing import arranged
from agents.prompting import answer_messages
from core.types import Message, Source

ROOT = Path(__file__).resolve().parent.parent
LOOSE = 0.6
"""Share of training's nouns and wordings that are made of any words."""
HELD_OUT = 5
"""Every fifth name, by its checksum."""
IDS = 8
"""Source ids go up to the number of passages that an answer is offered without settings."""
KINDS = ("Team", "Plant", "Office", "Ward", "Depot", "Branch", "School", "Unit")
HEADS = ("ba", "be", "dra", "du", "fe", "ga", "glo", "he", "jo", "ka", "kru", "la", "me", "mo", "ne", "o", "pa", "ru")
MIDDLES = ("", "", "la", "ri", "so", "ve", "mi", "du", "na")
TAILS = ("bek", "dor", "fin", "gard", "kas", "lin", "mar", "nik", "rath", "sund", "tov", "vel", "wick", "zen")
NOUNS = (
    *("days of leave", "parking spaces", "service visits", "spare loggers", "training hours", "office keys"),
    *("free lunches", "fire drills", "first aiders", "meeting rooms", "night shifts", "hotel nights", "loan laptops"),
    *("test benches", "company cars", "sick days", "customer calls", "safety walks", "trial months", "phone lines"),
)
NOUNS_HELD_OUT = ("garden chairs", "rescue ropes", "winter tyres", "travel days", "window seats", "paper trays")
SENTENCES = (
    "{who} has {n} {what}.",
    "{who} counts {n} {what}.",
    "{who} may plan with {n} {what}.",
    "{who} was given {n} {what}.",
    "{who} offers {n} {what}.",
)
SENTENCES_HELD_OUT = ("{who} is granted {n} {what}.", "{who} keeps {n} {what}.")
QUESTIONS = (
    "How many {what} does {who} have?",
    "How many {what} are there at {who}?",
    "What is the number of {what} at {who}?",
    "For {who}, how many {what} are planned?",
    "Tell me how many {what} {who} has.",
)
QUESTIONS_HELD_OUT = ("How many {what} belong to {who}?", "At {who}, what is the count of {what}?")
PAIRS = (
    "How many {what} do {who} and {other} have?",
    "How many {what} are there at {who} and at {other}?",
    "For {who} and {other}, how many {what} are planned?",
)
PAIRS_HELD_OUT = ("How many {what} belong to {who} and to {other}?",)
FILLERS = (
    "It was last changed in {month}.",
    "Questions go to the {kind} lead.",
    "Nothing else changed in {month}.",
    "A copy is kept at the gate for {small} years.",
    "This holds until {month}.",
    "Exceptions are made in writing.",
    "The works council agreed to it in {month}.",
)
MONTHS = ("January", "March", "April", "June", "August", "October", "December")
TITLES = ("Notes on {who}", "{who}", "Rules", "Overview", "Handbook", "{what} at work", "Letter")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """Somebody has so many of something, said in one sentence."""

    who: str
    what: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A question, and the facts that answer it; none where the passages do not."""

    question: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """Sources, the fact that each holds, and questions about them."""

    sources: tuple[Source, ...]
    facts: tuple[Fact, ...]
    asked: tuple[Asked, ...]

    def messages(self, asked: Asked) -> tuple[Message, ...]:
        """The prompt as the product writes it."""
        return answer_messages(asked.question, arranged(self.sources))

    def answer(self, asked: Asked) -> str:
        """What is to be written, as the engine's grammar admits it: without white space."""
        statements = [{"text": fact.text, "sources": [self.cited(fact)]} for fact in asked.facts]
        value = {"answerable": bool(statements), "statements": statements}
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def cited(self, fact: Fact) -> str:
        """The id of the source that says it."""
        return self.sources[self.facts.index(fact)].id


def _words() -> list[str]:
    """The words of the examples, in order."""
    texts = [path.read_text("utf-8") for path in sorted((ROOT / "examples" / "handbook").glob("*.md"))]
    return sorted(set(re.findall(r"\b[a-z]{3,6}\b", " ".join(texts))) - {"the"})


class Maker:
    """Draws cases; from the held-out names, nouns and wordings, or from all the others."""

    def __init__(self, seed: int, held_out: bool = False) -> None:
        self._rng = random.Random(f"{seed} {held_out}")
        names = sorted({head + middle + tail for head in HEADS for middle in MIDDLES for tail in TAILS})
        self.names = [each.capitalize() for each in names if (zlib.crc32(each.encode()) % HELD_OUT == 0) == held_out]
        self._held_out = held_out
        self._words = _words()
        self._nouns = NOUNS_HELD_OUT if held_out else NOUNS
        self._sentences = SENTENCES_HELD_OUT if held_out else SENTENCES
        self._questions = QUESTIONS_HELD_OUT if held_out else QUESTIONS
        self._pairs = PAIRS_HELD_OUT if held_out else PAIRS

    def case(self, passages: int, ids: Sequence[str] = (), plain: bool = False) -> Case:
        """A case with so many passages; its sources bear these ids in the searcher's order, or any."""
        facts = self._facts(passages)
        ids = ids or [str(n) for n in self._rng.sample(range(1, IDS + 1), passages)]
        sources = tuple(self._source(each, fact, plain) for each, fact in zip(ids, facts, strict=True))
        return Case(sources=sources, facts=facts, asked=tuple(self._asked(facts)))

    def _facts(self, count: int) -> tuple[Fact, ...]:
        """Mostly so many of the same thing, each somebody's own."""
        rng = self._rng
        names = rng.sample(self.names, count)
        nouns = self._some_nouns(count)
        whats = nouns if rng.random() < 0.25 else [nouns[0]] * count
        return tuple(
            self._fact(f"the {rng.choice(KINDS)} {name}", what) for name, what in zip(names, whats, strict=True)
        )

    def _some_nouns(self, count: int) -> list[str]:
        found: list[str] = []
        while len(found) < count:
            found += {self._noun()} - set(found)
        return found

    def _fact(self, who: str, what: str) -> Fact:
        number = self._rng.randint(2, 10 ** self._rng.randint(2, 3) - 1)
        wording = self._rng.choice(self._sentences)
        if self._loose():
            wording = f"{{who}} {self._wording()} {{n}} {{what}}."
        text = wording.format(who=f"{who[0].upper()}{who[1:]}", what=what, n=number)
        return Fact(who=who, what=what, text=text)

    def _source(self, number: str, fact: Fact, plain: bool) -> Source:
        rng = self._rng
        after = [] if plain else [self._filler() for _ in range(rng.choice((0, 0, 1, 2)))]
        title = rng.choice(TITLES).format(who=rng.choice(KINDS), what=self._noun().capitalize())
        return Source(
            id=number,
            chunk_id=f"c{number}",
            document_id=f"d{number}",
            version_id=f"v{number}",
            title="T" if plain else title,
            text=" ".join([fact.text, *after]),
            page=None if plain else rng.choice((None, None, rng.randint(1, 40))),
        )

    def _filler(self) -> str:
        rng = self._rng
        given = {"month": rng.choice(MONTHS), "kind": rng.choice(KINDS).lower(), "small": rng.randint(2, 9)}
        return rng.choice(FILLERS).format(**given)

    def _asked(self, facts: Sequence[Fact]) -> Iterator[Asked]:
        """Two facts one by one, two at once, and somebody of whom no passage tells."""
        rng = self._rng
        for fact in rng.sample(list(facts), 2):
            yield Asked(question=self._question(fact.who, fact.what), facts=(fact,))
        alike = [(a, b) for a in facts for b in facts if a.what == b.what and a != b]
        if alike:
            first, second = rng.choice(alike)
            wording = f"{self._wording('{who}', '{other}', '{what}')}?" if self._loose() else rng.choice(self._pairs)
            question = wording.format(what=first.what, who=first.who, other=second.who)
            in_order = (first, second) if question.index(first.who) < question.index(second.who) else (second, first)
            yield Asked(question=question, facts=in_order)
        absent = rng.choice([name for name in self.names if not any(name in fact.who for fact in facts)])
        yield Asked(question=self._question(f"the {rng.choice(KINDS)} {absent}", rng.choice(facts).what), facts=())

    def _question(self, who: str, what: str) -> str:
        wording = f"{self._wording('{who}', '{what}')}?" if self._loose() else self._rng.choice(self._questions)
        return wording.format(who=who, what=what)

    def _noun(self) -> str:
        """Something that can be counted; in training mostly any two words, so that none is learned by heart."""
        rng = self._rng
        return " ".join(rng.sample(self._words, 2)) if self._loose() else rng.choice(self._nouns)

    def _wording(self, *parts: str) -> str:
        """Any words around these parts, which come in any order."""
        rng = self._rng
        some = [*parts, *rng.sample(self._words, rng.randint(1, 3))]
        rng.shuffle(some)
        return " ".join(some)

    def _loose(self) -> bool:
        return not self._held_out and self._rng.random() < LOOSE
