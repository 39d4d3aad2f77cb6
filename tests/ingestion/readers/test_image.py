"""Pictures of text."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from core.errors import BrokenFile, NoText, ParserLimit
from ingestion.pipeline import parse
from ingestion.readers.image import image_size
from ingestion.settings import IngestionSettings

SETTINGS = IngestionSettings()


def picture() -> Any:
    page = pymupdf.open().new_page(width=400, height=200)
    page.insert_text((30, 60), "Emergency exits", fontsize=24)
    page.insert_text((30, 110), "Keep the corridors free at all times.", fontsize=14)
    return page.get_pixmap(dpi=150)


def png(width: int, height: int) -> bytes:
    """The beginning of a PNG that claims to be so large."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize(("kind", "media_type"), [("png", "image/png"), ("jpg", "image/jpeg")])
async def test_text_is_read_with_its_place(tmp_path: Path, kind: str, media_type: str) -> None:
    path = tmp_path / "blob"
    path.write_bytes(picture().tobytes(kind))

    document = await parse(path, f"photo.{kind}", SETTINGS)
    text = " ".join(block.text for block in document.blocks)

    assert document.media_type == media_type
    assert document.pages == 1
    assert "Emergency exits" in text
    assert "Keep the corridors free at all times" in text
    assert all(block.page == 1 and block.boxes[0].x1 > block.boxes[0].x0 >= 0 for block in document.blocks)


NOTICE = (
    ("Rules of the House", 20, "bold"),
    ("Opening hours", 12.5, "bold"),
    ("The office is open from eight in the morning until six in the evening, and on", 10.5, ""),
    ("Fridays until four. Visitors report at the desk on the ground floor.", 10.5, ""),
    ("In case of fire", 12.5, "bold"),
    ("Leave the building by the nearest exit. The lifts must not be used by anybody.", 10.5, ""),
    ("Responsible:    Ada Byron", 10.5, ""),
)


@pytest.mark.parametrize(("plain", "bold"), [("helv", "hebo"), ("tiro", "tibo")])
async def test_headings_hardly_bigger_than_the_text_stand_above_it(tmp_path: Path, plain: str, bold: str) -> None:
    page = pymupdf.open().new_page(width=520, height=300)
    y = 40.0
    for text, size, weight in NOTICE:
        y += 12 if weight else 0
        page.insert_text((40, y), text, fontsize=size, fontname=bold if weight else plain)
        y += 8 + size / 2
    path = tmp_path / "blob"
    path.write_bytes(page.get_pixmap(dpi=150).tobytes("png"))

    document = await parse(path, "notice.png", SETTINGS)
    found = [(block.level, block.text) for block in document.blocks if block.kind == "heading"]

    assert document.title == "Rules of the House"
    assert found == [(1, "Rules of the House"), (2, "Opening hours"), (2, "In case of fire")]
    assert "Fridays until four" in next(block.text for block in document.blocks if "six in the" in block.text)


async def test_an_image_of_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(png(60_000, 60_000) + bytes(100))

    with pytest.raises(ParserLimit, match="60000 × 60000"):
        await parse(path, "bomb.png", SETTINGS)


@pytest.mark.parametrize(
    "content", [png(10, 10)[:20], png(0, 10), b"\xff\xd8\xff\xe0\x00\x10JFIF", png(40, 40) + b"junk"]
)
async def test_broken_images(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "blob"
    path.write_bytes(content)

    with pytest.raises((BrokenFile, NoText)):
        await parse(path, "photo.png", SETTINGS)


async def test_an_image_without_ocr_says_so(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(picture().tobytes("png"))

    with pytest.raises(NoText, match="switched off"):
        await parse(path, "photo.png", IngestionSettings(ocr=False))


async def test_an_empty_wall_holds_no_text(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    wall = pymupdf.Pixmap(pymupdf.csGRAY, (0, 0, 300, 300), False)
    wall.clear_with(240)
    path.write_bytes(wall.tobytes("png"))

    with pytest.raises(NoText):
        await parse(path, "photo.png", SETTINGS)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (png(640, 480), (640, 480)),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc0\x00\x11\x08\x01\xe0\x02\x80\x03", (640, 480)),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11", None),
        (b"\xff\xd8", None),
    ],
)
def test_sizes_are_read_from_headers(content: bytes, size: tuple[int, int] | None) -> None:
    assert image_size(io.BytesIO(content)) == size
