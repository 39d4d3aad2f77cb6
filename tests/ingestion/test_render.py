"""Pages as pictures with the cited passage marked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from core.errors import BrokenFile, NotFound, PasswordProtected
from core.types import Box
from ingestion.render import render_page
from ingestion.sandbox import left_picture
from ingestion.settings import IngestionSettings

SETTINGS = IngestionSettings()
BOX = Box(page=2, x0=100, y0=200, x1=300, y1=260)


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    document = pymupdf.open()
    for _ in range(2):
        document.new_page(width=400, height=600).insert_text((110, 230), "cited", fontsize=20)
    path = tmp_path / "blob"
    document.save(path)
    return path


def pixel(picture: Any, x: float, y: float, dpi: int) -> tuple[int, ...]:
    return tuple(picture.pixel(int(x * dpi / 72), int(y * dpi / 72)))


async def test_a_page_with_a_mark(pdf: Path) -> None:
    png = await render_page(pdf, 2, [BOX, Box(page=1, x0=0, y0=0, x1=400, y1=600)], 72, SETTINGS)
    picture = pymupdf.Pixmap(png)

    assert (picture.width, picture.height) == (400, 600)
    assert pixel(picture, 50, 50, 72) == (255, 255, 255)
    red, green, blue = pixel(picture, 290, 210, 72)
    assert red > 240
    assert green > 220
    assert blue < 210
    inside = [pixel(picture, x, y, 72) for x in range(110, 150) for y in range(215, 232)]
    assert min(sum(color) for color in inside) < 200  # the text shows through


async def test_a_page_without_marks_in_the_usual_size(pdf: Path) -> None:
    picture = pymupdf.Pixmap(await render_page(pdf, 1, [], None, SETTINGS))

    assert picture.width == pytest.approx(400 * SETTINGS.render_dpi / 72, abs=1)


@pytest.mark.parametrize("boxes", [[], [BOX]])
@pytest.mark.parametrize("dpi", [72, 110, 144])
async def test_a_picture_names_its_resolution(pdf: Path, boxes: list[Box], dpi: int) -> None:
    picture = pymupdf.Pixmap(await render_page(pdf, 2, boxes, dpi, SETTINGS))

    assert (picture.xres, picture.yres) == (dpi, dpi)


async def test_a_large_page_comes_out_smaller(tmp_path: Path) -> None:
    document = pymupdf.open()
    document.new_page(width=14_000, height=14_000)
    document.save(tmp_path / "blob")

    picture = pymupdf.Pixmap(
        await render_page(tmp_path / "blob", 1, [], 300, IngestionSettings(max_render_pixels=250_000))
    )

    assert picture.width * picture.height <= 251_000


@pytest.mark.parametrize("page", [0, 3])
async def test_a_page_that_is_not_there(pdf: Path, page: int) -> None:
    with pytest.raises(NotFound):
        await render_page(pdf, page, [], None, SETTINGS)


async def test_an_image_is_its_own_page(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(pymupdf.open().new_page(width=200, height=100).get_pixmap().tobytes("png"))

    assert (await render_page(path, 1, [], 72, SETTINGS)).startswith(b"\x89PNG")
    with pytest.raises(NotFound):
        await render_page(path, 2, [], 72, SETTINGS)


@pytest.mark.parametrize("content", [b"plain text", b"<html><body>x</body></html>", b"\x00\x01\x02" * 100])
async def test_other_files_have_no_pages(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "blob"
    path.write_bytes(content)

    with pytest.raises(NotFound):
        await render_page(path, 1, [], None, SETTINGS)


async def test_a_broken_and_a_locked_pdf(tmp_path: Path) -> None:
    broken, locked = tmp_path / "broken", tmp_path / "locked"
    broken.write_bytes(b"%PDF-1.7\nnothing")
    document = pymupdf.open()
    document.new_page()
    document.save(locked, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="x")

    with pytest.raises((BrokenFile, NotFound)):
        await render_page(broken, 1, [], None, SETTINGS)
    with pytest.raises(PasswordProtected):
        await render_page(locked, 1, [], None, SETTINGS)


def test_a_picture_is_a_plain_file_and_nothing_a_link_leads_to(tmp_path: Path) -> None:
    """What a child that was taken over could leave in the picture's place."""
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")

    assert left_picture(tmp_path / "secret", 6) == b"secret"
    assert left_picture(tmp_path / "secret", 5) is None
    for name in ("link", "pipe", "missing", "."):
        assert left_picture(tmp_path / name, 100) is None
