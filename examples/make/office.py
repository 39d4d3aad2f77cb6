"""Word, PowerPoint and Excel files from the contents. The same contents give the same bytes inside the archive."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import datetime
from pathlib import Path

import docx
import openpyxl
import pptx
from openpyxl.styles import Font
from pptx.util import Inches, Pt
from text import CONTENT, Part, read

DAY = datetime(2026, 1, 1, 9, 0)
AUTHOR = "Nordlicht Instruments GmbH"


def write_docx(name: str, target: Path, language: str) -> None:
    """A Word file with real headings, lists and tables."""
    document = docx.Document()
    properties = document.core_properties
    properties.author, properties.language = AUTHOR, language
    properties.created = properties.modified = DAY
    for part in read(name):
        if part.kind == "heading":
            if part.level == 1:
                properties.title = part.text
            document.add_heading(part.text, part.level - 1)
        elif part.kind == "table":
            table = document.add_table(rows=0, cols=len(part.rows[0]), style="Light Grid Accent 1")
            for row in part.rows:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
        else:
            styles = {"bullet": "List Bullet", "numbered": "List Number"}
            document.add_paragraph(part.text, styles.get(part.kind))
    buffer = io.BytesIO()
    document.save(buffer)
    write_archive(buffer, target)


def write_pptx(name: str, target: Path) -> None:
    """A slide for each first-level heading, with bullets or a table and speaker's notes."""
    deck = pptx.Presentation()
    deck.core_properties.author, deck.core_properties.title = AUTHOR, "Welcome aboard: onboarding"
    deck.core_properties.created = deck.core_properties.modified = DAY
    slides: list[list[Part]] = []
    for part in read(name):
        if part.kind == "heading":
            slides.append([])
        slides[-1].append(part)
    for number, parts in enumerate(slides):
        _slide(deck, parts, deck.slide_layouts[0 if number == 0 else 5 if parts[1].kind == "table" else 1])
    buffer = io.BytesIO()
    deck.save(buffer)
    write_archive(buffer, target)


def _slide(deck: pptx.Presentation, parts: list[Part], layout: object) -> None:
    slide = deck.slides.add_slide(layout)
    slide.shapes.title.text = parts[0].text
    lines = [part.text for part in parts if part.kind in ("bullet", "paragraph")]
    if lines:
        slide.placeholders[1].text = "\n".join(lines)
    for part in parts:
        if part.kind == "note":
            slide.notes_slide.notes_text_frame.text = part.text
        elif part.kind == "table":
            size = (len(part.rows), len(part.rows[0]))
            table = slide.shapes.add_table(*size, Inches(0.5), Inches(1.6), Inches(9), Inches(0.5 * size[0])).table
            for r, row in enumerate(part.rows):
                for c, text in enumerate(row):
                    table.cell(r, c).text = text
                    table.cell(r, c).text_frame.paragraphs[0].font.size = Pt(16)


def write_xlsx(folder: str, target: Path) -> None:
    """A sheet for each CSV file of the folder, numbers as numbers."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    book.properties.creator, book.properties.title = AUTHOR, "Price list 2026"
    book.properties.created = DAY
    for source in sorted((CONTENT / folder).glob("*.csv")):
        sheet = book.create_sheet(source.stem.split(" ", 1)[1])
        with source.open(encoding="utf-8", newline="") as lines:
            for row in csv.reader(lines):
                sheet.append([int(cell) if cell.isdigit() else cell for cell in row])
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        for column in sheet.columns:
            sheet.column_dimensions[column[0].column_letter].width = (
                max(len(str(cell.value or "")) for cell in column) + 2
            )
        sheet.freeze_panes = "A2"
    buffer = io.BytesIO()
    book.save(buffer)
    write_archive(buffer, target)


def write_archive(source: io.BytesIO, target: Path) -> None:
    """The archive's members in their order, without the times of this run."""
    stamp = f"{DAY:%Y-%m-%dT%H:%M:%SZ}".encode()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, data)
            new.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
