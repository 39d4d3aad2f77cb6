"""Cutting a sentence that is longer than a chunk: at line ends, clauses, commas, words, at last between characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from ingestion.pack import pack

Measure = Callable[[Sequence[str]], list[int]]
"""The tokens of each text, special tokens left out."""

_SPACE = re.compile(r"\s+")
_ACCENTS = 32
"""More accents than this on one letter are none."""
_CUTS = (
    re.compile(r"\n\s*"),
    re.compile(r"(?<=[;:])\s+|(?<=[；：؛])\s*"),
    # From the run's first space only: tried from each, a long run of spaces would take the square of its length.
    re.compile(r"(?<=,)\s+|(?<=[，、،])\s*|(?<!\s)\s+(?=[–—|]\s)"),
    re.compile(r"\s+"),
)


LONGEST_TOKEN = 16
"""Characters that count as a token at least: some tokenizers make a single one, "unknown", of any long word."""
LONGEST = 32_000
"""Characters of a text that are cut, or counted, at a time: the parts of a longer one would fill the memory. Neither
sentences nor chunks have as many."""


def windows(text: str, span: tuple[int, int]) -> list[tuple[int, int]]:
    """Spans inside `span` of at most `LONGEST` characters each, that end at white space where there is any near.

    Of several none is white space only, nor begins or ends with it.
    """
    found, first = [], span[0]
    while span[1] - first > LONGEST:
        last = first + LONGEST
        near = [match.end() for match in _SPACE.finditer(text, last - 1_000, last)]
        last = near[-1] if near else last
        found.append((first, last))
        first = last
    if not found:
        return [span]
    stripped = (_stripped(text, *window) for window in [*found, (first, span[1])])
    return [window for window in stripped if window[0] < window[1]]


def _stripped(text: str, first: int, last: int) -> tuple[int, int]:
    part = text[first:last]
    return last - len(part.lstrip()), first + len(part.rstrip())


def cut(text: str, span: tuple[int, int], budget: int, measure: Measure) -> list[tuple[int, int]]:
    """Spans inside `span` of `text`, in order and without the white space between them, none over `budget` tokens.

    Only a single character that makes more than `budget` tokens would be over it.
    """
    return [part for window in windows(text, span) for part in _cut(text, window, budget, measure)]


def _cut(text: str, span: tuple[int, int], budget: int, measure: Measure) -> list[tuple[int, int]]:
    parts = _fine(text, [span], budget, measure, 0)
    sizes = measure([text[first:last] for first, last in parts])
    groups = pack(sizes, budget)
    while True:  # joined parts can, with some tokenizers, make more tokens than they did apart
        spans = [(parts[first][0], parts[last - 1][1]) for first, last in groups]
        over = [size > budget for size in measure([text[first:last] for first, last in spans])]
        if not any(large and last - first > 1 for large, (first, last) in zip(over, groups, strict=True)):
            return spans
        groups = [half for large, group in zip(over, groups, strict=True) for half in _halves(group, large)]


def _halves(group: tuple[int, int], large: bool) -> list[tuple[int, int]]:
    first, last = group
    middle = (first + last) // 2
    return [(first, middle), (middle, last)] if large and last - first > 1 else [group]


def _fine(
    text: str, spans: Sequence[tuple[int, int]], budget: int, measure: Measure, level: int
) -> list[tuple[int, int]]:
    """Cuts those spans that are too long at the marks of `level`, then what is still too long at finer ones."""
    parts: list[tuple[int, int]] = []
    most = budget * LONGEST_TOKEN  # what is longer is over the budget, counted or not
    sizes = iter(measure([text[first:last] for first, last in spans if last - first <= most]))
    for span in spans:
        size = next(sizes) if span[1] - span[0] <= most else budget + 1
        if size <= budget or span[1] - span[0] < 2:
            parts.append(span)
        elif level < len(_CUTS):
            parts += _fine(text, _at(_CUTS[level], text, span), budget, measure, level + 1)
        else:
            parts += _fine(text, _middle(text, span), budget, measure, level)
    return parts


def _at(mark: re.Pattern[str], text: str, span: tuple[int, int]) -> list[tuple[int, int]]:
    parts, first = [], span[0]
    for match in mark.finditer(text, *span):
        if match.start() > first:
            parts.append((first, match.start()))
        first = match.end()
    if first < span[1]:
        parts.append((first, span[1]))
    return parts


def _middle(text: str, span: tuple[int, int]) -> list[tuple[int, int]]:
    half = middle = (span[0] + span[1]) // 2
    while middle < half + _ACCENTS and middle < span[1] and unicodedata.combining(text[middle]):
        middle += 1  # an accent stays with its letter, unless there is nothing but accents
    middle = half if middle in (half + _ACCENTS, span[1]) else middle
    return [(span[0], middle), (middle, span[1])]
