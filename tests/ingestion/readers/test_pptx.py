"""Presentations to blocks."""

from __future__ import annotations

import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from core.errors import BrokenFile
from ingestion.readers import Progress


@pytest.fixture
def deck():
    slides = pptx.Presentation()
    first = slides.slides.add_slide(slides.slide_layouts[0])
    first.shapes.title.text = "Quarterly review"
    first.placeholders[1].text = "Spring 2026"
    second = slides.slides.add_slide(slides.slide_layouts[1])
    second.shapes.title.text = "Results"
    frame = second.placeholders[1].text_frame
    frame.text = "Revenue is up"
    paragraph = frame.add_paragraph()
    paragraph.text, paragraph.level = "by 12 %", 1
    second.notes_slide.notes_text_frame.text = "Mention the plant.\nSay thanks."
    return slides


def test_slides_are_pages(read, save, deck):
    reading = read("pptx", save(deck))
    assert [(b.page, kind, text) for b, (kind, text) in zip(reading.blocks, reading.shape, strict=True)] == [
        (1, "h1", "Quarterly review"),
        (1, "paragraph", "Spring 2026"),
        (2, "h1", "Results"),
        (2, "list_item", "- Revenue is up"),
        (2, "list_item", "  - by 12 %"),
        (2, "paragraph", "Notes: Mention the plant.\nSay thanks."),
    ]
    assert reading.title == "Quarterly review"
    assert reading.pages == 2
    assert [item.page for item in reading.items if isinstance(item, Progress)] == [1, 2]


def test_tables_charts_and_groups(read, save):
    slides = pptx.Presentation()
    slides.core_properties.title = "Numbers of 2026"
    shapes = slides.slides.add_slide(slides.slide_layouts[6]).shapes
    table = shapes.add_table(3, 3, 0, 0, Inches(3), Inches(1)).table
    for row, words in zip(table.rows, (("", "2024", "2025"), ("Sales", "10", "12"), ("", "5", "6")), strict=True):
        for cell, text in zip(row.cells, words, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    data = CategoryChartData()
    data.categories = ["Q1", "Q2"]
    data.add_series("Units", (1.5, 2))
    shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(3), Inches(3), data)
    group = shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 9, 9).text_frame.text = "In a group"
    group.shapes.add_group_shape().shapes.add_textbox(0, 0, 9, 9).text_frame.text = "Deeper"
    reading = read("pptx", save(slides))
    assert [table.rows for table in reading.tables] == [
        (("", "2024", "2025"), ("Sales", "10", "12"), ("Sales", "5", "6")),
        (("", "Units"), ("Q1", "1.5"), ("Q2", "2")),
    ]
    assert reading.texts[2:] == ["In a group", "Deeper"]
    assert reading.title == "Numbers of 2026"


def test_hidden_slides_are_read_and_named(read, save, deck):
    deck.slides[1]._element.set("show", "0")
    reading = read("pptx", save(deck))
    assert "- Revenue is up" in reading.texts
    assert reading.notices == ["Hidden slides were read as well: 2."]


def test_slides_beyond_the_limit_are_left_out_and_it_is_said(read, save, deck):
    reading = read("pptx", save(deck), max_pages=1)
    assert {block.page for block in reading.blocks} == {1}
    assert "first 1 of 2" in reading.notices[0]


def test_a_dtd_is_refused(read, samples, rezip):
    attack = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'
    with pytest.raises(BrokenFile):
        read("pptx", rezip(samples["pptx"], {"ppt/slides/slide1.xml": attack}))


@pytest.mark.parametrize(
    "part", ["ppt/presentation.xml", "[Content_Types].xml", "ppt/slides/slide1.xml", "_rels/.rels"]
)
def test_broken_parts_end_in_one_error(read, samples, rezip, part):
    with pytest.raises(BrokenFile):
        read("pptx", rezip(samples["pptx"], {part: "<broken"}))
