"""Texts as recognizers can read them: what PDFs, mails and links really hold in the place of plain signs."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_UNLIKE = re.compile(r"%40|&#(?:64|x40);|&commat;|(?<=\w)-\n(?=[\w.-]*\.[a-z]{2})|[^\x00-\x7f]", re.IGNORECASE)
_FILE = re.compile(
    r"(@[\w-]+(?:\.[\w-]+)*?\.[a-z]{2,24})\.(?=(?:pdf|docx?|xlsx?|pptx?|odt|ods|rtf|txt|md|html?|eml|msg|csv|json|xml|"
    r"png|jpe?g|tiff?|zip|log)\b)",
    re.IGNORECASE,
)
_LINES = re.compile(r"(?<=[0-9A-Z])\n(?=[0-9A-Z])")


class Plain:
    """A text with plain spaces, hyphens, digits and @, without signs that nobody sees. `back` tells where it stood."""

    def __init__(self, text: str) -> None:
        self.text, self._where = text, None
        if _UNLIKE.search(text):
            self.text, self._where = _read(text)
        if "@" in self.text:
            self.text = _FILE.sub(r"\1 ", self.text)

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text that was given a piece of this one stands."""
        if self._where is None:
            return start, end
        return self._where[start], self._where[end - 1] + 1


def joined(text: str) -> str:
    """A text of the same length, in which groups of digits and capitals on lines of their own stand on one."""
    return _LINES.sub(" ", text)


def _read(text: str) -> tuple[str, list[int]]:
    parts: list[str] = []
    where: list[int] = []
    at = 0
    for found in _UNLIKE.finditer(text):
        parts.append(text[at : found.start()])
        where += range(at, found.start())
        at = found.end()
        if sign := _sign(found[0]):
            parts.append(sign)
            where.append(found.start())
    return "".join([*parts, text[at:]]), [*where, *range(at, len(text))]


@lru_cache(maxsize=10_000)
def _sign(given: str) -> str:
    if len(given) > 1:
        return "" if given == "-\n" else "@"
    kind = unicodedata.category(given)
    if kind in ("Cf", "Zs", "Pd"):
        return {"Cf": "", "Zs": " ", "Pd": "-"}[kind]
    same = unicodedata.normalize("NFKC", given)
    return same if len(same) == 1 and (kind[0] == "L" or kind == "Nd" or given >= "\ufe50") else given
