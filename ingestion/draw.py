"""A page as a picture with places marked on it. Runs in the child: drawing is as risky as reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from core.errors import BrokenFile, NotFound, ParserLimit, PasswordProtected, UnsupportedType
from ingestion.detect import detect
from ingestion.readers.image import open_image
from ingestion.wire import PICTURE, Drawing, Order

_YELLOW: Final = (1.0, 0.85, 0.1)
_OPACITY: Final = 0.35
_MARGIN: Final = 1.5  # points around a box


def draw_page(order: Order, drawing: Drawing) -> None:
    """Draws a page of a PDF or an image into the scratch folder.

    Raises `NotFound` for a page that is not there or a kind of file without pages, `PasswordProtected`, `BrokenFile`
    and `ParserLimit`.
    """
    import pymupdf

    library: Any = pymupdf
    library.TOOLS.mupdf_display_errors(False)
    library.TOOLS.mupdf_display_warnings(False)
    path = Path(order.path)
    try:
        media_type = detect(path, order.filename)
    except UnsupportedType as error:
        raise NotFound("Only pages of PDF files and images can be shown.") from error
    if media_type == "application/pdf":
        page = _pdf_page(library, path, drawing.page)
    elif media_type.startswith("image/"):
        if drawing.page != 1:
            raise NotFound(f"The image has one page, not {drawing.page}.")
        page, _ = open_image(library, path, order.limits)
    else:
        raise NotFound("Only pages of PDF files and images can be shown.")
    try:
        picture = _draw(library, page, drawing)
    except MemoryError:
        raise
    except Exception as error:
        raise BrokenFile(f"Page {drawing.page} is damaged and cannot be drawn.") from error
    (Path(order.scratch) / PICTURE).write_bytes(picture)


def _pdf_page(library: Any, path: Path, number: int) -> Any:
    try:
        document = library.open(str(path), filetype="pdf")
        locked = document.needs_pass
        count = 0 if locked else document.page_count
    except MemoryError:
        raise
    except Exception as error:
        raise BrokenFile("The PDF is damaged and could not be opened.") from error
    if locked:
        raise PasswordProtected("The PDF is protected by a password.")
    if not 1 <= number <= count:
        raise NotFound(f"The document has {count} pages; there is no page {number}.")
    try:
        return document.load_page(number - 1)
    except Exception as error:
        raise BrokenFile(f"Page {number} is damaged and cannot be drawn.") from error


def _draw(library: Any, page: Any, drawing: Drawing) -> bytes:
    """The page as PNG, which names its resolution: a viewer finds a passage's box by it.

    Picture and marks go onto a fresh page, so that any kind of page can carry them.
    """
    width, height = page.rect.width, page.rect.height
    if not (0 < width < 1_000_000 and 0 < height < 1_000_000):
        raise ParserLimit("The page has no size that could be drawn.")
    zoom = min(drawing.dpi / 72, (drawing.max_pixels / (width * height)) ** 0.5)
    picture = page.get_pixmap(matrix=library.Matrix(zoom, zoom), alpha=False, colorspace=library.csRGB)
    boxes = [box for box in drawing.boxes if box.page == drawing.page]
    if not boxes:
        return _png(picture, zoom)
    sheet = library.open().new_page(width=picture.width, height=picture.height)
    sheet.insert_image(sheet.rect, pixmap=picture)
    for box in boxes:
        place = library.Rect(box.x0 - _MARGIN, box.y0 - _MARGIN, box.x1 + _MARGIN, box.y1 + _MARGIN)
        place = (place * library.Matrix(zoom, zoom)) & sheet.rect
        if not place.is_empty:
            sheet.draw_rect(place, color=None, fill=_YELLOW, fill_opacity=_OPACITY)
    return _png(sheet.get_pixmap(alpha=False), zoom)


def _png(picture: Any, zoom: float) -> bytes:
    resolution = max(1, round(72 * zoom))
    picture.set_dpi(resolution, resolution)
    return bytes(picture.tobytes("png"))
