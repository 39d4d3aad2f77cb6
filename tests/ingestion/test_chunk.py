"""Chunks: what a reader of one passage, and of its citation, relies on."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from core.ports import TokenCounter
from core.types import Block, Box, Chunk, ParsedDocument
from ingestion import pipeline
from ingestion.chunk import chunk, chunk_fingerprint, embedded_text
from ingestion.chunk_settings import ChunkSettings
from ingestion.context import MOST_TOKENS, context
from ingestion.outline import document_text
from ingestion.pieces import BETWEEN_CELLS
from ingestion.settings import IngestionSettings

SETTINGS = ChunkSettings()


def heading(text: str, level: int = 1) -> Block:
    return Block(kind="heading", text=text, level=level)


def paragraph(text: str, page: int | None = None) -> Block:
    boxes = (Box(page=page, x0=72, y0=100, x1=500, y1=140),) if page else ()
    return Block(kind="paragraph", text=text, page=page, boxes=boxes)


def table(*rows: tuple[str, ...], header: bool = True, boxes: tuple[Box, ...] = ()) -> Block:
    return Block(
        kind="table",
        text="\n".join(BETWEEN_CELLS.join(row) for row in rows),
        rows=rows,
        header=header,
        boxes=boxes,
        page=boxes[0].page if boxes else None,
    )


def document(*blocks: Block) -> ParsedDocument:
    return ParsedDocument(media_type="text/plain", blocks=blocks)


def of(
    tokens: TokenCounter, *blocks: Block, title: str = "Handbook", settings: ChunkSettings = SETTINGS
) -> list[Chunk]:
    return chunk(document(*blocks), title, tokens, settings)


def sentences_of(each: Chunk) -> list[str]:
    return [each.text[first:last] for first, last in each.sentences]


def prose(count: int, word: str = "gauge") -> str:
    return " ".join(
        f"Sentence number {n} says something new about the {word} that is on the bench." for n in range(count)
    )


def test_no_blocks_no_chunks(tokens: TokenCounter) -> None:
    assert of(tokens) == []
    assert of(tokens, paragraph("  \n")) == []


def test_small_neighbours_under_one_heading_share_a_chunk(tokens: TokenCounter) -> None:
    (only,) = of(tokens, heading("Leave"), paragraph("You have 30 days."), paragraph("Ask your lead first."))
    assert only.text == "You have 30 days.\n\nAsk your lead first."
    assert only.heading_path == ("Leave",)
    assert sentences_of(only) == ["You have 30 days.", "Ask your lead first."]
    assert embedded_text("Handbook", only) == "Handbook › Leave\nYou have 30 days.\n\nAsk your lead first."
    assert only.tokens == tokens.count([embedded_text("Handbook", only)])[0]


def test_headings_divide(tokens: TokenCounter) -> None:
    chunks = of(
        tokens, heading("A"), paragraph("One."), heading("B", 2), paragraph("Two."), heading("C"), paragraph("Three.")
    )
    assert [(each.heading_path, each.text) for each in chunks] == [
        (("A",), "One."), (("A", "B"), "Two."), (("C",), "Three."),
    ]  # fmt: skip


def test_headings_with_nothing_under_them_are_text(tokens: TokenCounter) -> None:
    chunks = of(
        tokens, heading("Menu"), heading("Soup", 2), heading("Salad", 2), heading("Prices"), paragraph("All 5.")
    )
    assert [(each.heading_path, each.text) for each in chunks] == [
        (("Menu",), "Soup\n\nSalad"),
        (("Prices",), "All 5."),
    ]


def test_same_heading_twice_is_two_sections(tokens: TokenCounter) -> None:
    chunks = of(tokens, heading("Notes"), paragraph("One."), heading("Notes"), paragraph("Two."))
    assert [each.text for each in chunks] == ["One.", "Two."]


def test_page_and_boxes_are_those_of_the_blocks_inside(tokens: TokenCounter) -> None:
    chunks = of(tokens, paragraph(prose(8), 3), paragraph(prose(8, "valve"), 4), paragraph(prose(8, "pump"), 5))
    assert chunks[0].page == 3
    for each in chunks:
        assert each.boxes
        assert each.page == each.boxes[0].page
        for box in each.boxes:
            word = {3: "gauge", 4: "valve", 5: "pump"}[box.page]
            assert word in each.text


def test_paragraph_that_runs_over_a_page_gives_each_chunk_its_page(tokens: TokenCounter) -> None:
    boxes = tuple(Box(page=page, x0=72, y0=100, x1=500, y1=400) for page in (8, 9))
    chunks = of(tokens, Block(kind="paragraph", text=prose(30), page=8, boxes=boxes))
    assert [each.page for each in chunks] == sorted(each.page or 0 for each in chunks)
    assert (chunks[0].page, chunks[-1].page) == (8, 9)


def test_table_repeats_its_header_and_caption(tokens: TokenCounter) -> None:
    rows = [("Country", "Hotel", "Meals")] + [(f"Country {n}", f"{100 + n} EUR", f"{n} EUR") for n in range(80)]
    chunks = of(tokens, heading("Rates"), paragraph("Daily rates from 2026 on:"), table(*rows), paragraph("End."))
    tables = [each for each in chunks if each.kind == "table"]
    assert len(tables) > 2
    for each in tables:
        assert each.text.startswith("Daily rates from 2026 on:\n\nCountry | Hotel | Meals\nCountry ")
        assert each.tokens <= 256
    assert [row for each in tables for row in sentences_of(each)] == [
        "Daily rates from 2026 on:", *[BETWEEN_CELLS.join(row) for row in rows[1:]],
    ]  # fmt: skip
    assert [each.text for each in chunks if each.kind == "text"] == ["End."]


def test_table_with_a_box_a_row_shows_only_its_rows(tokens: TokenCounter) -> None:
    rows = [("Part", "Price")] + [(f"Part number {n}", f"{n}.00 EUR") for n in range(60)]
    boxes = tuple(
        Box(page=1 + n // 40, x0=50, y0=20 * (n % 40), x1=500, y1=20 * (n % 40) + 20) for n in range(len(rows))
    )
    chunks = of(tokens, table(*rows, boxes=boxes))
    assert len(chunks) > 2
    assert all(len(each.boxes) < len(boxes) for each in chunks)
    assert (chunks[0].page, chunks[-1].page) == (1, 2)


def test_row_longer_than_a_chunk_is_cut_by_cells_under_their_header(tokens: TokenCounter) -> None:
    columns = 60
    rows = [tuple(f"Column {n}" for n in range(columns)), tuple(f"the value in cell {n}" for n in range(columns))]
    chunks = of(tokens, table(*rows))
    assert len(chunks) > 1
    for each in chunks:
        above, below = each.text.split("\n")
        names, values = above.split(BETWEEN_CELLS), below.split(BETWEEN_CELLS)
        assert [name.split()[-1] for name in names] == [value.split()[-1] for value in values]
    assert all(any(value in each.text for each in chunks) for value in rows[1])


def test_cell_longer_than_a_chunk_is_cut_as_text_is(tokens: TokenCounter) -> None:
    chunks = of(tokens, table(("Term", "Meaning"), ("Drift", prose(40)), ("Zero", "No signal.")))
    text = " ".join(each.text for each in chunks)
    assert all(f"number {n} says" in text for n in range(40))
    assert "Zero | No signal." in text
    assert all(each.kind == "table" and each.tokens <= 256 for each in chunks)


def test_table_whose_text_is_not_its_rows_is_cut_by_lines(tokens: TokenCounter) -> None:
    (only,) = of(tokens, Block(kind="table", text="a | b\nc | d", rows=(("x",),)))
    assert sentences_of(only) == ["a | b", "c | d"]


def test_code_is_kept_line_by_line(tokens: TokenCounter) -> None:
    code = "\n".join(f"    measure(channel={n}, range='auto')" for n in range(60))
    chunks = of(tokens, Block(kind="code", text=code))
    assert len(chunks) > 1
    assert all(
        line in code.split("\n") or "    " + line in code.split("\n") for c in chunks for line in c.text.split("\n")
    )


LONG = {
    "clauses": "; ".join(f"the party of part {n} shall deliver, in good order, what it owes" for n in range(60)) + ".",
    "words": "word " * 900 + "end.",
    "no spaces": "Q7" * 5_000,
    "chinese": "".join(f"第{n}条规定供应商应当按时交付仪器，" for n in range(60)) + "完。",
    "thai": "ผู้จัดหาจะต้องส่งมอบเครื่องมือภายในสี่สัปดาห์" * 200,
}


@pytest.mark.parametrize("shape", LONG)
def test_sentence_longer_than_a_chunk_is_cut_and_complete(tokens: TokenCounter, shape: str) -> None:
    chunks = of(tokens, paragraph(LONG[shape]))
    assert len(chunks) > 1
    whole = document_text(document(paragraph(LONG[shape])))
    covered = set().union(*(range(*each.span) for each in chunks))
    assert all(index in covered for index, sign in enumerate(whole) if not sign.isspace())
    for each in chunks:
        assert each.tokens <= 256
        assert len(each.text) <= 256 * 16


def test_languages_are_told_apart(tokens: TokenCounter) -> None:
    german = "Die Geräte werden jedes Jahr im März vom Labor in Kiel geprüft und danach wieder ausgeliefert. " * 3
    english = "The instruments are checked every year in March by the laboratory in Kiel and then sent back. " * 3
    chunks = of(
        tokens, heading("A"), paragraph(german), heading("B"), paragraph(english), heading("C"), paragraph("仪器。")
    )
    assert [each.language for each in chunks] == ["de", "en", "zh"]


def test_a_long_outline_leaves_room_for_the_text(tokens: TokenCounter) -> None:
    title = "A very long title of a report on the condition of the measuring instruments of the northern plants " * 3
    levels = [
        heading(f"Level {n} of the outline, which has a name as long as a sentence, more or less", n)
        for n in range(1, 9)
    ]
    chunks = of(tokens, *levels, paragraph(prose(60)), title=title)
    assert all(each.tokens <= 256 for each in chunks)
    assert all(tokens.count([each.text])[0] >= 100 for each in chunks)
    assert all(each.heading_path == tuple(level.text for level in levels) for each in chunks)


@pytest.mark.parametrize(
    ("title", "path", "line"),
    [
        ("Handbook", (), "Handbook"),
        ("", ("Leave", "Parents"), "Leave › Parents"),
        ("Leave  Policy", ("leave policy", "Parents"), "Leave Policy › Parents"),
        ("", (), ""),
    ],
)
def test_context(title: str, path: tuple[str, ...], line: str) -> None:
    assert context(title, path) == line


def test_context_is_shortened_from_the_left_but_keeps_title_and_last_heading(tokens: TokenCounter) -> None:
    path = [f"Chapter {n} on the care and calibration of instruments in the field" for n in range(9)]
    line = context("Field manual", path)
    assert line.startswith("Field manual › Chapter ")
    assert line.endswith(path[-1])
    assert tokens.count([line])[0] <= 1.5 * MOST_TOKENS
    for foreign in ("测量仪器" * 200, "أجهزة القياس " * 99, "측정기" * 200, "x7-" * 300):
        assert tokens.count([context(foreign, [foreign])])[0] <= 2 * MOST_TOKENS


def test_settings_bound_the_size(tokens: TokenCounter) -> None:
    small = of(tokens, paragraph(prose(60)), settings=ChunkSettings(max_tokens=128))
    large = of(tokens, paragraph(prose(60)), settings=ChunkSettings(max_tokens=8_000))
    assert 64 < max(each.tokens for each in small) <= 128
    assert 128 < max(each.tokens for each in large) <= tokens.max_tokens
    assert ChunkSettings().limit(8_192) == 512
    with pytest.raises(ValidationError, match="smaller overlap_min"):
        ChunkSettings(overlap_min=0.3)


def test_fingerprint_follows_the_settings() -> None:
    assert chunk_fingerprint(ChunkSettings()) == chunk_fingerprint(ChunkSettings())
    assert chunk_fingerprint(ChunkSettings()) != chunk_fingerprint(ChunkSettings(max_tokens=200))
    assert re.fullmatch("[0-9a-f]{12}", chunk_fingerprint(ChunkSettings()))


def test_pipeline_fingerprint_follows_reading_and_cutting_but_not_the_machine() -> None:
    prints = [
        pipeline.fingerprint(IngestionSettings(**changed))
        for changed in ({}, {"ocr": False}, {"chunking": ChunkSettings(max_tokens=200)}, {"memory_bytes": 2**31})
    ]
    assert len({*prints}) == 3
    assert prints[0] == prints[3]


class Gluing:
    """A tokenizer that makes more tokens of joined sentences than of each alone, as some vocabularies can."""

    max_tokens = 128

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) + 10 * text.count(". ") + 2 for text in texts]


def test_a_tokenizer_that_does_not_add_up_is_still_obeyed() -> None:
    chunks = chunk(document(paragraph(prose(80))), "Handbook", Gluing(), SETTINGS)
    assert len(chunks) > 1
    assert all(each.tokens <= 128 for each in chunks)
    assert chunks[0].tokens == Gluing().count([embedded_text("Handbook", chunks[0])])[0]


def test_caption_may_be_a_units_line_and_the_sentence_that_leads_to_the_table(tokens: TokenCounter) -> None:
    rows = table(("Year", "Sales"), ("2025", "12.4"))
    first, second = of(tokens, paragraph("Sales grew. They were as follows:"), paragraph("(In millions)"), rows)
    assert first.text == "Sales grew. They were as follows:"
    assert second.text == "They were as follows:\n\n(In millions)\n\nYear | Sales\n2025 | 12.4"
    (only,) = of(tokens, paragraph("Sales were as follows:"), paragraph("(In millions)"), rows)
    assert sentences_of(only) == ["Sales were as follows:", "(In millions)", "2025 | 12.4"]


def test_a_paragraph_above_a_table_is_no_caption(tokens: TokenCounter) -> None:
    text = "Sales grew. Nobody knows why."
    first, second = of(tokens, paragraph(text), table(("Year", "Sales"), ("2025", "12.4")))
    assert (first.text, second.text) == (text, "Year | Sales\n2025 | 12.4")


def test_long_header_says_what_its_cells_share_once(tokens: TokenCounter) -> None:
    shared = "Consolidated statements of the equity of the shareholders for the years that ended on 31 December 2025"
    columns = (
        "Common stock",
        "Retained earnings",
        "Other income",
        "Total",
        "Minority interests",
        "Everything taken together",
    )
    header = ("In thousands", *(f"{shared} {column}" for column in columns))
    rows = [(f"Item number {n}", *[f"{n},{column}00" for column in range(6)]) for n in range(40)]
    chunks = of(tokens, table(header, *rows))
    assert len(chunks) < len(rows) / 3
    for each in chunks:
        assert each.text.startswith(f"In thousands | {shared} Common stock | Retained earnings | Other income | Total")


def test_a_line_that_leads_to_the_next_is_not_the_end_of_a_chunk(tokens: TokenCounter) -> None:
    blocks = [block for n in range(12) for block in (paragraph(f"What to do about case {n}"), paragraph(prose(4)))]
    chunks = of(tokens, *blocks)
    assert len(chunks) > 3
    assert all(each.text.endswith(".") for each in chunks)
