"""Plain text to blocks."""

from __future__ import annotations

import pytest


def test_a_document_with_every_feature(read):
    reading = read(
        "text",
        """Travel Policy
=============

This document describes how employees of the company may travel and what
they have to observe before, during and after a business trip. All of the
rules apply to every kind of trip, however short it may be, that is well-
known to the company.

1 Scope

The policy applies to every employee, including temporary staff and people
on secondment.

1.1 Exceptions

None whatsoever.

APPROVALS

- Trips within the country need the manager's
  approval.
- Trips abroad need two.
  * the manager

Please bring:
1. your passport
2. your ticket

Head office
12 Main Street

Grade    Hotel     Meals
A        120       40

* * *

Chapter 2: Expenses

1. Keep receipts.

2. Send them in.
""",
    )
    assert reading.title == "Travel Policy"
    assert reading.shape == [
        ("h1", "Travel Policy"),
        (
            "paragraph",
            "This document describes how employees of the company may travel and what they have to observe before, "
            "during and after a business trip. All of the rules apply to every kind of trip, "
            "however short it may be, that is well-known to the company.",
        ),
        ("h1", "1 Scope"),
        ("paragraph", "The policy applies to every employee, including temporary staff and people on secondment."),
        ("h2", "1.1 Exceptions"),
        ("paragraph", "None whatsoever."),
        ("h1", "APPROVALS"),
        ("list_item", "- Trips within the country need the manager's approval."),
        ("list_item", "- Trips abroad need two."),
        ("list_item", "  * the manager"),
        ("paragraph", "Please bring:"),
        ("list_item", "1. your passport"),
        ("list_item", "2. your ticket"),
        ("paragraph", "Head office\n12 Main Street"),
        ("code", "Grade    Hotel     Meals\nA        120       40"),
        ("h1", "Chapter 2: Expenses"),
        ("list_item", "1. Keep receipts."),
        ("list_item", "2. Send them in."),
    ]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("0. Definitions.", 1),
        ("5. Conveying Modified Source Versions.", 1),
        ("2 Scope of the rules", 1),
        ("2.3.1 scope", 3),
        ("Appendix B", 1),
        ("                            Preamble", 1),
        ("                       TERMS AND CONDITIONS", 1),
    ],
)
def test_headings_without_underlines(read, line, level):
    prose = "The words below a heading are long enough to be the text of a section,\nand go on over several lines.\n"
    assert read("text", f"{line}\n\n{prose}").shape[0] == (f"h{level}", line.strip())


def test_programs_keep_their_lines_and_indents(read):
    program = "def tear_down(self):\n    del self.text\n    if self.root:\n        self.root.destroy()"
    assert read("text", f"Say:\n\n{program}\n").shape[1] == ("code", program)


def test_fields_keep_their_lines(read):
    fields = "From: Ada Lovelace of the analytical department\nDate: on the third of March of this year\nTo: everybody"
    assert read("text", fields).texts == [fields]


@pytest.mark.parametrize(
    "line",
    ["Is this it?", "NO WAY!", "A short line", "12.5", "USA", "1. Buy milk", "3 apples", "see 1.2 below", "UN 2026"],
)
def test_a_short_line_is_not_taken_for_a_heading(read, line):
    assert read("text", f"{line}\n\nSome words follow here.\n").blocks[0].kind != "heading"


def test_the_last_line_is_never_a_heading(read):
    assert read("text", "Some words.\n\nTHE END\n").shape[-1] == ("paragraph", "THE END")


def test_log_lines_are_not_joined(read):
    line = "2026-01-01 10:00:00 INFO the service has started and is listening"
    (text,) = read("text", f"{line}\n" * 5).texts
    assert text.count("\n") == 4


def test_endless_paragraphs_are_cut(read):
    texts = read("text", "line of a file without any blank line in it, never\n" * 5000).texts
    assert len(texts) == 25


def test_one_line_of_ten_megabytes_arrives_whole(read):
    assert sum(map(len, read("text", "y" * 10_000_000).texts)) == 10_000_000


def test_chinese_lines_are_joined_without_spaces(read):
    text = "我们的年假政策规定每位员工每年享有二十五天的带薪年假并且"
    text += "可以按照公司的规定申请\n"
    text += "将未使用的假期转入下一年度但是最多不得超过五天同时需要主"
    text += "管的书面批准才可以"
    assert read("text", text).texts == [text.replace("\n", "")]


def test_control_characters_are_dropped_and_joiners_kept(read):
    assert read("text", "a\x00b\x07 soft\u00adhyphen می\u200cروم").texts == ["ab softhyphen می\u200cروم"]


@pytest.mark.parametrize("data", [b"", b"\n\n\n", b"   \t ", b"\f\f", b"----\n"])
def test_nothing_to_read_yields_no_block(read, data):
    assert read("text", data).blocks == []


def test_line_ends_of_every_system(read):
    assert read("text", b"one\r\n\r\ntwo\r\rthree\n\nfour").texts == ["one", "two", "three", "four"]


NEWS = """Version 5.2.0 (14 October 2026)

Changed
- Connections use TLS 1.3. The older one can still be chosen until the second
  quarter of 2027.
- The PIN must be changed at first use.

Known problems of this version, which the next one
will no longer have
  - Maps are not drawn at night, when the server that
    draws them is switched off.
  - Names are cut.
"""


def test_lists_with_hanging_lines_under_a_line_that_leads_to_them(read):
    assert read("text", NEWS).shape == [
        ("h1", "Version 5.2.0 (14 October 2026)"),
        ("paragraph", "Changed"),
        (
            "list_item",
            "- Connections use TLS 1.3. The older one can still be chosen until the second quarter of 2027.",
        ),
        ("list_item", "- The PIN must be changed at first use."),
        ("paragraph", "Known problems of this version, which the next one will no longer have"),
        ("list_item", "- Maps are not drawn at night, when the server that draws them is switched off."),
        ("list_item", "- Names are cut."),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "The meeting of the committee that had been planned for the\n12. October is put off until spring.",
        "Das Treffen des Ausschusses war ursprünglich vorgesehen für den\n1. Dezember in Bergen, findet nun aber",
        "He had one wish, which was the same that everybody had there\n- to go home before the winter came.",
    ],
)
def test_a_wrapped_line_that_looks_like_an_item_begins_no_list(read, text):
    assert read("text", text).shape == [("paragraph", text.replace("\n", " "))]


def test_sums_over_several_lines_are_no_list(read):
    program = "total = (\n    income\n    - rent\n    - food\n)"
    assert read("text", program).shape == [("code", program)]


def test_the_titles_of_minutes_are_headings_and_their_decisions_are_not(read):
    minutes = (
        "1. Minutes of 20 August\n\nApproved without changes.\n\n"
        "2. Figures\n\nRevenue is 6.8 percent above the previous year. The forecast is 65 million euros, after 61.\n\n"
        "3. Laboratory in Porto\n\nFarid presents the plan. The laboratory in Kiel is booked for seven weeks.\n"
    )
    said = "1. Welcome\n\n2. Budget was approved.\n\n3. The canteen keeps its prices.\n\n4. Next meeting in May.\n"

    assert [kind for kind, _ in read("text", minutes).shape] == ["h1", "paragraph"] * 3
    assert [kind for kind, _ in read("text", said).shape] == ["list_item"] * 4
