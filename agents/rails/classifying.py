"""Rails that ask a classifier, sentence by sentence: instructions hidden in what was read, topics, toxicity."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Sequence

from agents.ports import Screened
from agents.rails.classifier import Classifier
from agents.rails.pipeline import Way
from core.types import Finding, Place

_SENTENCE_END = re.compile(r"(?<=[.!?。！？؟])[\"'”’」』)\]]*(?:\s+|(?<=[。！？]))|\n+")
READ: frozenset[Place] = frozenset({"passage", "tool_result"})
"""What others wrote."""
SAID: frozenset[Place] = frozenset({"question", "arguments", "answer"})
"""What is said here."""


class ClassifierRail:
    """Blocks a text where a sentence of it scores at least `threshold`. `load` makes the classifier, in a thread, on
    first use; one text is read at a time."""

    def __init__(
        self, name: str, load: Callable[[], Classifier], *, places: frozenset[Place], threshold: float, reason: str
    ) -> None:
        self.name = name
        self._load = load
        self._places = places
        self._threshold = threshold
        self._reason = reason
        self._classifier: Classifier | None = None
        self._lock = asyncio.Lock()

    async def look(self, text: str, way: Way) -> Screened:
        """Raises what the classifier raises."""
        if way.place not in self._places or not (parts := sentences(text)):
            return Screened(text=text)
        async with self._lock:
            if self._classifier is None:
                self._classifier = await asyncio.to_thread(self._load)
            scores = await asyncio.to_thread(self._classifier.scores, parts)
        if len(scores) != len(parts):
            raise ValueError("the classifier did not score every sentence")
        bad = sum(1 for score in scores if not score < self._threshold)
        if not bad:
            return Screened(text=text)
        finding = Finding(rail=self.name, place=way.place, action="blocked", what="sentence", count=bad)
        return Screened(text="", findings=(finding,), blocked=self._reason)


class TermsRail:
    """Blocks what names a term that the owner does not want talked about."""

    name = "topics"

    def __init__(self, terms: Sequence[str]) -> None:
        words = (r"\s+".join(re.escape(word) for word in term.split()) for term in terms)
        self._terms = re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.IGNORECASE)

    async def look(self, text: str, way: Way) -> Screened:
        """Blocked with the reason, without the term: it may be a secret itself."""
        if way.place not in SAID or not (found := self._terms.findall(text)):
            return Screened(text=text)
        finding = Finding(rail=self.name, place=way.place, action="blocked", what="term", count=len(found))
        return Screened(text="", findings=(finding,), blocked="It is about something that is not talked about here.")


def sentences(text: str) -> list[str]:
    """The text's sentences."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def calibrated(scores: Sequence[float], false_alarms: float) -> float:
    """The least threshold at which at most this share of benign texts is blocked, each scored by its worst sentence."""
    ranked = sorted(scores, reverse=True)
    allowed = math.floor(len(ranked) * false_alarms)
    at = ranked[allowed] if allowed < len(ranked) else 0.0
    return min(math.ceil((at + 1e-6) * 1e4) / 1e4, 1.0)
