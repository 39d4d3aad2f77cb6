"""Workbooks to blocks."""

from __future__ import annotations

import datetime as dt
import re

import openpyxl
import pytest

from core.errors import BrokenFile


def workbook(*rows, title="Sheet"):
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    return book


def test_a_sheet_with_titles_merged_heads_and_several_tables(read, save):
    book = workbook(
        ["Budget of the company"],
        ["Department", "2025", None, "Growth"],
        [None, "Plan", "Actual"],
        ["Sales", 1200.0, 1234.5, 0.125],
        ["IT", 0.1 + 0.2, 3, -0.05],
        [],
        ["When", "Who"],
        [dt.date(2026, 3, 1), "Ada"],
        [dt.datetime(2026, 3, 1, 9, 30), "Bob"],
        [],
        ["A note alone."],
        title="Budget",
    )
    sheet = book.active
    sheet.merge_cells("A1:D1")
    sheet.merge_cells("B2:C2")
    for row in (4, 5):
        for column in (2, 3):
            sheet.cell(row, column).number_format = '"$"#,##0.00'
        sheet.cell(row, 4).number_format = "0.0%"
    reading = read("xlsx", save(book))
    assert reading.shape == [
        ("h1", "Budget"),
        ("paragraph", "Budget of the company"),
        (
            "table",
            "Department | 2025 Plan | 2025 Actual | Growth\nSales | $1,200.00 | $1,234.50 | 12.5%\n"
            "IT | $0.30 | $3.00 | -5.0%",
        ),
        ("table", "When | Who\n2026-03-01 | Ada\n2026-03-01 09:30 | Bob"),
        ("paragraph", "A note alone."),
    ]
    assert all(table.header for table in reading.tables)
    assert {block.page for block in reading.blocks} == {1}


def test_cells_merged_downwards_hold_for_each_row(read, save):
    book = workbook([None, None, None], [None, "Region", "Town"], [None, "North", "Kiel"], [None, None, "Lübeck"])
    book.active.merge_cells("B3:B4")
    (table,) = read("xlsx", save(book)).tables
    assert table.rows == (("Region", "Town"), ("North", "Kiel"), ("North", "Lübeck"))


def test_long_sheets_come_in_parts_that_repeat_the_header(read, save):
    tables = read("xlsx", save(workbook(["Id", "Value"], *([i, i * 1.5] for i in range(2500))))).tables
    assert len(tables) == 3
    assert {table.rows[0] for table in tables} == {("Id", "Value")}
    assert [row for table in tables for row in table.rows[1:]] == [(str(i), f"{i * 1.5:g}") for i in range(2500)]


def test_sheets_are_pages_and_hidden_ones_are_named(read, save):
    book = workbook(["a", "b"], ["c", "d"], title="First")
    book.create_sheet("Empty")
    for name, state in (("Hidden", "hidden"), ("Secret", "veryHidden")):
        sheet = book.create_sheet(name)
        sheet.append([name, "x"])
        sheet.append(["1", "y"])
        sheet.sheet_state = state
    book.properties.title = "The book"
    reading = read("xlsx", save(book))
    assert [(block.page, block.text) for block in reading.blocks if block.kind == "heading"] == [
        (1, "First"),
        (3, "Hidden"),
    ]
    assert [re.sub(r"[^“]*“(\w+)”.*", r"\1", notice) for notice in reading.notices] == ["Hidden", "Secret"]
    assert reading.title == "The book"
    assert reading.pages == 4


def test_stored_results_of_formulas_are_read_and_missing_ones_told(read, save, rezip):
    data = save(workbook(["a", "b"], [1, "=A2*2"]))
    reading = read("xlsx", data)
    assert "without a stored result" in reading.notices[0]
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
        '<c r="A1"><v>1</v></c><c r="B1"><f>A1*2</f><v>2</v></c></row></sheetData></worksheet>'
    )
    reading = read("xlsx", rezip(data, {"xl/worksheets/sheet1.xml": sheet}))
    assert reading.texts == ["Sheet", "1 | 2"]
    assert reading.notices == []


def test_cells_at_the_far_ends_cost_no_memory(read, save):
    book = workbook(["a", "b"], ["c", "d"])
    book.active["XFD9"] = "far"
    book.active["A1048576"] = "deep"
    reading = read("xlsx", save(book))
    assert reading.texts == ["Sheet", "a | b\nc | d", "deep"]
    assert reading.notices == ["Columns beyond the first 1000 were left out."]


def test_a_dtd_is_refused(read, samples, rezip):
    attack = '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'
    with pytest.raises(BrokenFile):
        read("xlsx", rezip(samples["xlsx"], {"xl/sharedStrings.xml": attack}))


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml", "xl/styles.xml"]
)
def test_broken_parts_end_in_one_error(read, samples, rezip, part):
    with pytest.raises(BrokenFile):
        read("xlsx", rezip(samples["xlsx"], {part: "<broken"}))
