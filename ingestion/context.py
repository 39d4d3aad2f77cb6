"""The words that go before a passage when it is embedded: document title › heading path."""

from __future__ import annotations

import re
from collections.abc import Sequence

SEPARATOR = " › "
MOST_TOKENS = 56
"""About a quarter of the default embedder's 256: a deep heading path must not crowd out the text it leads to."""

_LOOKED_AT = 2_000
"""Characters of a title or heading: more than can ever be kept of it."""

_WORDS = re.compile(r"[A-Za-z]+|\d+|\s+|[\uac00-\ud7af]|.", re.DOTALL)


def context(title: str, heading_path: Sequence[str]) -> str:
    """Title and headings on one line, at most about `MOST_TOKENS` long; empty if there are none.

    A first heading that only repeats the title is left out. Where the line is too long the headings nearest to the
    title go first, then the title and the last heading are cut at a word: those two say most about the passage.
    """
    parts = [" ".join(part[:_LOOKED_AT].split()) for part in (title, *heading_path)]
    if len(parts) > 1 and parts[0].casefold() == parts[1].casefold():
        del parts[1]
    parts = [part for part in parts if part]
    while len(parts) > 2 and _tokens(SEPARATOR.join(parts)) > MOST_TOKENS:
        del parts[1]
    if len(parts) == 2 and _tokens(SEPARATOR.join(parts)) > MOST_TOKENS:
        last = _cut(parts[1], max(MOST_TOKENS // 2, MOST_TOKENS - _tokens(parts[0])))
        parts = [_cut(parts[0], MOST_TOKENS - _tokens(last)), last]
    return _cut(SEPARATOR.join(parts), MOST_TOKENS + 1)


def _cut(text: str, most: int) -> str:
    """The beginning of `text` that is about `most` tokens long, whole words where there are words."""
    used, end = 0, 0
    for match in _WORDS.finditer(text):
        used += _cost(match[0])
        if used > most:
            break
        end = match.end()
    return text[:end].rstrip(" ›-–—,;:(")


def _tokens(text: str) -> int:
    return sum(_cost(word) for word in _WORDS.findall(text))


def _cost(word: str) -> int:
    """About how many tokens an English word-piece vocabulary makes of a word; foreign letters cost one each."""
    if word.isspace():
        return 0
    if word.isascii():
        return (len(word) + 2) // 3 if word.isdigit() else (len(word) + 5) // 6
    return 3 if "\uac00" <= word <= "\ud7af" else 1
