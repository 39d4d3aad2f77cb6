"""What a source is cut into: sentences, rows, and lists with the words that lead to them."""

from __future__ import annotations

from typing import Any

import pytest

from core.types import Source
from serving.pieces import LIST_CHARS, pieces


def source(text: str, **rest: Any) -> Source:
    return Source(id="1", chunk_id="c", document_id="d", version_id="v", title="Handbook", text=text, **rest)


def texts(text: str, **rest: Any) -> list[str]:
    return [piece.text for piece in pieces(source(text, **rest))]


def test_a_sentence_that_ends_in_a_colon_is_said_with_the_next_one() -> None:
    assert texts("Doors lock at six. The rule is as follows: Nobody stays alone.\n\nAsk the guard.") == [
        "Doors lock at six.",
        "The rule is as follows: Nobody stays alone.",
        "Ask the guard.",
    ]
    spans = ((0, 19), (20, 39), (40, 50))
    assert texts("The rule is simple: Nobody stays alone. Ask first.", sentences=spans) == [
        "The rule is simple: Nobody stays alone.",
        "Ask first.",
    ]


@pytest.mark.parametrize("text", ["Fees for guests:", "They are listed below：", "As follows:\n\nIn this order:"])
def test_a_sentence_that_leads_to_nothing_is_not_said(text: str) -> None:
    assert texts(text) == []


def test_a_list_is_said_as_a_whole_and_item_by_item_behind_its_lead() -> None:
    text = "Ask the guard.\n\nPlease bring:\n\n- your passport\n\n- the ticket. Keep it.\n\n- a coat\n\nCome early."
    found = list(pieces(source(text)))
    whole = "Please bring: your passport; the ticket. Keep it. a coat"

    assert [piece.text for piece in found] == [
        "Ask the guard.",
        whole,
        "Please bring: your passport",
        "Please bring: the ticket. Keep it.",
        "Please bring: a coat",
        "Come early.",
    ]
    assert [piece.whole for piece in found] == [None, None, whole, whole, whole, None]
    assert found[1].beside == "Ask the guard."


def test_numbers_of_steps_are_kept() -> None:
    assert texts("To start:\n\n1. Press the button.\n\n2. Wait")[0] == "To start: 1. Press the button. 2. Wait"


def test_a_line_right_above_a_list_leads_to_it() -> None:
    assert texts("Known problems\n\n- Maps are not drawn at night.") == ["Known problems: Maps are not drawn at night."]
    assert texts("Nothing is known.\n\n- Maps are drawn.") == ["Nothing is known.", "Maps are drawn."]


def test_a_list_that_a_passage_begins_with_is_led_to_by_its_heading() -> None:
    found = texts("- lightning\n\n- opened seals\n\nAsk us.", heading_path=("Terms", "3. What is not covered"))
    assert found == [
        "What is not covered: lightning; opened seals",
        "What is not covered: lightning",
        "What is not covered: opened seals",
        "Ask us.",
    ]
    assert texts("- lightning\n\n- opened seals") == ["lightning", "opened seals"]


def test_a_long_list_is_said_item_by_item_only() -> None:
    items = [f"thing number {number} of all that is needed" for number in range(40)]
    found = list(pieces(source("Bring:\n\n" + "\n\n".join(f"- {item}" for item in items))))

    assert [piece.text for piece in found] == [f"Bring: {item}" for item in items]
    assert all(piece.whole is None and len(piece.text) < LIST_CHARS for piece in found)


def test_clauses_of_a_contract_are_said_sentence_by_sentence() -> None:
    clauses = [f"{number}. Extent. " + f"The employee agrees to duty {number}. " * 12 for number in (4, 5)]
    found = texts("\n\n".join(clauses), heading_path=("Employment agreement",))
    assert max(map(len, found)) < 60


def test_the_end_of_a_wrapped_line_leads_to_nothing() -> None:
    assert texts("growth of the year\n\n- Sales rose.") == ["growth of the year", "Sales rose."]


def test_a_remark_in_brackets_says_nothing_alone() -> None:
    assert texts("(Unaudited) (in millions)\n\nSales rose (a little).") == ["Sales rose (a little)."]


def test_a_caption_that_leads_to_its_table_is_not_said() -> None:
    text = "You get paid leave for:\n\nEvent | Days\nWedding | 2"
    spans = ((0, 23), (38, 49))
    assert texts(text, kind="table", sentences=spans) == ["Event: Wedding — Days: 2"]


@pytest.mark.parametrize("text", ["Dr. No. 5 says no.", "A. Smith agreed: yes.", "It is 9:30 now."])
def test_other_sentences_are_said_as_they_are(text: str) -> None:
    assert texts(text, sentences=((0, len(text)),)) == [text]
