"""Plain text to blocks: paragraphs by blank lines, wrapped lines rejoined, headings where there is no doubt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Final

from core.types import Block
from ingestion.readers.base import Item, Meta, ReadContext
from ingestion.readers.lines import read_lines
from ingestion.readers.numbered import with_series
from ingestion.readers.seam import parsing
from ingestion.readers.words import join_wrapped, one_line, verbatim, visible, width

_MOST_LINES: Final = 200
"""Longer runs without a blank line, such as logs, are cut into paragraphs of this many lines."""
_MOST_CHARACTERS: Final = 1024 * 1024
_WRAP: Final = 45
"""Lines shorter than this are lines of their own (an address, a verse), not a wrapped paragraph."""

_MOST_LEAD: Final = 3
"""Lines of a paragraph that may lead to a list in it."""

_BULLET: Final = re.compile(r"\s*(?:[-*•‣◦▪·–+]|\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)])\s+\S")
_RULE: Final = re.compile(r"\s*([-=_*~#+.])(?:\s*\1){2,}\s*")
_UNDERLINE: Final = {"=": 1, "-": 2, "~": 3, "^": 3}
_NUMBERED: Final = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,4})\.?\s+(?=[^\W\d_])(?P<words>.+)")
_NAMED: Final = re.compile(
    r"(?:(?:chapter|part|section|article|appendix|annex|version|release|kapitel|teil|abschnitt|artikel|anhang|anlage)"
    r"\s+(?:\d{1,3}|[ivxlc]{1,6}|[a-z])|§\s*\d{1,3}[a-z]?)\b(?:[.:\s–—-].*)?",
    re.I,
)
_FIELD: Final = re.compile(r"\s*[A-Z][\w-]*(?: \w+)?: \S")
_COLUMNS: Final = re.compile(r"\S(?: {3,}|\t+ *)\S")


def read(path: Path, context: ReadContext) -> Iterator[Item]:
    """Reads a plain text file. Its title is a heading that the file begins with."""
    with parsing("text file"):
        first = True
        for block in text_blocks(read_lines(path)):
            if first and block.kind == "heading":
                yield Meta(title=block.text)
            first = False
            yield block


def text_blocks(lines: Iterable[str]) -> Iterator[Block]:
    """The blocks of plain text, given line by line. Memory is bounded by the longest paragraph."""
    waiting: tuple[list[str], bool | None] | None = None
    for told in with_series(_paragraphs(lines)):
        if waiting is not None:
            yield from _blocks(*waiting, told[0])
        waiting = told
    if waiting is not None:
        yield from _blocks(*waiting, [])


def _paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    """Runs of lines between blank lines, form feeds and rules."""
    gathered: list[str] = []
    characters = 0
    for raw in lines:
        for line in (visible(part).rstrip() for part in raw.split("\f")):
            underline = len(gathered) == 1 and _is_underline(gathered[0], line)
            if line.strip() and (underline or not _RULE.fullmatch(line)):
                gathered.append(line)
                characters += len(line)
                full = len(gathered) >= _MOST_LINES or characters >= _MOST_CHARACTERS
                if not (underline or full):
                    continue
            if gathered:
                yield gathered
            gathered, characters = [], 0
    if gathered:
        yield gathered


def _is_underline(title: str, line: str) -> bool:
    """Whether `line` underlines `title`: one mark repeated over about its length."""
    mark, long = line.strip()[:1], len(line.strip())
    words = title.strip()
    if mark not in _UNDERLINE or line.strip() != mark * long or not 2 < len(words) <= 100:
        return False
    return long >= 3 and 0.6 * len(words) <= long <= 2 * len(words) + 4 and not _COLUMNS.search(words)


def _blocks(lines: list[str], heading: bool | None, following: list[str]) -> Iterator[Block]:
    """A paragraph's blocks; `heading` is what its number among others tells of it."""
    level = 0
    if heading or (heading is None and len(lines) == 1):
        level = 1 if heading else _heading_level(lines[0], following)
    if level:
        yield Block(kind="heading", text=one_line(lines[0]), level=level)
    elif len(lines) == 2 and _is_underline(lines[0], lines[1]):
        yield Block(kind="heading", text=one_line(lines[0]), level=_UNDERLINE[lines[1].strip()[0]])
    elif _is_columns(lines):
        yield Block(kind="code", text=verbatim("\n".join(lines)))
    elif _BULLET.match(lines[0]):
        yield from _list(lines)
    elif lead := _lead(lines):
        yield Block(kind="paragraph", text=_rejoined(lines[:lead]))
        yield from _list(lines[lead:])
    else:
        text = _rejoined(lines)
        if text.count("\n") and _is_indented(lines):
            yield Block(kind="code", text=verbatim(dedent("\n".join(lines).expandtabs(4))))
        else:
            yield Block(kind="paragraph", text=text)


def _heading_level(line: str, following: list[str]) -> int:
    """The level of a line that stands alone and reads as a heading; 0 where there is doubt."""
    words = one_line(line)
    if not following or not 3 <= len(words) <= 80 or words[-1] in ",;:!?":
        return 0
    prose = len(following) > 1 or len(following[0]) > 80
    if numbered := _NUMBERED.fullmatch(words):
        return _numbered_level(numbered, prose or _NUMBERED.match(following[0].strip()) is not None)
    if words[-1] == ".":
        return 0
    if _NAMED.fullmatch(words) or _is_centred(line):
        return 1
    letters = [character for character in words if character.isalpha()]
    shouting = len(letters) >= 4 and all(character.isupper() for character in letters) and len(words) <= 60
    return 1 if shouting and len(letters) * 2 > len(words) else 0


def _numbered_level(numbered: re.Match[str], before_text: bool) -> int:
    """The level of "1.2 Title". "1 Scope" is a heading only before a text: "3. Call them" may be one of a list."""
    words = numbered["words"]
    depth = numbered[1].count(".") + 1
    titled = all(word[0].isupper() for word in re.findall(r"[^\W\d_]{4,}", words))
    if words[-1] == "." and not titled:
        return 0
    if depth == 1 and not (before_text and (titled or (words[0].isupper() and "." not in numbered[0][:3]))):
        return 0
    return depth if words[0].isupper() or depth > 1 else 0


def _is_centred(line: str) -> bool:
    """Whether a short line stands in the middle of a page of 60 to 86 columns."""
    indent, words = _indent(line), line.strip()
    return indent >= 10 and len(words) <= 56 and 30 <= indent + len(words) / 2 <= 43 and words[0].isupper()


def _is_columns(lines: list[str]) -> bool:
    """Whether the lines are set in columns by spaces, so that joining them would ruin them."""
    return len(lines) > 1 and sum(1 for line in lines if _COLUMNS.search(line.strip())) * 10 >= 6 * len(lines)


def _is_indented(lines: list[str]) -> bool:
    """Whether some of the lines, though not the first alone, stand further in than others, as in a program."""
    indents = [_indent(line) for line in lines]
    return max(indents) - min(indents) >= 2 and min(indents[1:]) < max(indents)


def _lead(lines: list[str]) -> int:
    """How many lines lead to a list that takes all the others, or 0: the list's items may go on in hanging lines."""
    first = next((index for index, line in enumerate(lines) if _BULLET.match(line)), 0)
    if not 1 <= first <= _MOST_LEAD:
        return 0
    if lines[first - 1].endswith(":"):
        return first
    outer = _indent(lines[first])
    bullets = [line for line in lines[first:] if _BULLET.match(line)]
    if not all(line in bullets or _indent(line) > outer for line in lines[first:]) or _indent(lines[0]) > outer:
        return 0
    counted = re.match(r"\s*\(?\d", lines[first])  # a wrapped line may well begin with "12. October"
    if counted:
        return first if len(bullets) > 1 and re.match(r"\s*\(?1[.)]", lines[first]) else 0
    return first if len(bullets) > 1 or width(lines[first - 1]) < _WRAP else 0


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _list(lines: list[str]) -> Iterator[Block]:
    """One block an item; lines without a marker go on with the item above."""
    outer = min(map(_indent, lines))
    item: list[str] = []
    for line in lines:
        if _BULLET.match(line) and item:
            yield _item(item, outer)
            item = []
        item.append(line)
    yield _item(item, outer)


def _item(lines: list[str], outer: int) -> Block:
    text = join_wrapped(lines)
    if not _BULLET.match(lines[0]):
        return Block(kind="paragraph", text=text)
    indent = min((_indent(lines[0]) - outer) // 2 * 2, 8)
    return Block(kind="list_item", text=" " * indent + text)


def _rejoined(lines: list[str]) -> str:
    """The paragraph on one line if its lines were wrapped at a margin, else line by line."""
    lengths = [width(line) for line in lines]
    if len(lines) == 1 or min(lengths) > 10 * _WRAP:  # lines that long are paragraphs or records, one each
        return "\n".join(one_line(line) for line in lines)
    longest = sorted(lengths)[-(1 + len(lengths) // 20)]
    full = [
        length >= 0.65 * longest or length + 1 + width(following.split(maxsplit=1)[0]) >= 0.9 * longest
        for length, following in zip(lengths, lines[1:], strict=False)
    ]
    wrapped = _WRAP <= longest <= 140 and sum(full) >= 0.8 * len(full)
    return join_wrapped(lines) if wrapped and not _are_records(lines) else "\n".join(map(one_line, lines))


def _are_records(lines: list[str]) -> bool:
    """Whether the lines are entries rather than prose: fields with names, or nearly all begin with the same word."""
    if sum(1 for line in lines if _FIELD.match(line)) >= 0.8 * len(lines):
        return True
    shapes = [re.sub(r"\d", "0", line.split(maxsplit=1)[0]) for line in lines]
    return len(lines) > 2 and shapes.count(shapes[0]) >= 0.9 * len(lines)
