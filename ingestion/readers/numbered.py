"""Numbered lines of plain text: headings of a text, as in minutes, or items of a list. The whole series tells which.

"3. Staff" looks the same in both. In a list most items are sentences, or follow one another; headings are short and
have much more text under them than words of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from ingestion.readers.words import one_line

Paragraph: TypeAlias = list[str]

LONGEST: Final = 80
"""Characters of a heading, at most."""
_ITEM: Final = re.compile(r"\s*(?P<number>\d{1,2})[.)]\s+(?=[^\W_])(?P<words>.*)")
_WORDS: Final = re.compile(r"[^\W\d_]+")
_MANY_WORDS: Final = 14
_TEXT: Final = 4
"""Characters of text under the headings for each of their own, at least."""
_COUNTED: Final = 600
"""Characters under one heading that are counted, so that one long section does not speak for all."""
_MOST_PARAGRAPHS: Final = 200
_MOST_CHARACTERS: Final = 1024 * 1024


@dataclass(slots=True)
class _Member:
    """A numbered paragraph: its place among those waiting, its first line's words, and the characters under them."""

    place: int
    number: int
    indent: int
    words: str
    below: int


def is_sentence(words: str) -> bool:
    """Whether the words are said rather than a name: "Budget was approved.", but not "Modified Source Versions."."""
    found = _WORDS.findall(words)
    if len(found) > _MANY_WORDS:
        return True
    if words.rstrip("\"'”“’)»")[-1:] not in ".!?。" or len(found) < 2:
        return False
    return any(len(word) > 3 and word[0].islower() for word in found[1:])


def with_series(paragraphs: Iterable[Paragraph]) -> Iterator[tuple[Paragraph, bool | None]]:
    """Each paragraph, and whether it is a numbered heading or a numbered item; None where no series tells.

    A heading that has its text right beneath it comes as two paragraphs. What is held until a series is known has at
    most `_MOST_PARAGRAPHS` paragraphs and about `_MOST_CHARACTERS` characters.
    """
    waiting: list[Paragraph] = []
    series: list[_Member] = []
    held = 0
    for paragraph in paragraphs:
        member = _member(paragraph, len(waiting))
        if member and series and member.indent > series[0].indent:
            member = None  # an item of a list in a section's text
        full = len(waiting) >= _MOST_PARAGRAPHS or held >= _MOST_CHARACTERS
        if series and (full or (member and member.number != series[-1].number + 1)):
            yield from _told(waiting, series)
            waiting, series, held = [], [], 0
        if member:
            series.append(replace(member, place=len(waiting)))
        elif series:
            series[-1].below += sum(map(len, paragraph))
        else:
            yield paragraph, None
            continue
        waiting.append(paragraph)
        held += sum(map(len, paragraph))
    yield from _told(waiting, series)


def _member(paragraph: Paragraph, place: int) -> _Member | None:
    item = _ITEM.match(paragraph[0])
    if not item or any(_ITEM.match(line) for line in paragraph[1:]):  # several items are a list of their own
        return None
    return _Member(
        place=place,
        number=int(item["number"]),
        indent=item.start("number"),
        words=one_line(item["words"]),
        below=sum(map(len, paragraph[1:])),
    )


def _told(waiting: list[Paragraph], series: list[_Member]) -> Iterator[tuple[Paragraph, bool | None]]:
    headings = _are_headings(series)
    members = {member.place: member for member in series}
    for place, paragraph in enumerate(waiting):
        member = members.get(place)
        if member is None:
            yield paragraph, None
        elif headings and _stands_out(paragraph):
            yield paragraph[:1], True
            if paragraph[1:]:
                yield paragraph[1:], None
        else:
            alone = len(series) == 1 and not is_sentence(member.words)
            yield paragraph, None if alone else False


def _are_headings(series: list[_Member]) -> bool:
    if len(series) < 2 or sum(map(_reads_as_item, series)) * 2 >= len(series):
        return False
    own = sum(len(member.words) for member in series)
    below = sum(min(member.below, _COUNTED) for member in series)
    return sum(member.below > 0 for member in series) * 3 >= 2 * len(series) and below >= _TEXT * own


def _reads_as_item(member: _Member) -> bool:
    return is_sentence(member.words) or not 2 < len(member.words) <= LONGEST or member.words[-1] in ",;"


def _stands_out(paragraph: Paragraph) -> bool:
    """Whether the first line is a line of its own: alone, or shorter than it would be had the text been wrapped."""
    first, *rest = (one_line(line) for line in paragraph)
    if len(first) > LONGEST + 4:
        return False
    if not rest:
        return True
    hanging = len(paragraph[1]) - len(paragraph[1].lstrip()) > len(paragraph[0]) - len(paragraph[0].lstrip())
    room = max(map(len, rest)) - len(first)
    return not hanging and not rest[0][:1].islower() and room > len(rest[0].split(maxsplit=1)[0])
