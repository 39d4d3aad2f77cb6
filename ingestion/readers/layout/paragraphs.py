"""Lines to paragraphs, headings and list items: by gaps, indents, fonts and the profile of the document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from core.types import Block
from ingestion.readers.layout import columns, tables
from ingestion.readers.layout.pieces import Piece, union
from ingestion.readers.layout.profile import Profile, Style, style_of
from ingestion.readers.numbered import is_sentence

_BULLET: Final = re.compile(r"^(?:[•●▪◦‣·■◆➢➤✓§\uf0a7\uf0b7\uf0d8\uf0fc]|[-–—*](?=\s))\s*")
_NUMBERED: Final = re.compile(r"^(?:\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})\)|\d{1,2}\.(?!\d))\s+\S")
_COUNTED: Final = re.compile(r"^\d{1,2}[.)]\s+")
_SECTION: Final = re.compile(
    r"^(?:part|item|note|chapter|section|article|appendix|annex|exhibit)\s+(?:\d+[a-z]?|[ivxlc]+)\b(?:[^a-z]|$)", re.I
)
_ENDS: Final = (".", "!", "?", ":", ";", "。", "！", "？", "؟", "…")
_WORDS: Final = re.compile(r"[^\W\d_]{2,}")
_HYPHENS: Final = "-‐\u00ad"
_BEFORE: Final = re.compile(r"[^\W\d_]+$")
_AFTER: Final = re.compile(r"[^\W\d_]+")
_MAX_HEADING: Final = 160
_MAX_HEADING_LINES: Final = 3


@dataclass(slots=True)
class Line:
    """One visual row of text that is no row of a table."""

    text: str
    pieces: list[Piece]
    x0: float
    x1: float
    y0: float
    y1: float
    size: float
    bold: bool
    italic: bool


@dataclass(slots=True)
class Group:
    """Lines that make one paragraph, heading or item of a list, and their text."""

    lines: list[Line]
    text: str


@dataclass(slots=True)
class Stretch:
    """A stretch of text and the table after it, if there is one: `rows[zone.first:zone.last]`."""

    groups: list[Group]
    rows: Sequence[tables.Row]
    zone: tables.Zone


def blocks_of(pieces: Sequence[Piece], page: int, profile: Profile) -> Iterator[Block]:
    """A page's blocks in reading order."""
    stretches = _stretches(pieces, profile)
    found = _heading_groups(stretches, profile)
    for stretch in stretches:
        for group in stretch.groups:
            yield from _block(group, page, profile, heading=id(group) in found)
        if stretch.zone.columns:
            yield tables.table_block(stretch.rows, stretch.zone, page)


def headings(pieces: Sequence[Piece], profile: Profile) -> list[tuple[Style, str]]:
    """The styles and texts of a page's headings."""
    stretches = _stretches(pieces, profile)
    found = _heading_groups(stretches, profile)
    groups = (group for stretch in stretches for group in stretch.groups)
    return [(_style(group.text, group.lines), group.text) for group in groups if id(group) in found]


def _stretches(pieces: Sequence[Piece], profile: Profile) -> list[Stretch]:
    found: list[Stretch] = []
    for region in columns.regions(pieces):
        for rows, zone, margins in _parts(region):
            groups = _groups(map(_line, rows[: zone.first]), *margins)
            found.append(Stretch([Group(lines, _join(lines, profile)) for lines in groups], rows, zone))
    return found


def _join(lines: Sequence[Line], profile: Profile) -> str:
    return join_lines([line.text for line in lines], profile.words)


def _heading_groups(stretches: Sequence[Stretch], profile: Profile) -> set[int]:
    """The identities of the groups that are headings. Numbered ones are so together, or none: "3. Budget was approved."
    set in bold is an item of the minutes unless most of its neighbours are titles."""
    found = [
        group for stretch in stretches for group in stretch.groups if _is_heading(group.text, group.lines, profile)
    ]
    numbered = [group for group in found if _COUNTED.match(group.text)]
    items = sum(is_sentence(_COUNTED.sub("", group.text)) for group in numbered) * 2 >= len(numbered)
    return {id(group) for group in found} - ({id(group) for group in numbered} if items else set())


def _parts(region: Sequence[Piece]) -> Iterator[tuple[list[tables.Row], tables.Zone, tuple[float, float]]]:
    """A region as stretches of text, each followed by a table; the last one's zone is empty. And the text's margins."""
    rows = [tables.join_marks(row) for row in columns.rows(region)]
    zones = tables.zones(rows)
    inside = {index for zone in zones for index in range(zone.first, zone.last)}
    text = [row for index, row in enumerate(rows) if index not in inside] or rows
    margins = min(row[0].x0 for row in text), max(piece.x1 for row in text for piece in row)
    at = 0
    for zone in zones:
        yield rows[at : zone.last], replace(zone, first=zone.first - at, last=zone.last - at), margins
        at = zone.last
    yield rows[at:], tables.Zone(len(rows) - at, len(rows) - at), margins


def join_lines(lines: Sequence[str], words: frozenset[str]) -> str:
    """Lines as one text; words cut by a hyphen at a line's end are mended, words that own a hyphen keep it."""
    text = ""
    for line in lines:
        if not text:
            text = line
            continue
        if text[-1] in _HYPHENS and line[:1].isalpha() and (cut := _BEFORE.search(text[-40:-1])):
            following = _AFTER.match(line)
            text = text[:-1] + _seam(cut[0], following[0] if following else "", text[-1], words) + line
        elif _is_ideographic(text[-1]) and _is_ideographic(line[:1]):
            text += line  # Chinese and Japanese have no spaces
        else:
            text += " " + line
    return text


def _seam(before: str, after: str, hyphen: str, words: frozenset[str]) -> str:
    """What belongs between two halves at a line's end: nothing, or the hyphen."""
    if hyphen == "\u00ad":
        return ""
    if not after[:1].islower():
        return "-"
    a, b = before.lower(), after.lower()
    if a + b in words:
        return ""
    if f"{a}-{b}" in words or (len(a) > 2 and len(b) > 2 and a in words and b in words):
        return "-"
    return ""


def _is_ideographic(character: str) -> bool:
    return "\u3040" <= character <= "\u30ff" or "\u3400" <= character <= "\u9fff" or "\u3001" <= character <= "\u3002"


def _block(group: Group, page: int, profile: Profile, *, heading: bool) -> Iterator[Block]:
    lines, text = group.lines, group.text
    boxes = (union([piece for line in lines for piece in line.pieces], page),)
    if heading or (len(lines) <= 2 and profile.outlined(page, text)):
        level = profile.level(page, text, _style(text, lines))
        yield Block(kind="heading", text=text, page=page, boxes=boxes, level=level)
    elif bullet := _BULLET.match(text):
        if text[bullet.end() :]:
            yield Block(kind="list_item", text=f"- {text[bullet.end() :]}", page=page, boxes=boxes)
    elif _NUMBERED.match(text):
        yield Block(kind="list_item", text=text, page=page, boxes=boxes)
    elif text.strip("_-–—=. "):
        yield Block(kind="paragraph", text=text, page=page, boxes=boxes)


def _line(row: list[Piece]) -> Line:
    if len(row) == 1:
        p = row[0]
        return Line(p.text, row, p.x0, p.x1, p.y0, p.y1, p.size, p.bold, p.italic)
    longest = max(row, key=lambda p: len(p.text))
    return Line(
        " ".join(p.text for p in row),
        row,
        row[0].x0,
        max(p.x1 for p in row),
        min(p.y0 for p in row),
        max(p.y1 for p in row),
        longest.size,
        all(p.bold for p in row),
        all(p.italic for p in row),
    )


def _groups(lines: Iterable[Line], left: float, right: float) -> Iterator[list[Line]]:
    """Lines in paragraphs."""
    group: list[Line] = []
    for line in lines:
        if group and _begins(group, line, left, right):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _begins(group: Sequence[Line], line: Line, left: float, right: float) -> bool:
    """Whether a line begins a new paragraph after `group`."""
    last = group[-1]
    size = max(last.size, 1.0)
    gap = line.y0 - last.y1
    if gap < -2 * size or abs(line.size - last.size) > 0.15 * size or line.bold != last.bold:
        return True
    if gap > 0.75 * size or (len(group) > 1 and gap > (last.y0 - group[-2].y1) + 0.25 * size):
        return True
    width = right - left
    ended = last.text.endswith(_ENDS)
    if len(group) == 1 and _SECTION.match(last.text) and last.x1 < right - 0.3 * width and line.text[:1].isupper():
        return True  # "Item 2. Properties" in the letters of the text
    slanted = line.italic != last.italic and line.text[:1].isupper()
    if slanted and (ended or (len(group) == 1 and last.x1 < right - 0.3 * width)):
        return True
    if _BULLET.match(line.text) or (_NUMBERED.match(line.text) and line.x0 <= group[0].x0 + size):
        return True
    short = last.x1 < right - 0.2 * width
    if short and last.text.endswith(_ENDS) and not line.text[:1].islower():
        return True
    indented = line.x0 > last.x0 + 0.9 * size
    item = _BULLET.match(group[0].text) or _NUMBERED.match(group[0].text)
    return indented and not item and last.text.endswith(_ENDS) and (len(group) > 1 or last.x0 <= left + size)


def _style(text: str, group: Sequence[Line]) -> Style:
    first = group[0]
    return style_of(text, max(line.size for line in group), first.bold, first.italic)


def _is_heading(text: str, group: Sequence[Line], profile: Profile) -> bool:
    if len(text) > _MAX_HEADING or len(group) > _MAX_HEADING_LINES or not _WORDS.search(text):
        return False
    if _BULLET.match(text) or text[-1:] in ",;":
        return False
    first = group[0]
    if first.size < 0.8 * profile.body_size:
        return False
    words = text.split()
    ended = text.endswith((".", "。")) and len(words) > 4 and not _COUNTED.match(text)
    if first.size > 1.12 * profile.body_size:
        return not ended or len(words) <= 12
    if ended or text[:1].islower() or text.startswith("("):
        return False
    if first.bold and not profile.body_bold:
        return not text.endswith(":") or len(words) <= 8
    if _SECTION.match(text) and len(group) == 1 and len(words) <= 15:
        return True
    if text.isupper() and 2 <= len(words) <= 14 and sum(map(str.isalpha, text)) >= 8:
        return True
    if text.isupper() and text.isalpha() and len(text) >= 5 and _style(text, group) in profile.styles:
        return True  # "EMPLOYEES" where other headings are set like that
    return first.italic and len(group) == 1 and 1 <= len(words) <= 10 and len(text) >= 5 and text[0].isupper()
