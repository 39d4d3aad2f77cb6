"""What would leave with a call: whether its arguments carry text that a run has read and that is not for everyone.

Arguments are held against the passages read, in several readings (`agents.readings`). Letters and digits count alone,
so that spaces and signs between them hide nothing; what leaves in pieces is told apart (`agents.pieces`). What somebody
said who may say it, the person or a passage that everyone may read, may go.

This finds text that was copied, not what it means: a secret told in other words passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

from agents.readings import in_pieces, readings
from core.terms import fold

RUN = 16
"""Letters and digits in a row that, when a passage has them too, were copied."""
_FEW = 200
_LONG_WORD = 10
_LONG_SURNAME = 6
_LONG_CODE, _LONG_NAME = 5, 7
"""Signs of a code and of a name that, in a row, stand for themselves whatever is around them."""
_SHORT_CODE = 4
_MOST_CHARS = 60_000
_TOKEN = re.compile(r"[^\W_]+")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[.,'’ \u00a0\u202f](?=\d{2,3}(?!\d))")
_NAME = re.compile(r"\b([A-ZÀ-ÖØ-Þ][^\W\d_]{2,})\s+([A-ZÀ-ÖØ-Þ][^\W\d_]{2,})")
_OPAQUE = re.compile(
    r"[A-Za-z0-9+=]{20,}|(?:%[0-9A-Fa-f]{2}){6,}|(?:\d{1,3}[\s,;-]+){7,}\d{1,3}"
    r"|(?:[0-9A-Fa-f]{2}[\s,;:._-]+){7,}[0-9A-Fa-f]{2}|(?:[01]{6,8}[\s,;:._-]*){6,}"
)
_COMMON_NUMBER = re.compile(r"(?:19|20)\d\d|\d0+")
"""Years and round numbers stand in any text."""
_WORD_OF_LETTERS = re.compile(r"[A-Za-z]?[a-z]{1,29}")


def carried(arguments: Mapping[str, Any], passages: Sequence[str], allowed: Sequence[str]) -> list[int]:
    """The places of those passages that some text of the arguments was copied from, which nobody `allowed` says."""
    texts = list(strings(arguments))
    meant = [reading for text in texts for reading in readings(text)]
    bare = [letters(reading) for reading in meant]
    noise = [letters(reading) for text in texts for reading in in_pieces(text)]
    copies = {run for each in (*bare, *noise) for run in runs(each)}
    words = {word for reading in meant for word in _words(reading)}
    for text in allowed:
        copies -= shared(copies, text)
        words -= _words(text)
    inside = _Inside(meant, (short for reading in meant for short in _joined(reading)), allowed)
    return [
        place
        for place, passage in enumerate(passages)
        if shared(copies, passage) or not words.isdisjoint(_telling(passage)) or inside.holds(passage)
    ]


class _Inside:
    """Telling words that signs or letters around and between hide: `85-417`, `K.X.7.7.B.2`, `xBluewaterx`."""

    def __init__(self, meant: Sequence[str], joined: Iterable[str], allowed: Sequence[str]) -> None:
        self._meant = tuple(dict.fromkeys(meant))
        self._text = "\n".join(map(letters, self._meant))
        self._joined = frozenset(joined)
        self._allowed = allowed

    def holds(self, passage: str) -> bool:
        long, short = _hidden(passage)
        return any(word in self._text and self._guarded(word) and self._meets(word) for word in long) or any(
            self._guarded(word) for word in self._joined & short
        )

    def _guarded(self, word: str) -> bool:
        return not any(word in letters(text) for text in self._allowed)

    def _meets(self, word: str) -> bool:
        """Whether a word of letters is in one word, or made up of whole ones: in `plan size` there are no plans."""
        return not word.isalpha() or any(_in_words(word, text) for text in self._meant)


def _in_words(word: str, text: str) -> bool:
    bare, starts = letters(text), {0, *accumulate(map(len, tokens(text)))}
    found = ((each.start(), each.end()) for each in re.finditer(re.escape(word), bare))
    return any({first, end} <= starts or starts.isdisjoint(range(first + 1, end)) for first, end in found)


def opaque(arguments: Mapping[str, Any], allowed: Sequence[str]) -> bool:
    """Whether the arguments hold what looks encoded, so that nobody can tell what it says."""
    for text in strings(arguments):
        for found in _OPAQUE.finditer(text):
            piece = found[0]
            if not _WORD_OF_LETTERS.fullmatch(piece) and not any(piece in said for said in allowed):
                return True
    return False


def strings(value: Any) -> Iterator[str]:
    """Every text and number in the arguments, names of free objects included; and all of them as one text."""
    leaves, names = list(_leaves(value)), list(_names(value))
    yield from (each[:_MOST_CHARS] for each in (*leaves, *names))
    if len(leaves) > 1:
        yield whole(value)  # a text in pieces is one all the same
    if len(names) > 1:
        yield " ".join(names)[:_MOST_CHARS]


def whole(value: Any) -> str:
    """Every text and number in the arguments, as one text."""
    return " ".join(_leaves(value))[:_MOST_CHARS]


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield str(name)
            yield from _names(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _names(each)


def runs(bare: str, length: int = RUN) -> Iterator[str]:
    """Every so many letters and digits in a row."""
    return (bare[first : first + length] for first in range(len(bare) - length + 1))


def shared(wanted: set[str], text: str, length: int = RUN) -> set[str]:
    """Those of the runs that a text has as well, looked for in the way that is quicker."""
    bare = letters(text)
    if len(wanted) < _FEW:
        return {run for run in wanted if run in bare}
    return wanted.intersection(runs(bare, length))


def tokens(text: str) -> list[str]:
    """A text's words and numbers."""
    return _TOKEN.findall(fold(text))


def _joined(text: str) -> Iterator[str]:
    """Neighbouring words that make up a code as short as codes are: `77 19`."""
    words = tokens(text)
    for first in range(len(words)):
        code = ""
        for token in words[first : first + _SHORT_CODE]:
            code += token
            if len(code) >= _SHORT_CODE:
                break
        if len(code) == _SHORT_CODE:
            yield code


@lru_cache(maxsize=512)
def letters(text: str) -> str:
    """A text's letters and digits alone."""
    return "".join(_TOKEN.findall(fold(text)))


@lru_cache(maxsize=512)
def _words(text: str) -> frozenset[str]:
    """Words, numbers without what parts their digits, and pairs of neighbouring words."""
    found = tokens(_BETWEEN_DIGITS.sub("", text))
    return frozenset({*found, *(f"{one} {other}" for one, other in pairwise(found))})


@lru_cache(maxsize=512)
def _telling(text: str) -> frozenset[str]:
    """Of a passage's words those that alone tell something.

    Numbers (but years and round ones), long words, abbreviations and codes, names of two words and their surnames.
    """
    bare = _BETWEEN_DIGITS.sub("", text)
    found = {fold(token) for token in _TOKEN.findall(bare) if _tells(token)}
    for name in _NAME.finditer(bare):
        found.add(f"{fold(name[1])} {fold(name[2])}")
        if len(name[2]) >= _LONG_SURNAME:
            found.add(fold(name[2]))
    return frozenset(found)


@lru_cache(maxsize=512)
def _hidden(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Of its telling words, those long enough to stand for themselves whatever is around them, and codes as short as
    codes are."""
    bare = {word.replace(" ", "") for word in _telling(text)}
    coded = {word for word in bare if any(each.isdigit() for each in word)}
    long = {word for word in bare if len(word) >= (_LONG_CODE if word in coded else _LONG_NAME)}
    return frozenset(long), frozenset(word for word in coded if len(word) == _SHORT_CODE)


def _tells(token: str) -> bool:
    if any(letter.isdigit() for letter in token):
        return len(token) >= 4 and not _COMMON_NUMBER.fullmatch(token)
    return len(token) >= _LONG_WORD or (len(token) >= 3 and not token[1:].islower() and token.isalpha()
                                        and token[1:].lower() != token[1:].upper())  # fmt: skip
