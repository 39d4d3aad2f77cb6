"""PDFs that broke readers, and reports full of tables: the larger data sets, where they are there."""

from __future__ import annotations

import asyncio
import csv
import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pymupdf
import pytest

from core.errors import BrokenFile, DocumentUnreadable, NoText, PasswordProtected
from core.types import ParsedDocument
from ingestion.pipeline import parse
from ingestion.settings import IngestionSettings

SETTINGS = IngestionSettings(silence_seconds=30, document_seconds=60)
AT_ONCE = 3

# what each shape of the manifest may end in; None is a document with text
ENDS: dict[str, tuple[type[DocumentUnreadable] | None, ...]] = {
    "encrypted": (PasswordProtected,),
    "zero-page": (BrokenFile,),
    "unopenable": (BrokenFile,),
    "page-error": (None, NoText),
    "no-text": (None, NoText),  # some are scans, and Tesseract reads a letter in them
    "repaired": (None, NoText, BrokenFile),
    "ok": (None,),
}


async def end_of(path: Path, gate: asyncio.Semaphore) -> ParsedDocument | DocumentUnreadable:
    async with gate:
        try:
            return await parse(path, path.name, SETTINGS)
        except DocumentUnreadable as error:
            return error


def all_ends(folder: Path, names: list[str]) -> tuple[list[ParsedDocument | DocumentUnreadable], int]:
    """Reads the files, a few at once; what came of each, and the most bytes that one of their readers held.

    The system counts every child a process ever had, so this is run by a process that has no others.
    """

    async def read() -> list[ParsedDocument | DocumentUnreadable]:
        gate = asyncio.Semaphore(AT_ONCE)
        return await asyncio.gather(*(end_of(folder / name, gate) for name in names))

    return asyncio.run(read()), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def made_here(folder: Path) -> dict[str, str]:
    """A few hostile files of our own, for where the larger set is absent."""
    document = pymupdf.open()
    for number in range(3):
        document.new_page().insert_text((72, 80), f"Sheet {number} of a small file.")
    document.save(folder / "ok.pdf")
    document.save(folder / "encrypted.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="x")
    whole = (folder / "ok.pdf").read_bytes()
    (folder / "repaired.pdf").write_bytes(whole[: whole.rfind(b"xref")])
    (folder / "unopenable.pdf").write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 8)
    (folder / "zero-page.pdf").write_bytes(
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
        b"trailer<</Root 1 0 R/Size 3>>"
    )
    return {f"{shape}.pdf": shape for shape in ("ok", "encrypted", "repaired", "unopenable", "zero-page")}


@pytest.fixture
def hostile(datasets: Path | None, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder of hostile PDFs, and the shape of each."""
    if datasets is None:
        return tmp_path, made_here(tmp_path)
    folder = datasets / "pdfs" / "hostile"
    with (folder / "manifest.tsv").open() as file:
        return folder, {row["file"]: row["shape"] for row in csv.DictReader(file, delimiter="\t")}


@pytest.mark.slow
def test_every_hostile_pdf_ends_in_blocks_or_one_clear_error(hostile: tuple[Path, dict[str, str]]) -> None:
    folder, shapes = hostile
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
        found, peak = alone.submit(all_ends, folder, list(shapes)).result()
    ends = dict(zip(shapes, found, strict=True))

    kinds = {name: type(end) if isinstance(end, DocumentUnreadable) else None for name, end in ends.items()}
    assert {name: (shapes[name], kind) for name, kind in kinds.items() if kind not in ENDS[shapes[name]]} == {}
    for end in ends.values():
        if isinstance(end, DocumentUnreadable):
            assert end.message.endswith(".")
            assert len(end.message) > 20
        else:
            assert any(block.text.strip() for block in end.blocks)
    assert peak < SETTINGS.memory_bytes


@pytest.mark.slow
async def test_the_tables_of_real_reports_keep_their_rows(datasets: Path | None, tmp_path: Path) -> None:
    """Figures that a borderless table scatters over a page stand in one row, under the year they belong to."""
    if datasets is None:
        made_here(tmp_path)
        document = await parse(tmp_path / "ok.pdf", "ok.pdf", SETTINGS)
        assert document.pages == 3
        return
    folder = datasets / "pdfs" / "reports"
    for name, page, wanted, column in (
        ("NETFLIX_2021_10K.pdf", 24, ("Revenues", "$3,266,601", "$2,372,300", "$1,469,521", "$894,301", "38%"), "2021"),
        (
            "JOHNSON_JOHNSON_2023Q1_EARNINGS.pdf",
            10,
            ("Cost of products sold", "8,395", "33.9", "7,598", "32.4", "10.5"),
            "",
        ),
        (
            "ACTIVSIONBLIZZARD_2023Q2_10Q.pdf",
            5,
            ("Product sales", "$520", "$304", "$1,215", "$690"),
            "Three Months Ended",
        ),
    ):
        document = await parse(folder / name, name, SETTINGS)
        tables = [block for block in document.blocks if block.kind == "table" and block.page == page]
        (table,) = [block for block in tables if wanted in block.rows]
        assert table.header
        assert column in table.rows[0][1]
        assert len(table.boxes) == len(table.rows)
