"""Makes a follow-up stand alone without a model: what it leaves out is taken from the question before it.

A follow-up is told by a leading "and" or "what about", by a pronoun in a short question, by beginning with a
preposition or by having no content of its own; cues are English and German, with the commonest of some other
languages. Where it only names another place or year, that one takes the old one's place; otherwise the content words
of the question before are added.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.terms import terms
from core.types import Message

CARRIED = 12
"""Content words that are carried over, at most."""
SHORT = 4
"""Content words up to which a question with a pronoun is taken to point back."""

_LEAD = re.compile(
    r"^\W*(?:and|but|or|also|then|so|what about|how about|what if|und|aber|oder|auch|dann|was ist mit|wie ist es|"
    r"wie sieht es|wie steht es|et|mais|y|pero|e|ma|en|maar)\b[\s,]*(?:aus\b|mit\b)?\s*",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(
    r"\b(?:it|they|them|he|him|she|those|these|that one|this one|the same|er|ihn|ihm|sie|ihnen|dessen|deren|"
    r"diese[rmns]?|jene[rmns]?|dort|dafür|davon|damit|dazu|daran|darauf|dabei|derselbe|dieselbe|dasselbe)\b",
    re.IGNORECASE,
)
_OWNS = re.compile(r"\b(?:its|their|theirs|his|her|hers|ihre?[rmns]?|seine?[rmns]?)\b", re.IGNORECASE)
"""Possessives, which more often than not point at something earlier in the same question."""
_PREPOSITION = r"(?:in|im|for|für|at|bei|beim|to|nach|of|von|with|mit|from|aus|under|by)"
_BEGINS_ASIDE = re.compile(rf"^\W*{_PREPOSITION}\s+(?:\S+\s*){{1,4}}$", re.IGNORECASE)
_NAME = r"((?:[A-ZÄÖÜ][\w-]+\s?)+)"
_NAMED = re.compile(rf"\b{_PREPOSITION}\s+(?:the\s+|der\s+|den\s+|dem\s+)?{_NAME}")
_NUMBER = re.compile(r"\b\d{2,}\b")
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")


def stand_alone(question: str, history: Sequence[Message]) -> str:
    """The question with what earlier questions of the conversation give it; unchanged if it needs nothing."""
    before = ""
    for message in history:
        if message.role == "user":
            before = _joined(before, message.content.strip())
    return _joined(before, question.strip())


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
    return content <= SHORT and bool(_POINTS_BACK.search(question))


def _swapped(before: str, question: str) -> str | None:
    """The question before with its one year or its one named place exchanged, where only that is asked for."""
    rest = _LEAD.sub("", question).strip(" ?.!")
    new_numbers, old_numbers = _NUMBER.findall(rest), _NUMBER.findall(before)
    if len(new_numbers) == len(old_numbers) == 1 and set(terms(rest)) == {new_numbers[0]}:
        return before.replace(old_numbers[0], new_numbers[0]) if len(new_numbers[0]) == len(old_numbers[0]) else None
    new = _NAMED.fullmatch(rest) or re.fullmatch(_NAME, rest)
    old = list(_NAMED.finditer(before))
    if not new or len(old) != 1:
        return None
    start, end = old[0].span(1)
    kept = before[start:end]
    return before[:start] + new.group(1).strip() + kept[len(kept.rstrip()) :] + before[end:]


def _with_terms(before: str, question: str) -> str:
    known = set(terms(question))
    words: list[str] = []
    for word in _WORD.findall(before):
        found = set(terms(word))
        if found and not found <= known:
            words.append(word)
            known |= found
    return f"{question} ({' '.join(words[:CARRIED])})" if words else question
