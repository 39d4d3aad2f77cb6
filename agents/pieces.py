"""What leaves in pieces: over several calls of a run, or with other words between, each piece too short to be a copy.

Two signs tell it. Words of the arguments that, one after the other and whatever stands between, make up a row of a
passage, cut where its words are not, or longer than chance makes it; and many short copies of one passage together.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from agents.leaving import RUN, letters, runs, shared, tokens, whole
from agents.readings import plainly

SHORT = 12
"""Letters and digits in a row that are a short copy."""
MANY = 48
"""Letters of one passage that short copies may not make up together."""
_CUTS = 2
"""Joints inside a passage's words that no text has by chance."""
_LONG_ROW = 2 * RUN
_START, _COMMON = 3, 100
_NEAR = 4
_BETWEEN = "\n"
_MOST_WORDS = 3_000


def pieced(
    arguments: Mapping[str, Any],
    before: Sequence[Mapping[str, Any]],
    passages: Sequence[str],
    allowed: Sequence[str],
) -> list[int]:
    """The places of those passages of which these arguments, and those of calls `before`, carry too many pieces.

    What calls before carried alone is not told again.
    """
    now, earlier = _plain(arguments), [_plain(each) for each in before]
    found = _copied(now, earlier, passages, allowed)
    words = [word for text in earlier for word in tokens(text)]
    first = len(words)
    words += tokens(now)
    late = max(0, len(words) - _MOST_WORDS)
    return sorted(found | _strung(words[late:], first - late, passages, allowed))


def _plain(arguments: Mapping[str, Any]) -> str:
    return plainly(whole(arguments))[-1]


def _copied(now: str, earlier: Sequence[str], passages: Sequence[str], allowed: Sequence[str]) -> set[int]:
    """The passages of which short copies have come together, some of them new."""
    new = set(runs(letters(now), SHORT))
    hits = {place: found for place, passage in enumerate(passages) if (found := shared(new, passage, SHORT))}
    if not hits:
        return set()
    old = {run for text in earlier for run in runs(letters(text), SHORT)}
    free = {run for text in allowed for run in shared(new | old, text, SHORT)}
    return {
        place
        for place, found in hits.items()
        if (found - free - old)
        and _covered((found | shared(old, passages[place], SHORT)) - free, passages[place]) >= MANY
    }


def _covered(copies: set[str], passage: str) -> int:
    """How many letters of a passage these runs make up together."""
    text = letters(passage)
    places = sorted(text.find(run) for run in copies)
    return sum(min(SHORT, after - place) for place, after in pairwise([*places, places[-1] + SHORT])) if places else 0


def _strung(words: Sequence[str], first: int, passages: Sequence[str], allowed: Sequence[str]) -> set[int]:
    """The passages of which words from `first` on end a row that the words before them began.

    Words that are found everywhere begin no row; they go on with one that ended a few words earlier.
    """
    text, starts = _laid_out(tuple(passages))
    rows, cuts = [0] * (len(text) + 1), bytearray(len(text) + 1)  # of the row that ends before a letter
    recent: deque[list[int]] = deque(maxlen=_NEAR)
    found: set[int] = set()
    for number, word in enumerate(words):
        places = _places(word, text, recent)
        for place in reversed(places):  # so that no word goes on with itself
            end, row, cut = place + len(word), rows[place] + len(word), cuts[place]
            if rows[place] and not starts[place]:
                cut = min(cut + 1, _CUTS)
            if row < rows[end]:
                continue
            rows[end], cuts[end] = row, cut
            enough = row > len(word) and (row >= _LONG_ROW or (row >= RUN and cut == _CUTS))
            if number >= first and enough and not any(text[end - row : end] in letters(each) for each in allowed):
                found.add(text.count(_BETWEEN, 0, end))
        recent.append([place + len(word) for place in places])
    return found


def _places(word: str, text: str, recent: Iterable[Sequence[int]]) -> list[int]:
    if len(word) < _START or text.count(word) > _COMMON:
        return sorted({end for ends in recent for end in ends if text.startswith(word, end)})
    return [each.start() for each in re.finditer(re.escape(word), text)]


@lru_cache(maxsize=16)
def _laid_out(passages: tuple[str, ...]) -> tuple[str, bytes]:
    """The letters and digits of passages, and for each whether a word begins there."""
    words = [word for passage in passages for word in (*tokens(passage), _BETWEEN)]
    return "".join(words), b"".join(b"\1" + bytes(len(word) - 1) for word in words) + b"\1"
