"""PNG and JPEG through Tesseract. Boxes are in points of the page that PyMuPDF makes of the picture."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import BrokenFile, NoText, ParserLimit
from ingestion.readers.base import Item, Meta, Notice, Progress, ReadContext
from ingestion.readers.layout.paragraphs import blocks_of
from ingestion.readers.layout.profile import learn
from ingestion.readers.layout.titles import ranked, title_of
from ingestion.readers.limits import ReadLimits
from ingestion.readers.ocr import Tesseract

_BROKEN = "The image is damaged and could not be opened. Save it again and upload the new copy."
_LONG_SIDE = (1600, 5000)  # pixels between which Tesseract reads well


def read(path: Path, context: ReadContext) -> Iterator[Item]:
    """See `readers.base.Reader`. An image is a document of one page."""
    import pymupdf

    library: Any = pymupdf
    library.TOOLS.mupdf_display_errors(False)
    library.TOOLS.mupdf_display_warnings(False)
    page, dpi = open_image(library, path, context.limits)
    yield Meta(pages=1)
    yield Progress(page=1, total=1)
    ocr = Tesseract(library, context.limits)
    problem = ocr.problem()
    if problem is not None:
        raise NoText(f"The image could not be read: {problem}")
    try:
        pieces = ocr.read(page, dpi)
    except MemoryError:
        raise
    except Exception as error:  # whatever MuPDF and Tesseract find wrong with the pixels
        raise BrokenFile(_BROKEN) from error
    profile = ranked(learn({1: pieces}, 1), {1: pieces})
    yield Meta(title=title_of(pieces, profile))
    yield from blocks_of(profile.without_running(pieces, 1), 1, profile)
    if not pieces:
        yield Notice(text="No text was found in the image.")
    yield Progress(page=1, total=1, done=1)


def open_image(library: Any, path: Path, limits: ReadLimits) -> tuple[Any, int]:
    """The image as a page, and the resolution at which to draw it for Tesseract.

    Its size is read from its header before a pixel is decoded. Raises `BrokenFile` and `ParserLimit`.
    """
    with path.open("rb") as file:
        size = image_size(file)
    if size is None:
        raise BrokenFile(_BROKEN)
    width, height = size
    if width * height > limits.max_image_pixels:
        raise ParserLimit(
            f"The image has {width} × {height} pixels, more than is allowed here (max_image_pixels). Make it smaller."
        )
    try:
        document = library.open(str(path))
        page = document.load_page(0)
        longest = max(page.rect.width, page.rect.height)
    except MemoryError:
        raise
    except Exception as error:
        raise BrokenFile(_BROKEN) from error
    if not 0 < longest < 1_000_000:
        raise BrokenFile(_BROKEN)
    pixels = min(max(max(width, height), _LONG_SIDE[0]), _LONG_SIDE[1])
    return page, max(18, round(pixels / longest * 72))


def image_size(file: BinaryIO) -> tuple[int, int] | None:
    """Width and height in pixels from the header of a PNG (chunk IHDR) or a JPEG (frame header); None without one."""
    head = file.read(24)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = struct.unpack(">II", head[16:24]) if head[12:16] == b"IHDR" and len(head) == 24 else (0, 0)
        return (width, height) if width and height else None
    file.seek(2)
    while len(mark := file.read(4)) == 4 and mark[0] == 0xFF:
        if mark[1] == 0xFF:  # a fill byte
            file.seek(-3, 1)
            continue
        length = int.from_bytes(mark[2:4], "big")
        if 0xC0 <= mark[1] <= 0xCF and mark[1] not in (0xC4, 0xC8, 0xCC):
            frame = file.read(5)
            height, width = struct.unpack(">HH", frame[1:5]) if len(frame) == 5 else (0, 0)
            return (width, height) if width and height else None
        file.seek(length - 2, 1)
    return None
