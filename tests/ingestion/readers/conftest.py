"""What the readers' tests share: reading bytes through the registry, and small valid files of each kind."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest
from pptx.util import Inches

from core.types import Block
from ingestion.readers import Item, Meta, Notice, ReadContext, ReadLimits
from ingestion.readers.registry import DOCX, PPTX, XLSX, reader_for

KINDS = {
    "html": "text/html",
    "text": "text/plain",
    "markdown": "text/markdown",
    "csv": "text/csv",
    "docx": DOCX,
    "pptx": PPTX,
    "xlsx": XLSX,
    "mail": "message/rfc822",
    "epub": "application/epub+zip",
}

STYLES = """<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">
<w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/></w:style>
<w:style w:type="paragraph" w:styleId="ListNumber"><w:name w:val="List Number"/>
<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style></w:styles>"""
"""A few styles in place of python-docx's many, whose reading takes longer than everything else."""


@dataclass(frozen=True)
class Reading:
    """Everything a reader yielded."""

    items: tuple[Item, ...]

    @property
    def blocks(self) -> list[Block]:
        return [item for item in self.items if isinstance(item, Block)]

    @property
    def texts(self) -> list[str]:
        return [block.text for block in self.blocks]

    @property
    def shape(self) -> list[tuple[str, str]]:
        """Kind and text of each block, headings with their level: ("h2", "Scope")."""
        return [(f"h{b.level}" if b.kind == "heading" else b.kind, b.text) for b in self.blocks]

    @property
    def tables(self) -> list[Block]:
        return [block for block in self.blocks if block.kind == "table"]

    @property
    def notices(self) -> list[str]:
        return [item.text for item in self.items if isinstance(item, Notice)]

    @property
    def title(self) -> str | None:
        titles = [item.title for item in self.items if isinstance(item, Meta) and item.title]
        return titles[-1] if titles else None

    @property
    def pages(self) -> int | None:
        pages = [item.pages for item in self.items if isinstance(item, Meta) and item.pages]
        return pages[-1] if pages else None


Read = Callable[..., Reading]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads bytes or text as a kind of `KINDS`: `read("html", source, max_nesting=1)`."""

    def run(kind: str, data: bytes | str, **limits: int) -> Reading:
        path = tmp_path / "upload"  # without an extension, as blobs are
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        media_type = KINDS[kind]
        context = ReadContext(
            filename=f"upload.{kind}", media_type=media_type, scratch=scratch, limits=replace(ReadLimits(), **limits)
        )
        return Reading(items=tuple(reader_for(media_type)(path, context)))

    return run


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="session")
def rezip() -> Callable[[bytes, Mapping[str, str | bytes]], bytes]:
    """A zip-based file with some members put in or replaced."""
    return lambda data, members: zipped(unzipped(data) | dict(members))


@pytest.fixture(scope="session")
def save() -> Callable[..., bytes]:
    """The bytes of a document object of python-docx, python-pptx or openpyxl."""

    def bytes_of(document) -> bytes:
        file = io.BytesIO()
        document.save(file)
        return file.getvalue()

    return bytes_of


@pytest.fixture(scope="session")
def make_epub() -> Callable[..., bytes]:
    """An EPUB of chapters given as XHTML, with further members."""

    def make(chapters: Mapping[str, str], **more: str) -> bytes:
        items = "".join(
            f'<item id="c{i}" href="{name}" media-type="application/xhtml+xml"/>' for i, name in enumerate(chapters)
        )
        spine = "".join(f'<itemref idref="c{i}"/>' for i in range(len(chapters)))
        return zipped(
            {
                "mimetype": "application/epub+zip",
                "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
                '<rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
                "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf"><metadata '
                'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The Book</dc:title></metadata>'
                f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
                **{f"OEBPS/{name}": source for name, source in chapters.items()},
                **more,
            }
        )

    return make


@pytest.fixture(scope="session")
def samples(save, rezip, make_epub) -> dict[str, bytes]:
    """One small valid file of each kind."""
    word = docx.Document()
    word.add_heading("Leave", 1)
    word.add_paragraph("Every employee gets 25 days.")
    word.add_paragraph("first", style="List Number")
    table = word.add_table(rows=2, cols=2)
    for cell, text in zip((c for row in table.rows for c in row.cells), ("Grade", "Days", "A", "25"), strict=True):
        cell.text = text

    slides = pptx.Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[1])
    slide.shapes.title.text = "Results"
    slide.placeholders[1].text = "Revenue is up"
    slide.shapes.add_table(2, 2, 0, 0, Inches(2), Inches(1)).table.cell(0, 0).text = "Year"
    slide.notes_slide.notes_text_frame.text = "Say thanks"

    book = openpyxl.Workbook()
    book.active.append(["Name", "Amount"])
    book.active.append(["Ada", 1.5])
    book.active.merge_cells("A4:B4")

    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Figures", "ada@example.org", "bob@example.org"
    mail["Date"] = "Tue, 3 Mar 2026 10:04:00 +0100"
    mail.set_content("Dear Bob,\n\nsee the attachment.\n")
    mail.add_alternative("<p>Dear Bob,</p><p>see the attachment.</p>", subtype="html")
    mail.add_attachment(b"Name,Amount\nAda,1\nEve,2\nBob,3\n", maintype="text", subtype="csv", filename="figures.csv")

    return {
        "html": b"<html><head><title>T</title></head><body><h1>Leave</h1><p>25 <b>days</b></p><ul><li>x</ul>"
        b"<table><tr><th rowspan=2>A<th colspan=2>B<tr><td>1<td>2</table></body></html>",
        "text": b"LEAVE RULES\n\nEvery employee gets\n25 days.\n\n- one\n- two\n\n1.1 Scope\n\nAll of them.\n",
        "markdown": b"---\ntitle: T\n---\n# Leave\n\n25 *days*\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode\n```\n",
        "csv": b'name,amount,note\nAda,1,"two\nlines"\nBob,2,x\n',
        "docx": rezip(save(word), {"word/styles.xml": STYLES}),
        "pptx": save(slides),
        "xlsx": save(book),
        "mail": mail.as_bytes(),
        "epub": make_epub({"a.xhtml": "<html><body><h1>One</h1><p>First</p></body></html>"}),
    }
