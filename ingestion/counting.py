"""Counting the tokens of a document's texts: in portions of bounded memory, with a look at the time before each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.ports import TokenCounter
from ingestion.deadline import Deadline
from ingestion.fit import LONGEST, LONGEST_TOKEN, Measure

_TEXTS, _CHARACTERS = 1_024, 250_000
"""What is counted at a time, at most."""


def counter(tokens: TokenCounter, deadline: Deadline) -> Measure:
    """Counts tokens, special ones left out. A text that is too long to be counted has as many as characters: more than
    any chunk, which is all that matters.

    Whatever is done with a document, its texts are counted again and again: here the time is looked at. Raises
    `ParserLimit` after the deadline.
    """
    special = tokens.count([""])[0]

    def measure(texts: Sequence[str]) -> list[int]:
        counted = [text if len(text) <= LONGEST else "" for text in texts]
        counts: list[int] = []
        for first, last in _portions(counted):
            deadline.check()
            counts += tokens.count(counted[first:last])
        return [
            max(count - special, -(-len(text) // LONGEST_TOKEN)) if len(text) <= LONGEST else len(text)
            for text, count in zip(texts, counts, strict=True)
        ]

    return measure


def _portions(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    first = size = 0
    for position, text in enumerate(texts):
        if position > first and (position - first == _TEXTS or size + len(text) > _CHARACTERS):
            yield first, position
            first, size = position, 0
        size += len(text)
    if first < len(texts):
        yield first, len(texts)
