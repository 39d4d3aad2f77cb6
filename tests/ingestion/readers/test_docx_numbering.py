"""The numbers Word computes."""

from __future__ import annotations

import lxml.etree
import pytest

from ingestion.readers.docx_numbering import Numbering, numeral

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
LEGAL = (
    f'<w:numbering {W}><w:abstractNum w:abstractNumId="0">'
    '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="upperRoman"/><w:pStyle w:val="Head"/>'
    '<w:lvlText w:val="Article %1"/></w:lvl>'
    '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:isLgl/><w:lvlText w:val="%1.%2"/></w:lvl>'
    '<w:lvl w:ilvl="2"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="(%3)"/></w:lvl>'
    '</w:abstractNum><w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/>'
    '<w:lvlText w:val="*"/></w:lvl></w:abstractNum>'
    '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>'
    '<w:num w:numId="3"><w:abstractNumId w:val="0"/>'
    '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride></w:num>'
    "</w:numbering>"
)
STYLES = (
    f'<w:styles {W}><w:style w:styleId="Head"><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    '<w:style w:styleId="Child"><w:basedOn w:val="Head"/></w:style>'
    '<w:style w:styleId="Loop"><w:basedOn w:val="Loop"/></w:style></w:styles>'
)


def paragraph(num: int | None = None, level: int = 0, style: str | None = None):
    own = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{num}"/></w:numPr>' if num is not None else ""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return lxml.etree.fromstring(f"<w:p {W}><w:pPr>{named}{own}</w:pPr></w:p>")


@pytest.fixture
def numbering() -> Numbering:
    return Numbering(lxml.etree.fromstring(LEGAL), lxml.etree.fromstring(STYLES))


def test_levels_count_and_restart(numbering):
    levels = [0, 1, 1, 2, 2, 1, 2, 0, 1]
    assert [numbering.marker(paragraph(1, level)) for level in levels] == [
        "Article I", "1.1", "1.2", "(a)", "(b)", "1.3", "(a)", "Article II", "2.1",
    ]  # fmt: skip


def test_styles_number_their_paragraphs(numbering):
    assert numbering.marker(paragraph(style="Head")) == "Article I"
    assert numbering.marker(paragraph(1, 1)) == "1.1"
    assert numbering.marker(paragraph(style="Child")) == "Article II"
    assert numbering.marker(paragraph(style="Loop")) == ""


def test_a_new_list_begins_where_it_says(numbering):
    assert numbering.marker(paragraph(1)) == "Article I"
    assert [numbering.marker(paragraph(3)) for _ in range(2)] == ["Article V", "Article VI"]


def test_bullets_and_unnumbered_paragraphs(numbering):
    assert numbering.marker(paragraph(2)) == "-"
    assert numbering.marker(paragraph(0)) == ""
    assert numbering.marker(paragraph(99)) == ""
    assert numbering.marker(paragraph()) == ""


def test_a_deep_level_first_shows_the_levels_above(numbering):
    assert numbering.marker(paragraph(1, 1)) == "1.1"


def test_documents_without_lists():
    assert Numbering(None, None).marker(paragraph(1)) == ""


@pytest.mark.parametrize(
    ("number", "form", "shown"),
    [
        (4, "lowerRoman", "iv"),
        (1999, "upperRoman", "MCMXCIX"),
        (28, "lowerLetter", "bb"),
        (3, "decimalZero", "03"),
        (7, "hebrew1", "7"),
    ],
)
def test_numerals(number, form, shown):
    assert numeral(number, form) == shown
