"""Cells to table blocks."""

from __future__ import annotations

import pytest

from ingestion.readers.tables import ROWS_A_BLOCK, guess_header, is_value, merged_header, table_blocks


@pytest.mark.parametrize(
    "cell", ["12", "1,234.50", "$1,200", "(5.2)", "-5.0%", "12 %", "€ 99", "2026-03-01", "1.2.2026", "3M"]
)
def test_amounts_and_dates_are_values(cell):
    assert is_value(cell)


@pytest.mark.parametrize("cell", ["", "Name", "2026", "FY2025", "2024/25", "Q1", "A4", "n/a", "1st", "Room 12"])
def test_words_and_years_are_not(cell):
    assert not is_value(cell)


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        ([["Name", "Town"], ["Ada", "Kiel"]], True),
        ([["", "2024", "2025"], ["Sales", "1", "2"]], True),
        ([["1", "2"], ["3", "4"]], False),
        ([["Name", "Town"]], False),
        ([["Name:", "Ada"], ["Town:", "Kiel"]], False),
        ([["Total", "", "", ""], ["a", "b", "c", "d"]], False),
        ([["x" * 200, "b"], ["c", "d"]], False),
    ],
)
def test_headers_are_guessed(rows, header):
    assert guess_header(rows) is header


def test_empty_rows_and_columns_are_dropped_and_short_rows_padded():
    (table,) = table_blocks([["a", "", "b", ""], [], ["", ""], ["1", "", ""]], page=3)
    assert table.rows == (("a", "b"), ("1", ""))
    assert table.text == "a | b\n1 | "
    assert table.page == 3


def test_what_is_no_table_becomes_paragraphs():
    assert [(b.kind, b.text) for b in table_blocks([["a", "", "b"]])] == [("paragraph", "a | b")]
    assert [(b.kind, b.text) for b in table_blocks([["1"], ["2"]])] == [("paragraph", "1"), ("paragraph", "2")]
    assert list(table_blocks([[], ["", ""]])) == []


def test_long_tables_come_in_parts_with_the_header():
    blocks = list(table_blocks([["id", "name"], *([str(i), f"n{i}"] for i in range(2 * ROWS_A_BLOCK + 1))]))
    assert [len(block.rows) for block in blocks] == [ROWS_A_BLOCK + 1, ROWS_A_BLOCK + 1, 2]
    assert all(block.rows[0] == ("id", "name") and block.header for block in blocks)


def test_header_rows_are_merged_by_column():
    assert merged_header([["Region", "2023", "2023"], ["Region", "Q1"]]) == ["Region", "2023 Q1", "2023"]
