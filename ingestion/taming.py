"""Text made bearable for spaCy's tokenizer, whose time grows with the square of some words' length and worse.

Five thousand smileys, underscores or brackets in a row took it 20 seconds, twenty thousand times "a:b" nine. A row of
signs tells as good as nothing about where a sentence ends, so its middle can be left out; a word of a thousand
characters is none and can be divided.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate

Place = Callable[[int], int]
"""Where a position of the tamed text is in the text itself."""

_ENDS = 8
_SIGNS = re.compile(rf"(?:[^\w\s]|_){{{2 * _ENDS + 1},}}")
_LONGEST_WORD = 1_000
_WORD = re.compile(rf"\S{{{_LONGEST_WORD}}}(?=\S)")


def tame(text: str, marks: frozenset[str]) -> tuple[str, Place]:
    """The text with the middle of long rows of signs left out and very long words divided by spaces.

    A mark of `marks`, which may end a sentence, is not lost with the middle.
    """
    text, first = _without_middles(text, marks)
    text, second = _divided(text)
    if first is None or second is None:
        return text, first or second or int
    return text, lambda position: first(second(position))


def _without_middles(text: str, marks: frozenset[str]) -> tuple[str, Place | None]:
    parts: list[str] = []
    origins: list[int] = []
    begin = 0
    for match in _SIGNS.finditer(text):
        left, right = match.start() + _ENDS, match.end() - _ENDS
        ends = text[match.start() : left] + text[right : match.end()]
        lost = min((marks & set(text[left:right])) - set(ends), default="")
        parts += [text[begin:left], lost]
        origins += [begin, left]
        begin = right
    if not parts:
        return text, None
    return _joined([*parts, text[begin:]], [*origins, begin])


def _divided(text: str) -> tuple[str, Place | None]:
    ends = [match.end() for match in _WORD.finditer(text)]
    if not ends:
        return text, None
    parts: list[str] = []
    origins: list[int] = []
    begin = 0
    for end in ends:
        parts += [text[begin:end], " "]
        origins += [begin, end]
        begin = end
    return _joined([*parts, text[begin:]], [*origins, begin])


def _joined(parts: list[str], origins: list[int]) -> tuple[str, Place]:
    """The parts in a row, each of which came from the place of the same number."""
    starts = list(accumulate(map(len, parts), initial=0))[:-1]

    def place(position: int) -> int:
        number = bisect_right(starts, position) - 1
        return origins[number] + position - starts[number]

    return "".join(parts), place
