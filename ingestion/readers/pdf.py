"""PDF through PyMuPDF: text in reading order, tables, headings, and scanned pages through Tesseract.

The only file besides `readers/image.py` and `draw.py` that knows PyMuPDF. Five shapes of failure are told apart: a
password, no pages, a file that does not open, an exception on one page, and a page that takes the whole process with it
(`sandbox`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import BrokenFile, PasswordProtected
from ingestion.readers.base import Item, Meta, Notice, Progress, ReadContext
from ingestion.readers.layout.paragraphs import blocks_of
from ingestion.readers.layout.pieces import Piece, pieces_of
from ingestion.readers.layout.profile import Profile, learn, outline_of
from ingestion.readers.layout.titles import ranked, reads_as_title, title_of
from ingestion.readers.ocr import Tesseract

_SAMPLE = 24
_DAMAGED = (
    "The PDF is damaged and could not be opened. Open it in a PDF program, save it again and upload the new copy."
)


def read(path: Path, context: ReadContext) -> Iterator[Item]:
    """See `readers.base.Reader`. Page by page, after a look at a sample of pages."""
    with_document = _Opened(path)
    document = with_document.document
    total = min(document.page_count, context.limits.max_pages)
    if document.page_count > total:
        yield Notice(text=f"The document has {document.page_count} pages; only the first {total} were read.")
    if document.is_repaired:
        yield Notice(text="The PDF is damaged. It was repaired as far as possible; parts of it may be missing.")
    pages = _Pages(with_document, context, total)
    yield from pages.sample()
    yield Meta(title=pages.title(), pages=document.page_count)
    for number in range(context.first_page, total + 1):
        if number not in context.skip_pages:
            yield Progress(page=number, total=total, done=number - 1)
            yield from pages.blocks(number)
    yield Progress(page=total, total=total, done=total)


class _Opened:
    """A PDF that can be closed and opened again, to give back what the library keeps of it."""

    def __init__(self, path: Path) -> None:
        import pymupdf

        self.library: Any = pymupdf
        self.library.TOOLS.mupdf_display_errors(False)
        self.library.TOOLS.mupdf_display_warnings(False)
        self.flags = pymupdf.TEXTFLAGS_DICT & ~pymupdf.TEXT_PRESERVE_IMAGES
        self._path = path
        self.document = self._open()

    def reopen(self) -> None:
        """Closes the file and opens it afresh."""
        self.document.close()
        self.library.TOOLS.store_shrink(100)
        self.document = self._open()

    def _open(self) -> Any:
        try:
            document = self.library.open(str(self._path), filetype="pdf")
            locked = document.needs_pass
            count = 0 if locked else document.page_count
        except MemoryError:
            raise
        except Exception as error:  # FileDataError, RuntimeError("code=7: …"), FzErrorFormat, ValueError: any of them
            raise BrokenFile(_DAMAGED) from error
        if locked:
            raise PasswordProtected("The PDF is protected by a password. Upload it without the protection.")
        if count < 1:
            raise BrokenFile("The PDF has no pages. Export it again from the program it comes from.")
        return document


class _Pages:
    """The pages of one reading, and what was learnt from a sample of them."""

    def __init__(self, opened: _Opened, context: ReadContext, total: int) -> None:
        self._opened = opened
        self._context = context
        self._total = total
        self._ocr = Tesseract(opened.library, context.limits)
        self._sampled: dict[int, list[Piece]] = {}
        self._broken: dict[int, Notice] = {}
        self._profile = Profile()

    def sample(self) -> Iterator[Item]:
        """Reads some pages, keeps them, and learns what is usual in the document."""
        for number in _sample_pages(self._total):
            if number not in self._context.skip_pages:
                yield Progress(page=number, total=self._total, done=self._context.first_page - 1)
                self._sampled[number] = self._pieces(number)
        profile = replace(learn(self._sampled, self._total), outline=self._outline())
        self._profile = ranked(profile, self._sampled)

    def blocks(self, number: int) -> Iterator[Item]:
        """The blocks of a page, or the notice that it could not be read."""
        since = number - self._context.first_page
        if since and since % self._context.limits.page_window == 0:
            self._opened.reopen()
        pieces = self._sampled.pop(number) if number in self._sampled else self._pieces(number)
        if number in self._broken:
            yield self._broken[number]
        if self._ocr.notice is not None:
            yield self._ocr.notice
        yield from blocks_of(self._profile.without_running(pieces, number), number, self._profile)

    def title(self) -> str | None:
        """The document's own title: its metadata's if that is one, else the first big heading of page 1."""
        try:
            title = " ".join(str((self._opened.document.metadata or {}).get("title") or "").split())
        except Exception:
            title = ""
        return title if reads_as_title(title) else title_of(self._sampled.get(1, []), self._profile)

    def _pieces(self, number: int) -> list[Piece]:
        try:
            page = self._opened.document.load_page(number - 1)
            width, height = page.rect.width, page.rect.height
            content = page.get_text("dict", flags=self._opened.flags)
            pieces = pieces_of(content["blocks"], width, height)
            if self._ocr.wanted(page, pieces):
                pieces = self._ocr.pieces(page, pieces)
        except MemoryError:
            self._broken[number] = Notice(text=f"Page {number} could not be read: it takes too much memory.")
        except Exception:  # FzErrorFormat, RuntimeError, ValueError, …: one page's harm is one page's loss
            self._broken[number] = Notice(text=f"Page {number} could not be read: it is damaged.")
        else:
            return pieces
        return []

    def _outline(self) -> dict[tuple[int, str], int]:
        try:
            return outline_of(self._opened.document.get_toc(simple=True))
        except Exception:  # a broken outline is as good as none
            return {}


def _sample_pages(total: int) -> list[int]:
    """Up to 24 page numbers: all, or pairs of neighbours from all over, since running lines often alternate."""
    if total <= _SAMPLE:
        return list(range(1, total + 1))
    pairs = _SAMPLE // 2
    firsts = [1 + round(index * (total - 2) / (pairs - 1)) for index in range(pairs)]
    return sorted({number for first in firsts for number in (first, first + 1)})
