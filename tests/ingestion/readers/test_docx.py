"""Word documents to blocks."""

from __future__ import annotations

import io
import struct
import zlib

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from core.errors import BrokenFile, ParserLimit


def add_xml(document, xml: str) -> None:
    """Puts a paragraph's XML at the document's end."""
    body = document.element.body
    body.insert(len(body) - 1, parse_xml(xml))


def png() -> io.BytesIO:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return io.BytesIO(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\0\0\0")) + chunk(b"IEND", b"")
    )


def test_structure(read, save):
    document = docx.Document()
    document.core_properties.title = "Stale title of the template"
    document.add_paragraph("Handbook & more", style="Title")
    document.add_heading("Leave", 1)
    document.add_paragraph("Every employee gets 25 days.")
    for words in ("one", "two"):
        document.add_paragraph(words, style="List Number")
    document.add_paragraph("In between")
    document.add_paragraph("three", style="List Number")
    document.add_paragraph("point", style="List Bullet")
    document.add_heading("Details", 2)
    document.add_paragraph("Quoted", style="Quote")
    document.add_picture(png())
    reading = read("docx", save(document))
    assert reading.title == "Handbook & more"
    assert reading.shape == [
        ("h1", "Handbook & more"),
        ("h1", "Leave"),
        ("paragraph", "Every employee gets 25 days."),
        ("list_item", "1. one"),
        ("list_item", "2. two"),
        ("paragraph", "In between"),
        ("list_item", "3. three"),
        ("list_item", "- point"),
        ("h2", "Details"),
        ("paragraph", "Quoted"),
    ]
    assert reading.notices == ["1 picture was left out."]


def test_tables_with_merged_cells(read, save):
    document = docx.Document()
    table = document.add_table(rows=3, cols=3)
    for row, words in zip(
        table.rows, (("Grade", "Hotel", "Meals"), ("A", "120", "40"), ("", "150", "50")), strict=True
    ):
        for cell, text in zip(row.cells, words, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    (block,) = read("docx", save(document)).tables
    assert block.header
    assert block.rows == (("Grade", "Hotel", "Meals"), ("A", "120", "40"), ("A", "150", "50"))


@pytest.mark.parametrize(
    ("properties", "heading", "title"),
    [("Props", "Head", "Props"), ("", "Head", "Head"), ("Word Document", "Head", "Head")],
)
def test_titles_without_a_title_paragraph(read, save, properties, heading, title):
    document = docx.Document()
    document.core_properties.title = properties
    document.add_heading(heading, 1)
    assert read("docx", save(document)).title == title


def test_tracked_changes_are_read_as_accepted(read, save):
    document = docx.Document()
    add_xml(
        document,
        f'<w:p {nsdecls("w")}><w:r><w:t xml:space="preserve">Leave is </w:t></w:r>'
        '<w:del w:id="1" w:author="a"><w:r><w:delText>20</w:delText></w:r></w:del>'
        '<w:ins w:id="2" w:author="a"><w:r><w:t>25</w:t></w:r></w:ins>'
        '<w:r><w:t xml:space="preserve"> days</w:t></w:r></w:p>',
    )
    assert read("docx", save(document)).texts == ["Leave is 25 days"]


def test_formulas_are_written_out(read, save):
    document = docx.Document()
    math = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    add_xml(
        document,
        f'<w:p {nsdecls("w")} xmlns:m="{math}"><w:r><w:t xml:space="preserve">so </w:t></w:r>'
        "<m:oMath><m:r><m:t>y=</m:t></m:r>"
        "<m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:sSup><m:e><m:r><m:t>c</m:t></m:r></m:e><m:sup><m:r>"
        "<m:t>2</m:t></m:r></m:sup></m:sSup></m:den></m:f></m:oMath></w:p>",
    )
    assert read("docx", save(document)).texts == ["so y=(a+b)/(c^2)"]


def test_text_boxes_are_read_once(read, save):
    document = docx.Document()
    box = "<w:txbxContent><w:p><w:r><w:t>In the box</w:t></w:r></w:p></w:txbxContent>"
    add_xml(
        document,
        f'<w:p {nsdecls("w")} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
        'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
        'xmlns:v="urn:schemas-microsoft-com:vml"><w:r><w:t>Outside</w:t></w:r><w:r><mc:AlternateContent>'
        f'<mc:Choice Requires="wps"><w:drawing><wps:txbx>{box}</wps:txbx>'
        f"</w:drawing></mc:Choice><mc:Fallback><w:pict><v:rect><v:textbox>{box}</v:textbox></v:rect></w:pict></mc:Fallback>"
        "</mc:AlternateContent></w:r></w:p>",
    )
    assert read("docx", save(document)).texts == ["Outside", "In the box"]


def test_footnotes_follow_under_a_heading_of_their_own(read, save, rezip):
    document = docx.Document()
    document.add_heading("Leave", 1)
    add_xml(
        document,
        f'<w:p {nsdecls("w")}><w:r><w:t>25 days</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r></w:p>',
    )
    notes = (
        f'<?xml version="1.0" encoding="UTF-8"?><w:footnotes {nsdecls("w")}>'
        '<w:footnote w:id="2"><w:p><w:r><w:t>Pro rata.</w:t></w:r></w:p></w:footnote></w:footnotes>'
    )
    reading = read("docx", rezip(save(document), {"word/footnotes.xml": notes}))
    assert reading.shape == [
        ("h1", "Leave"),
        ("paragraph", "25 days[1]"),
        ("h1", "Notes"),
        ("list_item", "[1] Pro rata."),
    ]


@pytest.mark.parametrize("part", ["word/document.xml", "word/styles.xml", "docProps/core.xml", "word/numbering.xml"])
def test_parts_with_a_dtd_are_refused(read, samples, rezip, tmp_path, part):
    (tmp_path / "secret").write_text("TOP-SECRET")
    attack = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><a>&x;</a>'
    with pytest.raises(BrokenFile):
        read("docx", rezip(samples["docx"], {part: attack}))
    with pytest.raises(BrokenFile):
        read("docx", rezip(samples["docx"], {part: attack.encode("utf-16")}))


def test_external_pictures_are_not_fetched(read, samples, rezip, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("TOP-SECRET")
    rels = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId99" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/image" TargetMode="External" '
        f'Target="file://{secret}"/></Relationships>'
    )
    picture = '<pic:pic><pic:blipFill><a:blip r:link="rId99"/></pic:blipFill></pic:pic>'
    document = (
        f"<w:document {nsdecls('w', 'r', 'a', 'pic', 'wp')}><w:body><w:p><w:r><w:t>Text</w:t></w:r><w:r><w:drawing>"
        f"<wp:inline><a:graphic><a:graphicData>{picture}</a:graphicData></a:graphic></wp:inline>"
        "</w:drawing></w:r></w:p></w:body></w:document>"
    )
    reading = read(
        "docx", rezip(samples["docx"], {"word/document.xml": document, "word/_rels/document.xml.rels": rels})
    )
    assert reading.texts == ["Text"]


def test_a_bomb_among_the_members_is_refused(read, samples, rezip):
    with pytest.raises(ParserLimit):
        read("docx", rezip(samples["docx"], {"word/media/image1.emf": b"\0" * 40_000_000}))


def test_deep_nesting_ends_in_one_error(read, samples, rezip):
    deep = "<w:tbl><w:tr><w:tc>" * 600 + "<w:p/>" + "</w:tc></w:tr></w:tbl>" * 600
    document = f"<w:document {nsdecls('w')}><w:body>{deep}</w:body></w:document>"
    with pytest.raises((ParserLimit, BrokenFile)):
        read("docx", rezip(samples["docx"], {"word/document.xml": document}))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.99])
def test_truncated_files_end_in_one_error(read, samples, keep):
    data = samples["docx"]
    with pytest.raises(BrokenFile):
        read("docx", data[: int(len(data) * keep)])


def test_a_missing_main_part_is_a_broken_file(read, rezip, samples):
    with pytest.raises(BrokenFile):
        read("docx", rezip(samples["docx"], {"word/document.xml": ""}))
