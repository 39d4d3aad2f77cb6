"""Headers, footers and page numbers are told from text by what the pages have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from ingestion.readers.layout.pieces import Piece
from ingestion.readers.layout.running import running_keys, without_running

WORDS = ("zero", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
TOP, BOTTOM = 30.0, 790.0


def piece(text: str, x: float, y: float, size: float = 10) -> Piece:
    right = x + len(text) * size * 0.5
    return Piece(text, x, y, right, y + size * 1.2, size, False, False, 0, (x, y, right, y + size * 1.2))


def body(page: int) -> list[Piece]:
    return [piece(f"The {WORDS[page]} page has a line that is its {WORDS[n]}", 60, 100 + 14 * n) for n in range(8)]


def document(pages: int, line: Callable[[int], list[Piece]]) -> Mapping[int, list[Piece]]:
    return {page: [*body(page), *line(page)] for page in range(1, pages + 1)}


def left(pages: Mapping[int, list[Piece]]) -> list[str]:
    """What of the documents' pages is no prose after its running lines are gone."""
    keys = running_keys(pages, len(pages))
    kept = [piece for page, pieces in pages.items() for piece in without_running(pieces, page, len(pages), keys)]
    assert sum(piece.text.startswith("The ") for piece in kept) == 8 * len(pages)
    return [piece.text for piece in kept if not piece.text.startswith("The ")]


FOOTERS: list[Callable[[int], str]] = [
    lambda page: f"Handbook 2026 — Page {page}",
    lambda page: f"Travel and Expenses Policy 3.3 Page {page}",
    lambda page: f"Page {page} of 12",
    lambda page: f"Seite {page + 4} von 20 · Stand 03.02.2026",
    lambda page: f"NL-PS-A400 Page {page}",
    lambda page: f"{page + 2} | Annual Report 2026",
    lambda page: f"Quarterly report No. 3, 2026 – {page}",
    lambda page: f"Printed on 4/{page * 7}/2026 at 10:{page * 11} - page {page}",
]


@pytest.mark.parametrize("pages", [2, 3, 4, 9])
@pytest.mark.parametrize("footer", FOOTERS)
def test_a_line_that_counts_the_pages_is_dropped(footer: Callable[[int], str], pages: int) -> None:
    assert left(document(pages, lambda page: [piece(footer(page), 60, BOTTOM, 8)])) == []


@pytest.mark.parametrize("pages", [2, 5])
def test_a_header_whose_page_number_stands_apart_is_dropped_whole(pages: int) -> None:
    assert left(document(pages, lambda n: [piece("Works Agreement 7", 60, TOP), piece(f"Page {n}", 480, TOP)])) == []


@pytest.mark.parametrize("pages", [2, 5])
def test_a_line_that_holds_part_and_whole_needs_the_right_whole(pages: int) -> None:
    assert left(document(pages, lambda n: [piece(f"Policy 12 — {n} / {pages}", 60, BOTTOM)])) == []
    assert left(document(2, lambda n: [piece(f"Mix {n} / 20", 60, BOTTOM)])) == ["Mix 1 / 20", "Mix 2 / 20"]


def test_chapters_that_change_beside_the_page_number_are_dropped() -> None:
    chapters = ("Scope", "Scope", "Terms", "Duties of the landlord", "Notice")
    assert left(document(5, lambda n: [piece(f"{chapters[n - 1]}, page {n}", 60, TOP)])) == []


@pytest.mark.parametrize(
    "line",
    [
        lambda n: piece("Confidential draft for the board", 60, TOP),  # the same words twice prove nothing
        lambda n: piece(f"Table {n}", 60, TOP),
        lambda n: piece(f"Chapter {n} — Rooms", 60, TOP),
        lambda n: piece(f"Room 4 — Page {n}", 60, TOP + 30 * n),  # not in the same place
        lambda n: piece(f"Room 4 — Page {5 - 2 * n}", 60, TOP),  # does not count
        lambda n: piece(f"{WORDS[n]} room — Page {n}", 60, TOP),  # not the same words
    ],
)
def test_one_repetition_in_two_pages_is_kept_in_doubt(line: Callable[[int], Piece]) -> None:
    assert left(document(2, lambda n: [line(n)])) == [line(1).text, line(2).text]


def test_a_number_that_does_not_count_stays_with_its_line() -> None:
    found = left(document(6, lambda n: [piece(f"Invoice {4000 + 17 * n}", 60, TOP)]))
    assert found == [f"Invoice {4000 + 17 * n}" for n in range(1, 7)]


def test_the_header_of_a_table_on_every_page_stays() -> None:
    def price_list(page: int) -> list[Piece]:
        head = [piece("Article", 60, 84), piece("Price", 300, 84)]
        return [*head, piece(f"Lamp {WORDS[page]}", 60, 98), piece(f"{page * 13},50", 300, 98)]

    pages = {page: [*price_list(page), *body(page)[2:]] for page in range(1, 7)}
    for line in (n for page in pages.values() for n in page[4:]):
        line.y0, line.y1 = line.y0 + 60, line.y1 + 60
    keys = running_keys(pages, 6)

    assert [p.text for p in without_running(pages[3], 3, 6, keys)][:2] == ["Article", "Price"]


def test_a_running_header_in_two_parts_above_the_text_is_dropped() -> None:
    assert left(document(6, lambda n: [piece("Port Authority", 60, 84), piece("Yearbook", 300, 84)])) == []


def test_on_a_single_page_only_a_page_number_that_says_so_is_dropped() -> None:
    for text, kept in (("Page 1 of 1", []), ("Seite 1", []), ("1", ["1"]), ("Notice 14", ["Notice 14"])):
        assert left(document(1, lambda _, text=text: [piece(text, 300, BOTTOM)])) == kept  # type: ignore[misc]
