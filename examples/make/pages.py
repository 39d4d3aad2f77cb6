"""PDF pages with headings, running text and ruled tables, and one page as a scanner would deliver it."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pymupdf
from PIL import Image, ImageFilter
from text import Part, read

WIDTH, HEIGHT = pymupdf.paper_size("a4")
MARGIN, BOTTOM = 64.0, HEIGHT - 72
SIZES = {1: 20.0, 2: 14.0, 3: 11.5}
BODY, LEADING = 10.5, 1.4
FONTS = {"plain": pymupdf.Font("helv"), "bold": pymupdf.Font("hebo")}


@dataclass
class Writer:
    """Puts parts on pages from top to bottom and begins a new page where one is full."""

    footer: str
    document: pymupdf.Document = field(default_factory=pymupdf.open)
    y: float = BOTTOM

    def need(self, height: float) -> pymupdf.Page:
        """The page that has `height` points left; a new one if the last has not."""
        if self.y + height > BOTTOM or not len(self.document):
            page = self.document.new_page(width=WIDTH, height=HEIGHT)
            for name, font in FONTS.items():  # embedded, since the built-in ones know only Latin-1
                page.insert_font(fontname=name, fontbuffer=font.buffer)
            self.y = MARGIN
            put(page, MARGIN, HEIGHT - 40, f"{self.footer}    Page {len(self.document)}", 8)
        return self.document[-1]

    def text(self, text: str, size: float = BODY, font: str = "plain", indent: float = 0.0, mark: str = "") -> None:
        """One paragraph, broken into lines that stay together on a page."""
        lines = wrap(text, WIDTH - 2 * MARGIN - indent, size, font)
        page = self.need(len(lines) * size * LEADING)
        if mark:
            put(page, MARGIN + 2, self.y + size, mark, size)
        for line in lines:
            put(page, MARGIN + indent, self.y + size, line, size, font)
            self.y += size * LEADING
        self.y += size * 0.5

    def table(self, rows: tuple[tuple[str, ...], ...]) -> None:
        """A ruled table, its header in bold and repeated at the top of a new page."""
        widths = _widths(rows, WIDTH - 2 * MARGIN)
        for number, row in enumerate(rows):
            height = self._height(row, widths)
            before = len(self.document)
            self.need(height)
            if number and len(self.document) > before:
                self._row(rows[0], widths, "bold")
            self._row(row, widths, "plain" if number else "bold")
        self.y += BODY

    def _height(self, row: tuple[str, ...], widths: list[float]) -> float:
        return max(len(wrap(c, w - 10, 9.5, "bold")) for c, w in zip(row, widths, strict=True)) * 9.5 * LEADING + 6

    def _row(self, row: tuple[str, ...], widths: list[float], font: str) -> None:
        height = self._height(row, widths)
        page = self.need(height)
        x = MARGIN
        for cell, width in zip(row, widths, strict=True):
            page.draw_rect(pymupdf.Rect(x, self.y, x + width, self.y + height), color=(0.4, 0.4, 0.4), width=0.5)
            for n, line in enumerate(wrap(cell, width - 10, 9.5, font)):
                put(page, x + 5, self.y + 12 + n * 9.5 * LEADING, line, 9.5, font)
            x += width
        self.y += height


def write_pdf(name: str, target: Path, footer: str) -> None:
    """The contents as a PDF with selectable text."""
    document = _typeset(read(name), footer)
    title = next(part.text for part in read(name) if part.kind == "heading")
    document.set_metadata({"title": title, "author": "Nordlicht Instruments GmbH", "creationDate": "D:20260101090000Z"})
    document.subset_fonts()
    document.save(target, garbage=4, deflate=True, no_new_id=True)


def write_scan(name: str, target: Path) -> None:
    """The contents as the picture of a printed page: a little askew, a little grey, with dust. Always the same dust."""
    page = _typeset(read(name), "Notice board, gate 2")[0]
    picture = Image.open(io.BytesIO(page.get_pixmap(dpi=150, colorspace=pymupdf.csGRAY).tobytes("png")))
    picture = picture.rotate(0.6, resample=Image.Resampling.BICUBIC, fillcolor=255).filter(
        ImageFilter.GaussianBlur(0.5)
    )
    noise = np.random.default_rng(14).normal(0, 5, (picture.height, picture.width))
    grey = np.clip(np.asarray(picture, dtype=np.float32) * 0.92 + 12 + noise, 0, 255)
    scan = Image.fromarray((grey // 16 * 16).astype(np.uint8))  # sixteen greys keep the file small
    scan.save(target, optimize=True, dpi=(150, 150))


def _typeset(parts: list[Part], footer: str) -> pymupdf.Document:
    writer = Writer(footer)
    for part in parts:
        if part.kind == "heading":
            writer.need(90)  # a heading does not stand alone at the foot of a page
            writer.y += 8 if part.level > 1 and writer.y > MARGIN else 0
            writer.text(part.text, SIZES[part.level], "bold")
        elif part.kind == "table":
            writer.table(part.rows)
        elif part.kind == "bullet":
            writer.text(part.text, indent=16, mark="\u2022")
        elif part.kind == "numbered":
            writer.text(part.text, indent=20, mark=f"{part.number}.")
        else:
            writer.text(part.text)
    return writer.document


def put(page: pymupdf.Page, x: float, y: float, text: str, size: float, font: str = "plain") -> None:
    """One line of text whose baseline begins at (x, y)."""
    page.insert_text((x, y), text, fontsize=size, fontname=font)


def wrap(text: str, width: float, size: float, font: str) -> list[str]:
    """The lines of a text in a column `width` points wide."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and FONTS[font].text_length(longer, fontsize=size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]


def _widths(rows: tuple[tuple[str, ...], ...], width: float) -> list[float]:
    longest = [min(max(len(cell) for cell in column), 45) + 3 for column in zip(*rows, strict=True)]
    return [width * each / sum(longest) for each in longest]
