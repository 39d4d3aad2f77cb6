"""Layout on pieces of text alone: no PDF, no library."""

from __future__ import annotations

import pytest

from core.types import Block
from ingestion.readers.layout.columns import regions, rows
from ingestion.readers.layout.paragraphs import blocks_of, join_lines
from ingestion.readers.layout.pieces import Piece, pieces_of
from ingestion.readers.layout.profile import Profile, learn, outline_of

WORDS = ("", "first", "second", "third", "fourth", "fifth", "sixth")
PROSE = "The committee met in spring and wrote a long report about it"


def piece(
    text: str, x: float, y: float, *, width: float | None = None, size: float = 10, bold: bool = False, seq: int = 0
) -> Piece:
    right = x + (width if width is not None else len(text) * size * 0.5)
    return Piece(text, x, y, right, y + size * 1.2, size, bold, False, seq, (x, y, right, y + size * 1.2))


def laid_out(pieces: list[Piece], profile: Profile | None = None) -> list[Block]:
    for seq, each in enumerate(pieces):
        each.seq = seq
    return list(blocks_of(pieces, 1, profile or learn({1: pieces}, 1)))


def table(blocks: list[Block]) -> Block:
    (found,) = [block for block in blocks if block.kind == "table"]
    return found


def statement(shift: float = 0.0) -> list[Piece]:
    pieces = [piece("Year Ended December 31,", 330, 100 + shift, width=110)]
    pieces += [piece(year, x, 114 + shift, width=20) for year, x in (("2021", 300), ("2020", 380), ("2019", 460))]
    for line, (label, figures) in enumerate(
        [
            ("Revenues", ("3,266", "2,372", "1,469")),
            ("Cost of revenues", ("1,732", "(1,527)", "—")),
            ("Margin", ("58", "61", "62")),
        ]
    ):
        y = 130 + 14 * line + shift
        pieces.append(piece(label, 50, y))
        for x, figure in zip((300, 380, 460), figures, strict=True):
            if label == "Revenues":
                pieces.append(piece("$", x - 40, y, width=5))
            pieces.append(piece(figure, x, y, width=30))
            if label == "Margin":
                pieces.append(piece("%", x + 32, y, width=8))
    return pieces


def test_a_borderless_table_keeps_its_rows_and_a_header_over_every_column_it_spans() -> None:
    found = table(laid_out(statement()))

    assert found.header
    assert found.rows == (
        ("", "Year Ended December 31, 2021", "Year Ended December 31, 2020", "Year Ended December 31, 2019"),
        ("Revenues", "$3,266", "$2,372", "$1,469"),
        ("Cost of revenues", "1,732", "(1,527)", "—"),
        ("Margin", "58%", "61%", "62%"),
    )
    assert found.text.splitlines()[1] == "Revenues | $3,266 | $2,372 | $1,469"


def test_a_table_has_one_box_a_row() -> None:
    found = table(laid_out(statement()))

    assert len(found.boxes) == len(found.rows)
    assert [round(box.y0) for box in found.boxes] == [100, 130, 144, 158]
    assert found.boxes[1].x0 == 50
    assert found.boxes[1].x1 == 490


def test_a_label_above_the_first_figures_is_a_row_and_not_the_header() -> None:
    pieces = [piece("2021", 300, 100, width=20), piece("2020", 380, 100, width=20), piece("Current assets", 50, 114)]
    for y, label in ((128, "Cash"), (142, "Inventories")):
        pieces += [piece(label, 60, y), piece("12", 305, y, width=12), piece("14", 385, y, width=12)]

    found = table(laid_out(pieces))

    assert found.rows[:2] == (("", "2021", "2020"), ("Current assets", "", ""))


def test_a_label_that_goes_on_in_the_next_row_is_joined() -> None:
    pieces = [piece("2021", 300, 100, width=20), piece("2020", 380, 100, width=20)]
    pieces += [piece("Cash", 50, 114), piece("12", 305, 114, width=12), piece("14", 385, 114, width=12)]
    pieces += [piece("Common stock, authorized and", 50, 128)]
    pieces += [piece("outstanding shares", 50, 142), piece("45", 305, 142, width=12), piece("49", 385, 142, width=12)]

    assert table(laid_out(pieces)).rows[-1] == ("Common stock, authorized and outstanding shares", "45", "49")


def test_a_table_of_words_with_wrapped_cells() -> None:
    pieces = [piece(text, x, 100, bold=True) for text, x in (("Group", 50), ("Days", 150), ("Notes", 220))]
    pieces += [
        piece("Full time", 50, 120),
        piece("thirty", 150, 120),
        piece("Six weeks of which two must be", 220, 120),
    ]
    pieces += [piece("taken together", 220, 132)]
    pieces += [piece("Part time", 50, 152), piece("fifteen", 150, 152), piece("In proportion", 220, 152)]

    found = table(laid_out(pieces))

    assert found.header
    assert found.rows[1:] == (
        ("Full time", "thirty", "Six weeks of which two must be taken together"),
        ("Part time", "fifteen", "In proportion"),
    )


def test_prose_above_and_below_a_table_stays_prose() -> None:
    above = [piece(PROSE + ".", 50, 60 + 12 * line, width=450) for line in range(2)]
    below = [piece(PROSE + ".", 50, 200 + 12 * line, width=450) for line in range(2)]

    kinds = [block.kind for block in laid_out([*above, *statement(), *below])]

    assert kinds == ["paragraph", "table", "paragraph"]


def two_columns(*, painted_by_rows: bool) -> list[Piece]:
    left = [piece(f"left {line} " + PROSE[:30], 50, 100 + 12 * line, width=220) for line in range(8)]
    right = [piece(f"right {line} " + PROSE[:30], 300, 100 + 12 * line, width=220) for line in range(8)]
    order = [p for pair in zip(left, right, strict=True) for p in pair] if painted_by_rows else [*left, *right]
    for seq, each in enumerate(order):
        each.seq = seq
    return order


def test_columns_of_prose_are_read_one_after_the_other() -> None:
    title = piece("A title over both columns of the page in one line", 50, 60, width=470)
    found = regions([*two_columns(painted_by_rows=False), title])

    assert [region[0].text.split()[0] for region in found] == ["A", "left", "right"]
    assert [len(region) for region in found] == [1, 8, 8]


def test_what_is_painted_row_by_row_is_no_column() -> None:
    assert len(regions(two_columns(painted_by_rows=True))) == 1


def test_rows_are_sorted_from_left_to_right() -> None:
    found = rows([piece("b", 200, 101), piece("a", 50, 100), piece("c", 50, 120)])

    assert [[p.text for p in row] for row in found] == [["a", "b"], ["c"]]


def test_headings_rank_by_size_then_weight() -> None:
    body = [piece(PROSE + ".", 50, 200 + 12 * line, width=450) for line in range(10)]
    pieces = [piece("Annual Report", 50, 50, size=20), piece("Risk factors", 50, 90, bold=True), *body]
    profile = learn({1: pieces}, 1)
    profile.styles = ((20.0, False, False, True), (10.0, False, True, True))

    found = [(block.level, block.text) for block in laid_out(pieces, profile) if block.kind == "heading"]

    assert found == [(1, "Annual Report"), (2, "Risk factors")]


def test_one_word_in_capitals_is_a_heading_where_others_are_set_so() -> None:
    body = [piece(PROSE + ".", 50, 200 + 12 * line, width=450) for line in range(6)]
    pieces = [piece("OUR CUSTOMERS", 50, 50), piece(PROSE + ".", 50, 70, width=450), piece("STAFF", 50, 170), *body]
    profile = learn({1: pieces}, 1)

    assert [b.text for b in laid_out(pieces, profile) if b.kind == "heading"] == ["OUR CUSTOMERS"]
    profile.styles = ((10.0, True, False, True),)
    assert [b.text for b in laid_out(pieces, profile) if b.kind == "heading"] == ["OUR CUSTOMERS", "STAFF"]


def test_an_item_of_a_report_in_the_letters_of_its_text_is_a_heading_of_its_own() -> None:
    pieces = [piece("PART I", 280, 30), piece("Item 2. Properties", 50, 50)]
    pieces += [piece(PROSE + ".", 50, 63 + 12 * line, width=450) for line in range(6)]
    pieces += [
        piece("Item 2 of the list is not what was meant, as everybody in the room could see", 50, 170, width=450)
    ]
    pieces += [piece("And nobody spoke of it.", 50, 182, width=120)]

    found = [(block.kind, block.text.split()[-1]) for block in laid_out(pieces)]

    assert found == [("heading", "I"), ("heading", "Properties"), ("paragraph", "it."), ("paragraph", "it.")]


def test_the_outline_gives_a_headings_level() -> None:
    pieces = [piece("3. Harbour dues", 50, 90), *(piece(PROSE + ".", 50, 120 + 12 * n, width=450) for n in range(4))]
    profile = learn({1: pieces}, 1)
    profile.outline = outline_of([[1, "Harbours", 1], [2, "3. Harbour Dues", 1]])

    first = laid_out(pieces, profile)[0]

    assert (first.kind, first.level) == ("heading", 2)


def test_running_lines_and_page_numbers_are_dropped() -> None:
    pages = {
        number: [
            piece(f"Annual Report 2021 | {number + 2}", 50, 20),
            piece(f"Invoice {4000 + 17 * number}", 50, 40),
            *(piece(f"The {WORDS[number]} {line} {PROSE}", 50, 100 + 12 * line, width=450) for line in range(8)),
            piece(str(number), 300, 780),
        ]
        for number in range(1, 7)
    }
    profile = learn(pages, 6)

    kept = profile.without_running(pages[3], 3)

    assert [p.text.split()[0] for p in kept] == ["Invoice"] + ["The"] * 8


def test_a_figure_in_a_table_is_no_page_number() -> None:
    page = [piece("Total", 50, 100), piece("42", 300, 100)]

    assert [p.text for p in Profile(pages=4).without_running(page, 1)] == ["Total", "42"]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["the engi-", "neers came"], "the engineers came"),
        (["a long-", "term loan"], "a long-term loan"),
        (["the Rhine-", "Main area"], "the Rhine-Main area"),
        (["co\u00ad", "operate"], "cooperate"),
        (["今日は天気が", "いいです"], "今日は天気がいいです"),
        (["one", "two"], "one two"),
    ],
)
def test_lines_are_joined(lines: list[str], text: str) -> None:
    assert join_lines(lines, frozenset({"long", "term", "long-term"})) == text


def test_list_items_have_one_kind_of_bullet_and_keep_their_number() -> None:
    pieces = [
        piece("• First thing to do", 50, 100),
        piece("•", 50, 116, width=4),
        piece("Second thing", 66, 116),
        piece("2. Third", 50, 132),
    ]

    found = [(block.kind, block.text) for block in laid_out(pieces)]

    assert found == [("list_item", "- First thing to do"), ("list_item", "- Second thing"), ("list_item", "2. Third")]


def minutes(*items: str) -> list[tuple[str, str]]:
    pieces = []
    for number, item in enumerate(items):
        y = 100 + 60 * number
        pieces += [piece(f"{number + 1}. {item}", 50, y, bold=True), piece(PROSE + ".", 50, y + 20, width=450)]
    return [(block.kind, block.text) for block in laid_out(pieces) if block.kind != "paragraph"]


def test_bold_minutes_are_headings_where_most_are_titles_and_items_where_most_are_sentences() -> None:
    titles = minutes("Welcome", "Figures of the year", "Budget was approved.")
    assert titles == [
        ("heading", "1. Welcome"),
        ("heading", "2. Figures of the year"),
        ("heading", "3. Budget was approved."),
    ]
    said = minutes("Welcome", "Budget was approved.", "The canteen keeps its prices for another year.")
    assert [kind for kind, _ in said] == ["list_item"] * 3


def mupdf(
    text: str, box: tuple[float, float, float, float], direction: tuple[float, float] = (1.0, 0.0)
) -> dict[str, object]:
    span = {"text": text, "bbox": box, "size": 10.0, "font": "Helvetica", "flags": 0}
    return {"lines": [{"dir": direction, "spans": [span]}]}


def test_text_set_sideways_is_turned_and_keeps_its_box() -> None:
    """Two lines that read upwards: the left one is the upper one."""
    blocks = [mupdf("below", (120, 400, 132, 500), (0.0, -1.0)), mupdf("above", (100, 400, 112, 500), (0.0, -1.0))]

    found = sorted(pieces_of(blocks, 600, 800), key=lambda p: p.y0)

    assert [p.text for p in found] == ["above", "below"]
    assert found[0].box == (100, 400, 112, 500)
    assert found[0].x1 - found[0].x0 == 100


def test_a_bullet_in_other_letters_does_not_part_an_items_lines() -> None:
    def span(text: str, x0: float, y0: float, font: str) -> dict[str, object]:
        return {"text": text, "bbox": (x0, y0, x0 + 6 * len(text), y0 + 12), "size": 10.0, "font": font, "flags": 0}

    first = [span("\uf0b7 ", 40, 100, "Symbol"), span("Sales rose by five percent and", 54, 100, "Arial-Bold")]
    second = [span("growth was seen everywhere", 54, 114, "Arial-Bold")]
    lines = [{"dir": (1.0, 0.0), "spans": spans} for spans in (first, second)]

    found = laid_out(pieces_of([{"lines": lines}], 600, 800), Profile(body_size=10.0))

    assert [(block.kind, block.text) for block in found] == [
        ("list_item", "- Sales rose by five percent and growth was seen everywhere")
    ]


def test_boxes_that_are_no_numbers_are_left_out() -> None:
    assert pieces_of([mupdf("lost", (float("nan"), 0, 10, 10)), mupdf("far", (0, 0, 1e9, 10))], 600, 800) == []


def test_ligatures_and_arabic_shapes_become_letters() -> None:
    found = pieces_of([mupdf("ﬁled ﻧﻮاع", (0, 0, 100, 10))], 600, 800)

    assert found[0].text == "filed نواع"
