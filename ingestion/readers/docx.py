"""Word documents to blocks: prepared here, turned into HTML by mammoth, read by the HTML reader.

Tracked deletions and comments are left out, insertions kept. Foot- and endnotes follow at the end.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from ingestion.archives import SafeArchive, open_archive
from ingestion.readers.base import Item, Meta, Notice, ReadContext
from ingestion.readers.docx_math import formula
from ingestion.readers.docx_numbering import Numbering
from ingestion.readers.html import blocks_of
from ingestion.readers.ooxml import M, Node, W, check, core_title, word_xml
from ingestion.readers.seam import parsing
from ingestion.readers.words import one_line

_STYLES: Final = """
p[style-name='Title'] => h1.title:fresh
p[style-name='Heading 7'] => h6:fresh
p[style-name='Heading 8'] => h6:fresh
p[style-name='Heading 9'] => h6:fresh
p[style-name='heading 7'] => h6:fresh
p[style-name='heading 8'] => h6:fresh
p[style-name='heading 9'] => h6:fresh
p[style-name='Quote'] => blockquote > p:fresh
p[style-name='Intense Quote'] => blockquote > p:fresh
p[style-name='HTML Preformatted'] => pre:separator('\\n')
p[style-name='Preformatted Text'] => pre:separator('\\n')
p[style-name='Source Code'] => pre:separator('\\n')
p[style-name='Code'] => pre:separator('\\n')
"""
_TITLE: Final = re.compile(r'<h1 class="title">(.*?)</h1>', re.DOTALL)
_NOTES: Final = re.compile(r'<ol>(?=<li id="(?:foot|end)note-)')
_NOTE: Final = re.compile(r'(<li id="(?:foot|end)note-[^"]*">\s*(?:<p>)?)')
_SPACE: Final = "{http://www.w3.org/XML/1998/namespace}space"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Html:
    source: str
    title: str | None
    pictures: int
    charts: bool


def read(path: Path, context: ReadContext) -> Iterator[Item]:
    """Reads a .docx. Its title: the paragraph in the style Title, else the properties, else the first heading."""
    check(path, context)
    with parsing("Word document"):
        html = _convert(path, context)
        yield from blocks_of(html.source, markers=False)
    if html.title:
        yield Meta(title=html.title)
    if html.pictures:
        yield Notice(text=f"{html.pictures} picture{'s were' if html.pictures > 1 else ' was'} left out.")
    if html.charts:
        yield Notice(text="Charts and diagrams were left out.")


def _convert(path: Path, context: ReadContext) -> _Html:
    import mammoth

    with open_archive(path, context.limits) as archive:
        prepared, charts = _prepare(archive)
        title = core_title(archive)
    pictures = count()

    def described(image: Any) -> list[Any]:
        next(pictures)
        return [mammoth.html.element("img", {"alt": image.alt_text})] if image.alt_text else []

    result = mammoth.convert_to_html(
        prepared,
        style_map=_STYLES,
        include_embedded_style_map=False,
        convert_image=described,
        external_file_access=False,
    )
    source: str = result.value
    shown = _TITLE.search(source)
    notes = count(1)
    source = _NOTE.sub(lambda item: f"{item[1]}[{next(notes)}] ", _NOTES.sub("<h1>Notes</h1><ol>", source))
    shown_title = one_line(re.sub(r"<[^>]*>", "", shown[1])) if shown else ""
    return _Html(source=source, title=_unescaped(shown_title) or title, pictures=next(pictures), charts=charts)


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")


def _prepare(archive: SafeArchive) -> tuple[io.BytesIO, bool]:
    """The document without its media, computed numbers and formulas written out; and whether it holds charts."""
    names = archive.names()
    main = next((name for name in names if re.fullmatch(r"word/document\d*\.xml", name)), None)
    prepared = io.BytesIO()
    charts = False
    with zipfile.ZipFile(prepared, "w") as copy:
        for name in dict.fromkeys(names):
            if not name.endswith((".xml", ".rels")):
                continue
            data = archive.read(name)
            charts = charts or name.startswith(("word/charts/chart", "word/diagrams/data"))
            if name == main:
                data = _written_out(data, archive)
            copy.writestr(name, data)
    prepared.seek(0)
    return prepared, charts


def _written_out(document: bytes, archive: SafeArchive) -> bytes:
    import lxml.etree

    names = archive.names()
    numbering, styles = (
        word_xml(archive.read(name)) if name in names else None for name in ("word/numbering.xml", "word/styles.xml")
    )
    root = word_xml(document)
    numbers = Numbering(numbering, styles)
    for paragraph in root.iter(f"{W}p"):
        if marker := numbers.marker(paragraph):
            properties = paragraph.find(f"{W}pPr")
            paragraph.insert(paragraph.index(properties) + 1, _run(paragraph, f"{marker} "))
    for math in list(root.iter(f"{M}oMath")):
        run = _run(math, formula(math))
        run.tail = math.tail
        math.getparent().replace(math, run)
    for wrapper in list(root.iter(f"{M}oMathPara")):
        wrapper.tag = f"{W}smartTag"  # any element whose children are read; its own name is ignored
    data: bytes = lxml.etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data


def _run(near: Node, text: str) -> Node:
    run = near.makeelement(f"{W}r")
    words = run.makeelement(f"{W}t", {_SPACE: "preserve"})
    words.text = text
    run.append(words)
    return run
