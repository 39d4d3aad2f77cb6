"""Makes a follow-up stand alone without a model: what it leaves out is taken from the question before it.

A follow-up is told by a leading "and" or "what about", by a pronoun in a short question, by beginning with a
preposition or by having no content of its own; cues are English and German, with the commonest of some other
languages. Where it only names another place or year, that one takes the old one's place; otherwise the content words
of the question before are added in brackets. What is asked anew (`focus`) weighs more than what was carried over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.terms import terms
from core.types import Message

CARRIED = 12
"""Content words that are carried over, at most."""
SHORT = 4
"""Content words up to which a question with a pronoun is taken to point back."""

_LEAD = re.compile(
    r"^\W*(?:and|but|or|also|then|so|what about|how about|what if|und|aber|oder|auch|dann|also|was ist mit|wie ist es|"
    r"wie sieht es|wie steht es|wie verhält es sich|et|mais|y|pero|e|ma|en|maar)\b[\s,]*"
    r"(?:aus\b|mit\b)?\s*",
    re.IGNORECASE,
)
_BARE = r"(?=\s*(?:[?.!,;]|$))"
_THAT_VERB = r"is|was|does|did|do|can|could|will|would|has|are|about|for|of|with|like|from|to|after|before|if"
_POINTS_BACK = re.compile(
    r"(?i:\b(?:it|they|them|he|him|she|those|these|that one|this one|the same|"
    r"dessen|deren|diese[rmns]?|dies|jene[rmns]?|dort|dorthin|dafür|dagegen|davon|davor|damit|dazu|daran|darauf|darüber|"
    r"dabei|danach|dadurch|daraus|derselbe|dieselbe|dasselbe)\b)"
    r"|\b(?:er|ihn|ihm|sie|ihnen)\b"  # "Sie" and "Ihnen" are whoever is asked
    rf"|(?i:\b(?:{_THAT_VERB})\s+(?:that|this)\b|(?<!is )(?<!are )\bthere{_BARE}|\b(?:that|this){_BARE})"
    r"|(?<!, )\b[Dd]as(?=\s*(?:[?.!,;]|$)|\s+(?:ohne|heute|alle|gerne|[a-zäöüß]*[a-df-zäöüß])\b)"  # not "das neue Büro"
)
_ES = re.compile(r"(?<!\bgibt )\bes\b(?! gibt)", re.IGNORECASE)
_OWNS = re.compile(r"(?i:\b(?:its|their|theirs|his|her|hers|seine?[rmns]?)\b)|\bihre?[rmns]?\b")
"""Possessives, which more often than not point at something earlier in the same question."""
_PREPOSITION = r"(?:in|im|for|für|at|bei|beim|to|nach|of|von|with|mit|from|aus|under|by|ohne|am|an|ab|seit|während)"
_BEGINS_ASIDE = re.compile(rf"^\W*{_PREPOSITION}\s+(?:\S+\s+){{0,3}}\S+\s*$", re.IGNORECASE)
# A word is matched in one way only: could it be divided, a question of forty capitals would take years.
_NAME = r"([A-ZÄÖÜ][\w-]+(?:\s[A-ZÄÖÜ][\w-]+)*\s?)"
_NAMED = re.compile(rf"\b(?P<before>{_PREPOSITION})\s+(?P<article>the\s+|der\s+|den\s+|dem\s+)?{_NAME}")
_GERMAN = re.compile(
    r"\b(?:wie|wer|wen|wem|wann|wo|warum|wieso|welche[rmns]?|wieviele?|ist|sind|gibt|gilt|kann|darf|muss|wird|werden|"
    r"der|das|den|dem|ein|eine[rmn]?|und|ich|wir|für|nicht|kostet|dauert|etwas|auch|noch|bei|von|mit|zum|zur)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\b\d{2,}\b")
_FIGURE = re.compile(
    r"\b(?:when|how (?:much|many|long|often|high)|wann|wie (?:viele?|lange|oft|hoch))\b", re.IGNORECASE
)
_CARRIED = re.compile(r"^(?P<asked>.*\S) \((?P<carried>[^()]+)\)$", re.DOTALL)
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Focus:
    """What a follow-up asks anew: its own terms, and those among them that are names or numbers.

    `carried` are the names that come from before. In German, where every noun has a capital, nouns count as names, and
    none are known to be carried. `figure` says that a number or a date is asked for.
    """

    terms: frozenset[str]
    names: frozenset[str]
    carried: frozenset[str] = frozenset()
    figure: bool = False


def focus(question: str, history: Sequence[Message]) -> Focus | None:
    """The focus of a question that `stand_alone` made of a follow-up; None where it is no follow-up."""
    before = _before(history)
    known = set(terms(before))
    if not known:
        return None
    told = _CARRIED.match(question)
    carried: frozenset[str] = frozenset()
    if told and (given := set(terms(told["carried"]))) and given <= known:
        words = _WORD.findall(_LEAD.sub("", told["asked"]))
        if len(words) > 1 and told["asked"].startswith(words[0]):
            words[0] = words[0].lower()  # a question's first word has its capital from there
        carried = frozenset() if _GERMAN.search(question) else _names(_WORD.findall(told["carried"]))
    else:
        asked = set(terms(question))
        if not asked - known or 2 * len(asked & known) < len(asked):
            return None
        words = [word for word in _WORD.findall(question)[1:] if not known.issuperset(terms(word))]
    asked_for, figures = _FIGURE.subn(" ", " ".join(words))
    return Focus(terms=frozenset(terms(asked_for)), names=_names(words), carried=carried, figure=bool(figures))


def names(question: str) -> frozenset[str]:
    """The terms of the names in a question: words with a capital behind the first; none in German."""
    words = _WORD.findall(question)[1:]
    return frozenset() if _GERMAN.search(question) else _names([word for word in words if word[0].isupper()])


def _names(words: Sequence[str]) -> frozenset[str]:
    return frozenset(terms(" ".join(word for word in words if word[0].isupper() or word[0].isdigit())))


def stand_alone(question: str, history: Sequence[Message]) -> str:
    """The question with what earlier questions of the conversation give it; unchanged if it needs nothing."""
    return _joined(_before(history), question.strip())


def _before(history: Sequence[Message]) -> str:
    before = ""
    for message in history:
        if message.role == "user":
            before = _joined(before, message.content.strip())
    return before


def _joined(before: str, question: str) -> str:
    if not before or not terms(before) or not depends(question):
        return question
    return _swapped(before, question) or _with_terms(before, question)


def depends(question: str) -> bool:
    """Does the question lean on the one before it?"""
    content = len(set(terms(question)))
    if content == 0 or _LEAD.match(question) or _BEGINS_ASIDE.match(question):
        return True
    owner = _OWNS.search(question)
    if owner and len(set(terms(question[: owner.start()]))) <= 1:
        return content <= SHORT
    if content <= SHORT and _GERMAN.search(question) and _ES.search(question):
        return True
    return content <= SHORT and bool(_POINTS_BACK.search(question))


def _swapped(before: str, question: str) -> str | None:
    """The question before with its one year or its one named place exchanged, where only that is asked for."""
    rest = _LEAD.sub("", question).strip(" ?.!")
    new_numbers, old_numbers = _NUMBER.findall(rest), _NUMBER.findall(before)
    if len(new_numbers) == len(old_numbers) == 1 and set(terms(rest)) == {new_numbers[0]}:
        return before.replace(old_numbers[0], new_numbers[0]) if len(new_numbers[0]) == len(old_numbers[0]) else None
    new = _NAMED.fullmatch(rest) or re.fullmatch(_NAME, rest)
    old = list(_NAMED.finditer(before))
    if not new or len(old) != 1 or not _alike(new, old[0], before):
        return None
    (start, end), name = old[0].span(3), new[new.re.groups]
    kept = before[start:end]
    return before[:start] + name.strip() + kept[len(kept.rstrip()) :] + before[end:]


def _alike(new: re.Match[str], old: re.Match[str], before: str) -> bool:
    """Whether the two can be of one kind. In German, where every noun has a capital, only names without an article
    behind the same word are: "in Frankreich" and "in Deutschland", but not "in der Woche" and "im Ausland"."""
    if not _GERMAN.search(before):
        return True
    if old["article"] or old["before"].lower() in ("im", "beim", "am"):
        return False
    return new.re.groups == 1 or (not new["article"] and new["before"].lower() == old["before"].lower())


def _with_terms(before: str, question: str) -> str:
    known = set(terms(question))
    words: list[str] = []
    for word in _WORD.findall(before):
        found = set(terms(word))
        if found and not found <= known:
            words.append(word)
            known |= found
    return f"{question} ({' '.join(words[:CARRIED])})" if words else question
