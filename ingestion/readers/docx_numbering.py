"""The numbers that Word computes and does not store: "4.2", "(a)", "Article III".

They are written into the paragraphs as text, since people ask for "clause 4.2" and lists that go on after a paragraph
must not begin at 1 again. Rules: ECMA-376 part 1, section 17.9.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ingestion.readers.ooxml import Node, W

_LONGEST: Final = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """How the paragraphs of one level of a list are numbered. `text` holds %1 to %9 for the levels' counters."""

    format: str
    text: str
    start: int
    legal: bool
    style: str | None


@dataclass(kw_only=True, slots=True)
class _Num:
    abstract: str
    starts: dict[int, int] = field(default_factory=dict)
    levels: dict[int, Level] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Style:
    based_on: str | None
    num: str | None
    level: int | None


class Numbering:
    """The counters of one document, moved on paragraph by paragraph."""

    def __init__(self, numbering: Node | None, styles: Node | None) -> None:
        self._styles = _read_styles(styles) if styles is not None else {}
        self._abstract: dict[str, dict[int, Level]] = {}
        self._links: dict[str, str] = {}
        self._nums: dict[str, _Num] = {}
        if numbering is not None:
            self._read(numbering)
        self._counters: dict[str, dict[int, int]] = {}
        self._begun: set[tuple[str, int]] = set()

    def marker(self, paragraph: Node) -> str:
        """What stands before the paragraph's text: "4.2", "-" for a bullet, "" for none. Counts the paragraph."""
        found = self._place(paragraph)
        if found is None:
            return ""
        num, index = found
        levels = self._levels(num)
        level = levels.get(index)
        if level is None:
            return ""
        counters = self._count(num, index, levels)
        if level.format == "bullet":
            return "-"
        if level.format == "none" and "%" not in level.text:
            return level.text.strip()[:_LONGEST]
        return re.sub(r"%([1-9])", lambda mark: _shown(int(mark[1]) - 1, counters, levels, level), level.text).strip()[
            :_LONGEST
        ]

    def _place(self, paragraph: Node) -> tuple[str, int] | None:
        """The list and level a paragraph belongs to, by itself or by its style."""
        properties = paragraph.find(f"{W}pPr")
        if properties is None:
            return None
        own = properties.find(f"{W}numPr")
        num = _value(own, "numId")
        index = _number(_value(own, "ilvl"))
        style = _value(properties, "pStyle")
        if num is None:
            num, style_level, style = self._by_style(style)
            if num is not None and index is None:
                bound = next((i for i, level in self._levels(num).items() if level.style == style), None)
                index = bound if bound is not None else style_level
        if num is None or num == "0" or num not in self._nums:
            return None
        return num, index or 0

    def _by_style(self, style: str | None) -> tuple[str | None, int | None, str | None]:
        for _ in range(20):  # styles may be based on one another in a circle
            known = self._styles.get(style) if style else None
            if known is None:
                break
            if known.num is not None:
                return known.num, known.level, style
            style = known.based_on
        return None, None, None

    def _levels(self, num: str) -> Mapping[int, Level]:
        known = self._nums.get(num)
        if known is None:
            return {}
        abstract = known.abstract
        if abstract in self._links:  # the levels stand with the list that a style names
            linked = self._styles.get(self._links[abstract])
            target = self._nums.get(linked.num) if linked is not None and linked.num else None
            abstract = target.abstract if target is not None else abstract
        return self._abstract.get(abstract, {}) | known.levels

    def _count(self, num: str, index: int, levels: Mapping[int, Level]) -> dict[int, int]:
        known = self._nums[num]
        counters = self._counters.setdefault(known.abstract, {})
        if index in known.starts and (num, index) not in self._begun:
            counters[index] = known.starts[index]
        else:
            counters[index] = counters.get(index, levels[index].start - 1) + 1
        self._begun.add((num, index))
        for above in range(index):
            counters.setdefault(above, levels[above].start if above in levels else 1)
        for below in [level for level in counters if level > index]:
            del counters[below]
        return counters

    def _read(self, root: Node) -> None:
        for abstract in root.findall(f"{W}abstractNum"):
            name = abstract.get(f"{W}abstractNumId")
            self._abstract[name] = _read_levels(abstract)
            if (link := _value(abstract, "numStyleLink")) is not None:
                self._links[name] = link
        for num in root.findall(f"{W}num"):
            known = _Num(abstract=_value(num, "abstractNumId") or "")
            for override in num.findall(f"{W}lvlOverride"):
                index = _number(override.get(f"{W}ilvl")) or 0
                known.levels |= _read_levels(override)
                if (start := _number(_value(override, "startOverride"))) is not None:
                    known.starts[index] = start
            self._nums[num.get(f"{W}numId")] = known


def _read_levels(parent: Node) -> dict[int, Level]:
    levels = {}
    for level in parent.findall(f"{W}lvl"):
        start = _number(_value(level, "start"))
        levels[_number(level.get(f"{W}ilvl")) or 0] = Level(
            format=_value(level, "numFmt") or "decimal",
            text=_value(level, "lvlText") or "",
            start=1 if start is None else start,
            legal=level.find(f"{W}isLgl") is not None,
            style=_value(level, "pStyle"),
        )
    return levels


def _read_styles(root: Node) -> dict[str, _Style]:
    styles = {}
    for style in root.findall(f"{W}style"):
        numbered = style.find(f"{W}pPr/{W}numPr")
        styles[style.get(f"{W}styleId")] = _Style(
            based_on=_value(style, "basedOn"),
            num=_value(numbered, "numId"),
            level=_number(_value(numbered, "ilvl")),
        )
    return styles


def _value(parent: Node | None, name: str) -> str | None:
    child = parent.find(W + name) if parent is not None else None
    value: str | None = child.get(f"{W}val") if child is not None else None
    return value


def _number(value: str | None) -> int | None:
    return int(value) if value is not None and re.fullmatch(r"\d{1,6}", value) else None


def _shown(index: int, counters: Mapping[int, int], levels: Mapping[int, Level], level: Level) -> str:
    own = levels.get(index)
    form = "decimal" if level.legal or own is None else own.format
    return numeral(counters.get(index, own.start if own else 1), form)


def numeral(number: int, form: str) -> str:
    """A number in one of Word's formats; formats that are not known here come out in digits."""
    if form in ("lowerLetter", "upperLetter") and number > 0:
        letters = chr(ord("a") + (number - 1) % 26) * min((number - 1) // 26 + 1, 5)
        return letters if form == "lowerLetter" else letters.upper()
    if form in ("lowerRoman", "upperRoman") and 0 < number < 4000:
        roman = ""
        for value, sign in _ROMAN:
            roman += sign * (number // value)
            number %= value
        return roman if form == "lowerRoman" else roman.upper()
    if form == "decimalZero":
        return f"{number:02d}"
    return "" if form in ("none", "bullet") else str(number)


_ROMAN: Final = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
