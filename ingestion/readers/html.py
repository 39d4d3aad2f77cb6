"""HTML to blocks. Everything that can become HTML (Word, Markdown, e-mail, EPUB) is read here and nowhere else.

The tree is walked, never recursed into, so that depth costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import lxml.etree

from core.types import Block, BlockKind
from ingestion.readers.base import Item, Meta, Notice, ReadContext
from ingestion.readers.encoding import HEAD, decode, html_charset
from ingestion.readers.html_inline import INLINE, closing, hidden, line_of, mark_only, opening
from ingestion.readers.html_table import is_layout, own_rows, read_rows
from ingestion.readers.html_tree import Element, parse_html
from ingestion.readers.seam import parsing
from ingestion.readers.tables import table_blocks
from ingestion.readers.words import one_line, squeeze, tidy_lines, verbatim

_HEADINGS: Final = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_FURNITURE: Final = frozenset({"header", "footer", "aside"})
_FURNITURE_ROLES: Final = frozenset(
    {"navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar"}
)
_LONGEST_HEADING: Final = 300
_MAIN_SHARE: Final = 0.3
_TITLE_TAILS: Final = re.compile(r"\s+(?:[|–—·•»:]|::|-)\s+")


def read(path: Path, context: ReadContext) -> Iterator[Item]:
    """Reads an HTML or XHTML file; see `blocks_of`. Its encoding: byte order mark, <meta>, or a guess."""
    data = path.read_bytes()
    yield from blocks_of(decode(data, html_charset(data[:HEAD])), furniture=False)


def blocks_of(source: str, *, furniture: bool = True, markers: bool = True) -> Iterator[Item]:
    """The blocks of HTML `source`, its title as `Meta`, and a `Notice` if it had to be flattened.

    `furniture=False` leaves out navigation and the headers, footers and asides around the main text, unless nothing
    else is there. `markers=False` leaves out the bullets and numbers of list items, for sources that carry their own.
    """
    with parsing("HTML file"):
        root, flattened = parse_html(source)
        if root is None:
            return
        mains = [] if furniture else _main_text(root)
        if title := _title(root, mains):
            yield Meta(title=title)
        if flattened:
            yield Notice(text="The file is nested too deeply; lists and tables in it were read as plain paragraphs.")
        found = False
        for part in mains or [root]:
            for block in _Walk(part, furniture=furniture, unhidden=False, markers=markers).blocks():
                found = True
                yield block
        if not found and not furniture:  # a page of nothing but furniture, or hidden until a script shows it
            yield from _Walk(root, furniture=True, unhidden=True, markers=markers).blocks()


def _main_text(root: Element) -> list[Element]:
    """The page's <main>, if it has one that holds a good part of the text; what stands around it is every page's."""
    mains = [el for el in root.iter("main", "div") if el.tag == "main" or el.get("role") == "main"]
    outer = [el for el in mains if not any(above in mains for above in el.iterancestors("main", "div"))]
    if not outer or sum(len(line_of(el)) for el in outer) < _MAIN_SHARE * len(line_of(root)):
        return []
    return outer


def _title(root: Element, mains: list[Element]) -> str | None:
    """The <title>, cut down to a heading of the page where it is that heading with the site's name added."""
    own = root.find("head/title")
    title = one_line(own.text_content()) if own is not None else ""
    tops = islice((el for part in (*mains, root) for el in part.iter("h1")), 5)
    headings = [line_of(el)[:_LONGEST_HEADING] for el in tops]
    if not title:
        return next(filter(None, headings), None)
    parts = _TITLE_TAILS.split(title)
    return next((heading for heading in headings if heading in parts), title)


class _List:
    """A list that is open: whether its items are numbered, how, and from where."""

    def __init__(self, el: Element) -> None:
        self.ordered = el.tag == "ol"
        self.style = el.get("type") or "1"
        start = el.get("start") or "1"
        self.next = int(start) if re.fullmatch(r"-?\d{1,6}", start) else 1

    def marker(self, item: Element) -> str:
        if not self.ordered:
            return "- "
        value = item.get("value") or ""
        number = int(value) if re.fullmatch(r"-?\d{1,6}", value) else self.next
        self.next = number + 1
        return f"{_numeral(number, self.style)}. "


class _Walk:
    """One pass over the tree: text gathers in `_parts` until a block element begins or ends."""

    def __init__(self, root: Element, *, furniture: bool, unhidden: bool, markers: bool) -> None:
        self._root = root
        self._furniture = furniture
        self._unhidden = unhidden
        self._markers = markers
        self._parts: list[str] = []
        self._lists: list[_List] = []
        self._items: list[str] = []  # the markers of the items that are open; "" once it was written
        self._main = 0

    def blocks(self) -> Iterator[Block]:
        """The blocks in reading order."""
        walk = lxml.etree.iterwalk(self._root, events=("start", "end", "comment", "pi"))
        skipped: Element | None = None
        for event, el in walk:
            if event == "start":
                if self._left_out(el):
                    skipped = el
                    walk.skip_subtree()
                elif el.tag in INLINE:
                    self._parts.append(opening(el, self._parts[-1] if self._parts else ""))
                else:
                    yield from self._flush()
                    whole = self._whole(el)
                    if whole is not None:
                        yield from whole
                        skipped = el
                        walk.skip_subtree()
                    else:
                        self._open(el)
            else:
                if event == "end" and el is not skipped:
                    if el.tag in INLINE:
                        self._parts.append(closing(el))
                    else:
                        yield from self._flush()
                        self._close(el)
                if el is not self._root:
                    self._parts.append(squeeze(el.tail or ""))
        yield from self._flush()

    def _left_out(self, el: Element) -> bool:
        if el.tag == "head":
            return True
        if hidden(el) and not (self._unhidden and el.tag not in ("script", "style", "template")):
            return True
        if mark_only(el):
            return True
        if self._furniture:
            return False
        if el.tag == "nav" or (el.tag in _FURNITURE and not self._main):
            return True
        return not self._main and (el.get("role") or "").lower() in _FURNITURE_ROLES

    def _whole(self, el: Element) -> Iterator[Block] | None:
        """The blocks of what is read in one go (heading, data table, preformatted text), None for other elements."""
        level = _HEADINGS.get(el.tag)
        if level is None and (el.get("role") or "") == "heading":
            level = _HEADINGS.get("h" + (el.get("aria-level") or "2"))
        if level is not None:
            text = line_of(el)
            # a heading that was never closed holds the rest of the page
            return self._heading(text, level) if len(text) <= _LONGEST_HEADING else None
        if el.tag == "table":
            rows = own_rows(el)
            return None if is_layout(el, rows) else self._table(el, rows)
        if el.tag in ("pre", "listing", "xmp"):
            return self._code(el)
        return None

    def _heading(self, text: str, level: int) -> Iterator[Block]:
        if text:
            yield Block(kind="heading", text=text, level=level)

    def _table(self, table: Element, rows: list[Element]) -> Iterator[Block]:
        caption = table.find("caption")
        if caption is not None and (text := line_of(caption)):
            yield Block(kind="paragraph", text=text)
        grid, header = read_rows(rows)
        yield from table_blocks(grid, header=header)

    def _code(self, el: Element) -> Iterator[Block]:
        for line_break in el.iter("br"):
            line_break.text = "\n"
        if text := verbatim("".join(el.itertext(with_tail=True))):
            yield Block(kind="code", text=text)

    def _open(self, el: Element) -> None:
        if el.tag in ("ul", "ol", "menu", "dir"):
            self._lists.append(_List(el))
        elif el.tag == "li":
            self._items.append(self._lists[-1].marker(el) if self._lists else "- ")
        elif el.tag in ("main", "article") or el.get("role") == "main":
            self._main += 1
        self._parts.append(squeeze(el.text or ""))

    def _close(self, el: Element) -> None:
        if el.tag in ("ul", "ol", "menu", "dir") and self._lists:
            self._lists.pop()
        elif el.tag == "li" and self._items:
            self._items.pop()
        elif el.tag in ("main", "article") or el.get("role") == "main":
            self._main -= 1

    def _flush(self) -> Iterator[Block]:
        """What was gathered, as paragraphs: two line breaks in a row begin a new one."""
        text = tidy_lines("".join(self._parts).replace("~~~~", "")) if self._parts else ""
        self._parts.clear()
        if not text:
            return
        kind: BlockKind = "list_item" if self._items else "paragraph"
        for paragraph in text.split("\n\n"):
            if paragraph.strip():
                yield Block(kind=kind, text=self._indented(paragraph.strip()))

    def _indented(self, text: str) -> str:
        """A list item's text behind its marker, two spaces in for every list around it."""
        if not self._items:
            return text
        indent = "  " * min(len(self._items) - 1, 8)
        marker, self._items[-1] = self._items[-1], ""
        if not self._markers:
            return indent + text
        return indent + (marker or "  ") + text


def _numeral(number: int, style: str) -> str:
    """A list item's number: "7", "g" or "vii"."""
    if style in ("a", "A") and 1 <= number <= 26:
        return chr(ord(style) + number - 1)
    if style in ("i", "I") and 1 <= number < 400:
        ones = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
        tens = ("", "x", "xx", "xxx", "xl", "l", "lx", "lxx", "lxxx", "xc")
        roman = "c" * (number // 100) + tens[number // 10 % 10] + ones[number % 10]
        return roman if style == "i" else roman.upper()
    return str(number)
