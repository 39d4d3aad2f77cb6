"""Paragraphs and sections that go on over a page break."""

from __future__ import annotations

import pytest

from core.types import Block, Box
from ingestion.continued import join_across_pages


def block(text: str, page: int, kind: str = "paragraph") -> Block:
    box = Box(page=page, x0=50, y0=50, x1=500, y1=80)
    return Block(kind=kind, text=text, page=page, boxes=(box,), level=1 if kind == "heading" else 0)  # type: ignore[arg-type]


def texts(*blocks: Block) -> list[str]:
    return [each.text for each in join_across_pages(blocks)]


def test_a_paragraph_cut_by_the_page_goes_on() -> None:
    joined = join_across_pages([block("The wall was re-", 1), block("built in spring.", 2)])

    assert [each.text for each in joined] == ["The wall was rebuilt in spring."]
    assert [box.page for box in joined[0].boxes] == [1, 2]


@pytest.mark.parametrize("text", ["It was rebuilt.", "Another wall was"])
def test_whole_paragraphs_stay_apart(text: str) -> None:
    assert texts(block(text, 1), block("Then came the winter.", 2)) == [text, "Then came the winter."]


@pytest.mark.parametrize("mark", ["(Continued)", "—(CONTINUED)", "[cont’d]", "(cont.)", "(Fortsetzung)", "(Forts.)"])
def test_a_heading_that_the_next_page_repeats_ends_no_section(mark: str) -> None:
    first = [block("Notes", 1, "heading"), block("2. Debt", 1, "heading"), block("We owe little.", 1)]

    assert texts(*first, block(f"NOTES {mark}", 2, "heading"), block("And less each year.", 2)) == [
        "Notes",
        "2. Debt",
        "We owe little.",
        "And less each year.",
    ]


def test_a_continued_heading_is_kept_where_it_says_something() -> None:
    """Nothing went before it, it stands in the middle of a page, or its words only contain the mark."""
    continued = block("Notes (continued)", 2, "heading")
    assert texts(block("Text.", 1), continued) == ["Text.", "Notes (continued)"]
    assert texts(block("Notes", 2, "heading"), block("Text.", 2), continued)[-1] == "Notes (continued)"
    again = block("Notes", 2, "heading")
    assert texts(block("Notes", 1, "heading"), block("Text.", 1), again)[-1] == "Notes"
