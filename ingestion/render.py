"""A page of a stored file as a PNG, with the cited passage marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.errors import NotFound, ParserLimit
from core.types import Box
from ingestion.sandbox import draw_sandboxed
from ingestion.settings import IngestionSettings
from ingestion.wire import Drawing

_MAX_PICTURE = 64 * 1024 * 1024


async def render_page(
    path: Path, page: int, boxes: Sequence[Box], dpi: int | None, settings: IngestionSettings
) -> bytes:
    """Page `page` (from 1) of a PDF or an image as PNG bytes, the boxes that lie on it under a translucent yellow.

    `dpi=None` takes `settings.render_dpi`; a page that would be too large comes out smaller. Raises `NotFound` for a
    page that is not there or a kind of file without pages, `PasswordProtected`, `BrokenFile` and `ParserLimit`.
    """
    if page < 1:
        raise NotFound("Pages are counted from 1.")
    drawing = Drawing(
        page=page,
        boxes=tuple(box for box in boxes if box.page == page),
        dpi=max(18, min(dpi or settings.render_dpi, 300)),
        max_pixels=settings.max_render_pixels,
    )
    picture = await draw_sandboxed(path, drawing, settings, _MAX_PICTURE)
    if picture is None:
        raise ParserLimit("The page's picture is too large to be sent.")
    return picture
