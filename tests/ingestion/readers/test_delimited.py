"""CSV to table blocks."""

from __future__ import annotations

import pytest


def rows(reading):
    return [row for table in reading.tables for row in (table.rows[1:] if table.header else table.rows)]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_delimiters_are_found(read, mark):
    (table,) = read("csv", f"Name{mark}Amount{mark}Town\nAda{mark}1{mark}Kiel\nBob{mark}2{mark}Bonn\n").tables
    assert table.header
    assert table.rows == (("Name", "Amount", "Town"), ("Ada", "1", "Kiel"), ("Bob", "2", "Bonn"))


def test_decimal_commas_do_not_outvote_semicolons(read):
    assert read("csv", "Name;Price\nA;1,50\nB;2,75\nC;3,10\n").tables[0].rows[1] == ("A", "1,50")


def test_excels_own_declaration(read):
    assert read("csv", 'sep=;\nName;Amount\n"A;B";1,5\n').tables[0].rows == (("Name", "Amount"), ("A;B", "1,5"))


def test_ragged_rows_are_padded_and_a_line_above_is_a_title(read):
    reading = read("csv", 'Report of 3 March\nName,Amount,When\nAda,"1,234.50",2026-01-02\nBob,7\nEve,1,2,3\n')
    assert reading.texts[0] == "Report of 3 March"
    (table,) = reading.tables
    assert table.header
    assert table.rows[0] == ("Name", "Amount", "When", "")
    assert table.rows[2] == ("Bob", "7", "", "")


def test_figures_only_have_no_header(read):
    (table,) = read("csv", "1,2,3\n4,5,6\n7,8,9\n").tables
    assert not table.header


def test_long_files_come_in_parts_that_repeat_the_header(read):
    reading = read("csv", "id,name\n" + "".join(f"{i},n{i}\n" for i in range(5000)))
    assert len(reading.tables) > 4
    assert {table.rows[0] for table in reading.tables} == {("id", "name")}
    assert rows(reading) == [(str(i), f"n{i}") for i in range(5000)]


def test_line_breaks_inside_quotes(read):
    assert read("csv", 'a,b\n1,"two\nlines"\n2,x\n').tables[0].rows[1] == ("1", "two lines")


def test_a_quote_never_closed_costs_one_line_only(read):
    reading = read("csv", 'a,b\n1,"open\n' + "".join(f"{i},x{i}\n" for i in range(2, 4000)))
    assert rows(reading)[:2] == [("1", '"open'), ("2", "x2")]
    assert len(rows(reading)) == 3999
    assert "line 2" in reading.notices[0]


def test_a_line_of_ten_megabytes(read):
    reading = read("csv", "x," * 5_000_000)
    assert len(reading.blocks) == 1
    assert reading.notices
    assert sum(map(len, read("csv", "y" * 10_000_000).texts)) == 10_000_000


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252", "utf-16-le"])
def test_encodings(read, encoding):
    assert read("csv", "Größe;Wert\nGroß;1\nKlein;2\n".encode(encoding)).tables[0].rows[1] == ("Groß", "1")


def test_one_column_is_a_list_of_lines(read):
    assert read("csv", "alpha\nbeta\n").texts == ["alpha\nbeta"]


@pytest.mark.parametrize("data", [b"", b"\n\n", b",,,\n,,,\n", b"\0\0\0"])
def test_nothing_to_read_yields_no_block(read, data):
    assert read("csv", data).blocks == []
