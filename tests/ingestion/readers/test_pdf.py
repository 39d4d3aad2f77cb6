"""PDFs made here, read through the sandbox as any upload is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from core.errors import BrokenFile, NoText, PasswordProtected
from core.types import ParsedDocument
from ingestion.pipeline import parse
from ingestion.settings import IngestionSettings

SETTINGS = IngestionSettings()
HANDBOOK = Path(__file__).parents[3] / "examples" / "handbook"
LINES = (
    "The harbour wall was rebuilt before the first winter storm.",
    "Engineers measured every tide and wrote the figures down.",
    "Nobody had expected the eastern pier to move at all.",
    "A second survey in autumn confirmed what the first one said.",
    "The council paid for the work out of the reserve of the port.",
    "Fishing boats were moved to the northern basin for the time.",
)


@pytest.fixture
def pdf(tmp_path: Path) -> Callable[..., Path]:
    """Saves a document that a function drew, under a name without an extension."""

    def save(draw: Callable[[Any], None], **options: Any) -> Path:
        document = pymupdf.open()
        draw(document)
        path = tmp_path / "upload"
        document.save(path, **options)
        return path

    return save


async def read(path: Path, settings: IngestionSettings = SETTINGS) -> ParsedDocument:
    return await parse(path, "upload.pdf", settings)


def prose(page: Any, x: float, y: float, first: int = 0, lines: int = 6, size: float = 10) -> None:
    for line in range(lines):
        page.insert_text((x, y + 13 * line), LINES[(first + line) % len(LINES)], fontsize=size)


def texts(document: ParsedDocument, kind: str) -> list[str]:
    return [block.text for block in document.blocks if block.kind == kind]


async def test_headings_paragraphs_and_a_title(pdf: Callable[..., Path]) -> None:
    def draw(document: Any) -> None:
        page = document.new_page()
        page.insert_text((72, 80), "Tides and Timber", fontsize=22)
        page.insert_text((72, 120), "1 The wall", fontsize=10, fontname="hebo")
        prose(page, 72, 140)

    document = await read(pdf(draw))

    assert document.media_type == "application/pdf"
    assert document.title == "Tides and Timber"
    assert document.pages == 1
    assert [(b.kind, b.text) for b in document.blocks[:2]] == [
        ("heading", "Tides and Timber"),
        ("heading", "1 The wall"),
    ]
    assert document.blocks[2].text == " ".join(LINES)


async def test_a_block_has_its_page_and_the_box_around_its_text(pdf: Callable[..., Path]) -> None:
    def draw(document: Any) -> None:
        document.new_page()
        page = document.new_page()
        prose(page, 72, 140, lines=2)

    path = pdf(draw)
    (block,) = (await read(path)).blocks
    (box,) = block.boxes
    found = [pymupdf.open(path)[1].search_for(line)[0] for line in LINES[:2]]

    assert block.page == box.page == 2
    assert box.x0 == pytest.approx(min(rect.x0 for rect in found), abs=1)
    assert box.y0 == pytest.approx(found[0].y0, abs=1)
    assert box.x1 == pytest.approx(max(rect.x1 for rect in found), abs=1)
    assert box.y1 == pytest.approx(found[1].y1, abs=1)


async def test_two_columns_are_read_one_after_the_other(pdf: Callable[..., Path]) -> None:
    def draw(document: Any) -> None:
        page = document.new_page()
        page.insert_text((150, 60), "A study in two columns", fontsize=20)
        prose(page, 40, 100, first=0, size=8)
        prose(page, 310, 100, first=3, size=8)

    document = await read(pdf(draw))

    assert texts(document, "table") == []
    assert " ".join(texts(document, "paragraph")) == " ".join((*LINES, *LINES[3:], *LINES[:3]))


async def test_a_ruled_table_keeps_its_rows(pdf: Callable[..., Path]) -> None:
    rows = (("Group", "Days", "Notice"), ("Full time", "30", "2 weeks"), ("Part time", "15", "2 weeks"))

    def draw(document: Any) -> None:
        page = document.new_page()
        prose(page, 72, 80, lines=2)
        for line, row in enumerate(rows):
            for column, text in enumerate(row):
                x, y = 72 + 140 * column, 150 + 24 * line
                page.draw_rect((x, y, x + 140, y + 24))
                page.insert_text((x + 4, y + 15), text, fontsize=10, fontname="hebo" if line == 0 else "helv")
        prose(page, 72, 250, first=2, lines=2)

    document = await read(pdf(draw))
    (table,) = [block for block in document.blocks if block.kind == "table"]

    assert [block.kind for block in document.blocks] == ["paragraph", "table", "paragraph"]
    assert table.header
    assert table.rows == rows
    assert table.text == "\n".join(" | ".join(row) for row in rows)
    assert len(table.boxes) == 3


async def test_running_lines_are_dropped_and_paragraphs_go_on_over_the_page(pdf: Callable[..., Path]) -> None:
    def draw(document: Any) -> None:
        for number in range(1, 6):
            page = document.new_page()
            page.insert_text((72, 30), "Yearbook of the Port", fontsize=8)
            page.insert_text(
                (72, 80), f"Page {['one', 'two', 'three', 'four', 'five'][number - 1]} begins here.", fontsize=10
            )
            prose(page, 72, 110, first=number)
            if number == 2:
                page.insert_text((72, 220), "The last sentence of this page was cut", fontsize=10)
            page.insert_text((300, 800), str(number), fontsize=8)
        document[2].insert_text((72, 60), "in two by the end of it.", fontsize=10)

    document = await read(pdf(draw))
    joined = [block for block in document.blocks if "was cut in two" in block.text]

    assert not any("Yearbook" in block.text or block.text.isdigit() for block in document.blocks)
    assert len(joined) == 1
    assert [box.page for box in joined[0].boxes] == [2, 3]


@pytest.mark.parametrize("name", ["travel-and-expenses.pdf", "aurora-400-product-sheet.pdf"])
async def test_the_footers_of_the_handbook_reach_no_passage(name: str) -> None:
    document = await parse(HANDBOOK / name, name, SETTINGS)

    assert document.pages in (2, 4)
    assert not any("Page" in block.text for block in document.blocks)


async def test_the_outline_makes_headings(pdf: Callable[..., Path]) -> None:
    def draw(document: Any) -> None:
        page = document.new_page()
        page.insert_text((72, 80), "The wall", fontsize=10)
        prose(page, 72, 110)
        page.insert_text((72, 220), "Its stones", fontsize=10)
        prose(page, 72, 250, first=3)
        document.set_toc([[1, "The wall", 1], [2, "Its stones", 1]])

    found = [(b.level, b.text) for b in (await read(pdf(draw))).blocks if b.kind == "heading"]

    assert found == [(1, "The wall"), (2, "Its stones")]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Port rules 2024", "Port rules 2024"),
        ("Microsoft Word - rules.doc", None),
        ("/tmp/x.pdf", None),
        ("123-45", None),
    ],
)
async def test_a_title_that_is_none_is_not_taken(pdf: Callable[..., Path], title: str, expected: str | None) -> None:
    def draw(document: Any) -> None:
        prose(document.new_page(), 72, 110)
        document.set_metadata({"title": title})

    assert (await read(pdf(draw))).title == expected


def scan(document: Any) -> None:
    page = pymupdf.open().new_page()
    page.insert_text((72, 90), "Fire Safety", fontsize=24)
    prose(page, 72, 130, size=13, lines=3)
    document.new_page().insert_image((0, 0, 595, 842), pixmap=page.get_pixmap(dpi=150))


async def test_a_scanned_page_is_read(pdf: Callable[..., Path]) -> None:
    document = await read(pdf(scan, deflate=True))

    assert "Fire Safety" in document.blocks[0].text
    assert "harbour wall was rebuilt" in " ".join(block.text for block in document.blocks)
    assert all(block.page == 1 and block.boxes for block in document.blocks)


async def test_scanned_pages_are_named_when_ocr_is_off(pdf: Callable[..., Path]) -> None:
    def draw(document: Any) -> None:
        prose(document.new_page(), 72, 110)
        scan(document)

    settings = IngestionSettings(ocr=False)
    document = await read(pdf(draw), settings)

    assert "Scanned pages were left out" in document.warnings[0]
    with pytest.raises(NoText, match="switched off"):
        await read(pdf(scan, deflate=True), settings)


async def test_a_missing_language_names_the_package_to_install(pdf: Callable[..., Path]) -> None:
    with pytest.raises(NoText, match="tesseract-ocr-xyz"):
        await read(pdf(scan, deflate=True), IngestionSettings(ocr_languages=("xyz",)))


async def test_a_password(pdf: Callable[..., Path]) -> None:
    path = pdf(lambda document: prose(document.new_page(), 72, 80), encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="x")

    with pytest.raises(PasswordProtected):
        await read(path)


async def test_a_pdf_without_pages(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
        b"trailer<</Root 1 0 R/Size 3>>\n%%EOF"
    )
    with pytest.raises(BrokenFile):
        await read(path)


async def test_a_pdf_cut_off_in_the_middle_ends_in_blocks_or_an_error(pdf: Callable[..., Path]) -> None:
    path = pdf(lambda document: [prose(document.new_page(), 72, 80) for _ in range(20)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    try:
        document = await read(path)
    except (BrokenFile, NoText):
        return
    assert any("repaired" in warning for warning in document.warnings)


async def test_blank_pages_hold_no_text(pdf: Callable[..., Path]) -> None:
    with pytest.raises(NoText):
        await read(pdf(lambda document: document.new_page()))


async def test_a_broken_page_is_named_and_the_others_are_read(pdf: Callable[..., Path]) -> None:
    def draw(document: Any) -> None:
        for number in range(3):
            prose(document.new_page(), 72, 80, first=number)
        first, _, third = (document[number].xref for number in range(3))
        tree = int(document.xref_get_key(document.pdf_catalog(), "Pages")[1].split()[0])
        loop = document.get_new_xref()
        document.update_object(loop, f"<</Type/Pages/Count 1/Parent {tree} 0 R/Kids[{loop} 0 R]>>")
        document.xref_set_key(tree, "Kids", f"[{first} 0 R {loop} 0 R {third} 0 R]")

    document = await read(pdf(draw))

    assert document.warnings == ("Page 2 could not be read: it is damaged.",)
    assert {block.page for block in document.blocks} == {1, 3}


async def test_only_so_many_pages_are_read(pdf: Callable[..., Path]) -> None:
    path = pdf(lambda document: [prose(document.new_page(), 72, 80, first=n, lines=2) for n in range(12)])
    document = await read(path, IngestionSettings(max_pages=5, page_window=2))

    assert document.pages == 12
    assert {block.page for block in document.blocks} == {1, 2, 3, 4, 5}
    assert document.warnings == ("The document has 12 pages; only the first 5 were read.",)


async def test_progress_is_told_page_by_page(pdf: Callable[..., Path]) -> None:
    path = pdf(lambda document: [prose(document.new_page(), 72, 80, first=n, lines=2) for n in range(30)])
    told: list[tuple[int, int]] = []
    await parse(path, "upload.pdf", SETTINGS, lambda done, total: told.append((done, total)))

    assert told == sorted(told)
    assert told[-1] == (30, 30)
    assert set(range(30)) <= {done for done, _ in told}


async def test_pages_of_nothing_but_a_running_line_keep_it(pdf: Callable[..., Path]) -> None:
    def draw(document: Any) -> None:
        for number in range(1, 4):
            document.new_page().insert_text((72, 80), f"Sheet {number} of a small file.")

    document = await read(pdf(draw))
    assert [block.text for block in document.blocks] == [f"Sheet {n} of a small file." for n in (1, 2, 3)]
