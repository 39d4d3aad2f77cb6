"""A source cut into what can be said of it: sentences, table rows, and lists with the words that lead to them.

A sentence that ends in a colon says nothing without what follows, and an item of a list can say the opposite of what is
meant without the words above the list, "Not covered are:". So lead-ins are said with what they lead to, or not at all;
a list that its passage begins with is led to by its heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.terms import begins_item, unnumbered
from core.types import Source

CELL = " | "
"""What stands between the cells of a table's row."""
LIST_CHARS = 800
"""The longest list that is said as a whole; of a longer one only single items are."""
ITEM_CHARS = 320
"""The longest item of a list; what is longer is a numbered paragraph, and said sentence by sentence."""
LABEL_CHARS = 60
"""The longest line without a mark at its end that counts as leading to the list below it."""

_SENTENCE_END = re.compile(r"(?<!\n\d\.)(?<!\n\d\d\.)(?<=[.!?؟])[\"'”’»)\]]*\s+|(?<=[。！？])[”’」』）]*|\n{2,}")
_BROKEN_WORD = re.compile(r"(?<=[^\W\d_])[-\u2010]\s*\n\s*(?=[a-zäöüßà-öø-ÿ])")
_INVISIBLE = dict.fromkeys([0xAD, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""Soft hyphens, byte order marks and marks that turn the direction of writing."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line separators and halves of surrogate pairs."""
_BULLET = re.compile(r"^[-–—*•‣◦▪·]\s+")
_ASIDE = re.compile(r"(?:\([^()]*\)\s*)+")
_COLONS = (":", "：")
_CLOSED = (".", "!", "?", ";", ",", "。", "！", "？", "؟")


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """What may be said, and what stands beside it and gives it its sense.

    An item of a list that can be said as a whole has the whole's text in `whole`.
    """

    text: str
    beside: str
    whole: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sentence:
    text: str
    begins: bool
    """Whether it begins a line of its own."""

    @property
    def item(self) -> bool:
        return self.begins and begins_item(self.text)

    @property
    def said(self) -> str:
        return _BULLET.sub("", self.text) if self.item else self.text


def pieces(source: Source, list_chars: int = LIST_CHARS) -> Iterator[Piece]:
    """The source's pieces in reading order; lists of more than `list_chars` characters only item by item."""
    if source.kind == "table":
        yield from _rows(source)
        return
    sentences = _sentences(source)
    before = ""
    at = 0
    heading = unnumbered(line(source.heading_path[-1])) if source.heading_path else ""
    if heading and (items := _items(sentences, 0)):
        yield from _list(heading, items, before, list_chars)
        at = sum(map(len, items))
        before = sentences[at - 1].text
    while at < len(sentences):
        sentence = sentences[at]
        items = _items(sentences, at + 1)
        following = sentences[at + 1] if at + 1 < len(sentences) else None
        at += 1
        if _leads(sentence, items):
            yield from _list(sentence.text, items, before, list_chars)
            at += sum(map(len, items))
        elif _ASIDE.fullmatch(sentence.text):
            pass  # "(in millions)" over a table
        elif not sentence.text.endswith(_COLONS):
            yield Piece(text=sentence.said, beside=before)
        elif following is not None and not following.text.endswith(_COLONS):
            yield Piece(text=f"{sentence.said} {following.said}", beside=before)
            at += 1
        before = sentences[at - 1].text


def line(text: str) -> str:
    """The text on one line, without control characters."""
    return " ".join(_CONTROL.sub(" ", text).split())


def clean(text: str) -> str:
    """The text on one line: words broken at a line's end joined, control and direction marks gone."""
    return line(_BROKEN_WORD.sub("", text).translate(_INVISIBLE))


def _sentences(source: Source) -> list[_Sentence]:
    found: list[_Sentence] = []
    for start, end in _spans(source):
        above = source.text[:start]
        text = clean(source.text[start:end])
        if text:
            found.append(_Sentence(text=text, begins="\n" in above[len(above.rstrip()) :] or not above.strip()))
    return found


def _items(sentences: Sequence[_Sentence], start: int) -> list[list[str]]:
    """The list that begins at a sentence, if one does: for each item its sentences. Clauses of contracts are none."""
    items: list[list[str]] = []
    for sentence in sentences[start:]:
        if sentence.item:
            items.append([sentence.said])
        elif items and not sentence.begins:
            items[-1].append(sentence.text)
        else:
            break
    return [] if any(sum(map(len, item)) > ITEM_CHARS for item in items) else items


def _leads(sentence: _Sentence, items: Sequence[Sequence[str]]) -> bool:
    if not items or sentence.item:
        return False
    short = sentence.begins and len(sentence.text) <= LABEL_CHARS
    label = short and not sentence.text.endswith(_CLOSED) and not sentence.text[0].islower()
    return sentence.text.endswith(_COLONS) or label


def _list(lead: str, items: Sequence[Sequence[str]], before: str, most: int) -> Iterator[Piece]:
    """The list as a whole, then each item behind the lead-in."""
    lead = lead if lead.endswith(_COLONS) else f"{lead}:"
    texts = [" ".join(item) for item in items]
    joined = [text if text.endswith(_CLOSED) else f"{text};" for text in texts[:-1]]
    whole = " ".join([lead, *joined, texts[-1]])
    fits = len(whole) <= most
    if fits:
        yield Piece(text=whole, beside=before)
    if len(texts) > 1 or not fits:
        for text in texts:
            yield Piece(text=f"{lead} {text}", beside=before, whole=whole if fits else None)


def _spans(source: Source) -> list[tuple[int, int]]:
    """The sentences' spans as the chunk has them; where it has none, cut at sentence marks."""
    length = len(source.text)
    given = [(start, end) for start, end in source.sentences if 0 <= start < end <= length]
    if given:
        return given
    ends = [match.end() for match in _SENTENCE_END.finditer(source.text)]
    return [pair for pair in zip([0, *ends], [*ends, length], strict=True) if pair[0] < pair[1]]


def _rows(source: Source) -> Iterator[Piece]:
    """A table's rows, each value with the name of its column. Caption and header stand above the rows."""
    text = source.text
    spans = [(start, end) for start, end in source.sentences if 0 <= start < end <= len(text)]
    rows = [(start, end) for start, end in spans if CELL in text[start:end]] or spans
    if not rows:
        for each in text.splitlines():
            if each.strip():
                yield Piece(text=_row(each, ""), beside="")
        return
    above = [each for each in text[: rows[0][0]].splitlines() if each.strip()]
    header = above[-1] if above and CELL in above[-1] else ""
    for start, end in spans:
        said = _row(text[start:end], header if (start, end) in rows else "")
        if not said.endswith(_COLONS):  # a caption that leads to the rows
            yield Piece(text=said, beside=clean(" ".join(above)))


def _row(row: str, header: str) -> str:
    """A row as a reader would say it: "Revenue — 2023: 1,234; 2022: 1,100"."""
    cells = [clean(cell) for cell in row.split(CELL.strip())]
    names = [clean(name) for name in header.split(CELL.strip())] if header else []
    if len(cells) < 2:
        return clean(row)
    if len(names) != len(cells):
        return "; ".join(cell for cell in cells if cell)
    label, rest = cells[0], list(zip(names[1:], cells[1:], strict=True))
    values = "; ".join(f"{name}: {cell}" if name and name != cell else cell for name, cell in rest if cell)
    first = f"{names[0]}: {label}" if names[0] and label else label
    return f"{first} — {values}" if first and values else first or values
