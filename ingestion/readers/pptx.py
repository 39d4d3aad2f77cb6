"""PowerPoint presentations to blocks: a slide is a page, its title a heading. Hidden slides are read and named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from core.types import Block
from ingestion.archives import open_archive
from ingestion.readers.base import Item, Meta, Notice, Progress, ReadContext
from ingestion.readers.ooxml import check, core_title, xml
from ingestion.readers.seam import parsing
from ingestion.readers.tables import table_blocks
from ingestion.readers.words import one_line, tidy_lines

_A: Final = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_DIAGRAM: Final = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
_REL: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_SMALL_PRINT: Final = frozenset({"DATE", "FOOTER", "SLIDE_NUMBER", "HEADER"})
_MOST_SHAPES: Final = 20_000
_MOST_POINTS: Final = 2_000


@dataclass(kw_only=True, slots=True)
class _Seen:
    """What was met on the way and is told at the end."""

    hidden: list[int] = field(default_factory=list)
    pictures: int = 0
    untold: int = 0


def read(path: Path, context: ReadContext) -> Iterator[Item]:
    """Reads a .pptx. Its title: the properties', else that of the first slide that has one."""
    check(path, context)
    seen = _Seen()
    with parsing("presentation"):
        import pptx

        with open_archive(path, context.limits) as archive:
            title = core_title(archive)
        slides = list(pptx.Presentation(str(path)).slides)
        total = len(slides)
        if total > context.limits.max_pages:
            yield Notice(text=f"Only the first {context.limits.max_pages} of {total} slides were read.")
        for page, slide in enumerate(slides[: context.limits.max_pages], start=1):
            if page < context.first_page or page in context.skip_pages:
                continue
            yield Progress(page=page, total=total, done=page - 1)
            if slide._element.get("show") in ("0", "false"):
                seen.hidden.append(page)
            for block in _slide(slide, page, seen):
                if title is None and block.kind == "heading":
                    title = block.text
                yield block
        yield Meta(title=title, pages=total)
    yield from _told(seen)


def _told(seen: _Seen) -> Iterator[Notice]:
    if seen.hidden:
        pages = ", ".join(map(str, seen.hidden[:20])) + (", …" if len(seen.hidden) > 20 else "")
        yield Notice(text=f"Hidden slides were read as well: {pages}.")
    if seen.pictures:
        yield Notice(text=f"{seen.pictures} picture{'s were' if seen.pictures > 1 else ' was'} left out.")
    if seen.untold:
        yield Notice(text=f"{seen.untold} chart{'s' if seen.untold > 1 else ''} could not be read.")


def _slide(slide: Any, page: int, seen: _Seen) -> Iterator[Block]:
    title = slide.shapes.title
    words = one_line(title.text_frame.text) if title is not None and title.has_text_frame else ""
    if words:
        yield Block(kind="heading", text=words, level=1, page=page)
    for shape in _flat(slide.shapes):
        if title is None or shape.shape_id != title.shape_id:
            yield from _shape(shape, page, seen)
    if slide.has_notes_slide:
        frame = slide.notes_slide.notes_text_frame
        if frame is not None and (notes := tidy_lines(frame.text.replace("\v", "\n"))):
            yield Block(kind="paragraph", text=f"Notes: {notes}", page=page)


def _flat(shapes: Any) -> Iterator[Any]:
    """The shapes in reading order, which is the order they lie on one another; those in groups at the group's place."""
    stack = list(reversed(list(shapes)))
    for _ in range(_MOST_SHAPES):
        if not stack:
            return
        shape = stack.pop()
        if hasattr(shape, "shapes"):
            stack.extend(reversed(list(shape.shapes)))
        else:
            yield shape


def _shape(shape: Any, page: int, seen: _Seen) -> Iterator[Block]:
    placeholder = shape.placeholder_format.type if shape.is_placeholder else None
    if placeholder is not None and placeholder.name in _SMALL_PRINT:
        return
    if getattr(shape, "has_table", False):
        yield from _table(shape.table, page)
    elif getattr(shape, "has_chart", False):
        yield from _chart(shape, page, seen)
    elif shape.has_text_frame:
        body = placeholder is not None and placeholder.name in ("BODY", "OBJECT", "VERTICAL_BODY", "VERTICAL_OBJECT")
        yield from _text(shape.text_frame, page, bulleted=body)
    elif (diagram := _diagram(shape)) is not None:
        for words in diagram:
            yield Block(kind="list_item", text=f"- {words}", page=page)
    elif shape._element.tag.endswith("}pic"):
        seen.pictures += 1
        described = one_line(shape._element.nvPicPr.cNvPr.get("descr") or "")
        if len(described.split()) > 2 and "automatically generated" not in described:
            yield Block(kind="paragraph", text=f"[Picture: {described}]", page=page)


def _text(frame: Any, page: int, *, bulleted: bool) -> Iterator[Block]:
    """Paragraphs as list items where the layout or the paragraph itself sets bullets, indented by level."""
    numbers: dict[int, int] = {}
    for paragraph in frame.paragraphs:
        words = tidy_lines(paragraph.text.replace("\v", "\n"))
        if not words:
            continue
        level = paragraph.level or 0
        marker = _marker(paragraph, numbers, level, bulleted=bulleted)
        if marker or level:
            yield Block(kind="list_item", text="  " * level + marker + words, page=page)
        else:
            yield Block(kind="paragraph", text=words, page=page)


def _marker(paragraph: Any, numbers: dict[int, int], level: int, *, bulleted: bool) -> str:
    properties = paragraph._p.pPr
    for deeper in [known for known in numbers if known > level]:
        del numbers[deeper]
    if properties is not None and properties.find(f"{_A}buNone") is not None:
        return ""
    numbered = properties.find(f"{_A}buAutoNum") if properties is not None else None
    if numbered is not None:
        start = numbered.get("startAt") or "1"
        numbers[level] = numbers[level] + 1 if level in numbers else int(start)
        return f"{numbers[level]}. "
    numbers.pop(level, None)
    marked = properties is not None and properties.find(f"{_A}buChar") is not None
    return "- " if bulleted or marked else ""


def _table(table: Any, page: int) -> Iterator[Block]:
    rows = []
    above: list[str] = []
    for row in table.rows:
        cells = [one_line(cell.text) if not cell.is_spanned else "" for cell in row.cells]
        for column, cell in enumerate(row.cells):  # a cell that spans rows holds for each of them
            if cell.is_spanned and cell._tc.vMerge and not cell._tc.hMerge and above:
                cells[column] = above[column]
        rows.append(cells)
        above = cells
    yield from table_blocks(rows, header=True if table.first_row else None, page=page)


def _chart(shape: Any, page: int, seen: _Seen) -> Iterator[Block]:
    """A chart's data as a table: a row a category, a column a series."""
    try:
        chart = shape.chart
        if chart.has_title and chart.chart_title.has_text_frame:
            yield Block(kind="paragraph", text=one_line(chart.chart_title.text_frame.text) or "Chart", page=page)
        plot = chart.plots[0]
        names = [one_line(str(category)) for category in plot.categories][:_MOST_POINTS]
        series = [(one_line(one.name or ""), list(one.values)) for one in chart.series]
    except (AttributeError, KeyError, IndexError, NotImplementedError, TypeError, ValueError):
        seen.untold += 1  # one of the many kinds of chart that python-pptx does not know
        return
    rows = [["", *(name for name, _ in series)]]
    for number, name in enumerate(names):
        rows.append([name, *(_figure(values[number]) if number < len(values) else "" for _, values in series)])
    if len(rows) > 1:
        yield from table_blocks(rows, header=True, page=page)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"


def _diagram(shape: Any) -> list[str] | None:
    """The texts of a SmartArt diagram, whose words stand in a part of their own; None for other shapes."""
    ids = next(shape._element.iter(f"{{{_DIAGRAM}}}relIds"), None)
    if ids is None:
        return None
    data = shape.part.related_part(ids.get(f"{_REL}dm")).blob
    texts = ("".join(run.text or "" for run in paragraph.iter(f"{_A}t")) for paragraph in xml(data).iter(f"{_A}p"))
    return [words for words in map(one_line, texts) if words]
