"""Long rows of signs and endless words are shortened for spaCy, and what it says is put back in its place."""

from __future__ import annotations

import random

import pytest

from ingestion import sentences
from ingestion.taming import tame

MARKS = frozenset(".!?。")


def test_ordinary_text_is_left_alone() -> None:
    text = "See http://a.example/b?c=d#e (p. 5)... „Wirklich?!“ ________ ---------------- 30 °C."
    tamed, place = tame(text, MARKS)
    assert tamed == text
    assert [place(position) for position in range(len(text))] == list(range(len(text)))


def test_the_middle_of_a_row_of_signs_is_left_out() -> None:
    text = "Name: " + "_" * 500 + " Date: " + "=" * 17 + " End"
    tamed, place = tame(text, MARKS)
    assert tamed == "Name: " + "_" * 16 + " Date: " + "=" * 16 + " End"
    assert text[place(tamed.index("Date")) :].startswith("Date: ===")
    assert text[place(tamed.index("End")) :] == "End"


def test_a_mark_in_the_middle_is_kept() -> None:
    tamed, place = tame("So" + "(" * 50 + "!" + ")" * 50 + " Next", MARKS)
    assert tamed == "So" + "(" * 8 + "!" + ")" * 8 + " Next"
    assert place(tamed.index("Next")) == 104


def test_an_endless_word_is_divided() -> None:
    text = "a:b" * 1_000 + " end"
    tamed, place = tame(text, MARKS)
    assert max(map(len, tamed.split())) == 1_000
    assert tamed.replace(" ", "") == text.replace(" ", "")
    assert text[place(tamed.index("end")) :] == "end"


@pytest.mark.parametrize("seed", range(50))
def test_every_character_is_put_back_in_its_place(seed: int) -> None:
    draw = random.Random(seed)
    text = "".join(draw.choice(["word ", ". ", "_" * 40, "🙂" * 30, "x" * 2_500, "(!)" * 9, "\n"]) for _ in range(30))
    tamed, place = tame(text, MARKS)
    assert len(tamed) <= len(text) + 10 * 30
    for position, character in enumerate(tamed):
        assert character == text[place(position)] or character in " .!?。"
    places = [place(position) for position in range(len(tamed))]
    assert places == sorted(places)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("row", ["🙂", "_", "=", "(", "…", "!?", "a:b", "http://a.b/", "%", "「", "'s", ","])
def test_sentences_around_what_was_made_to_take_for_ever(language: str, row: str) -> None:
    """Twenty seconds each, and more, were 5,000 characters of most of these."""
    text = "One thing is here. Another is there " + row * (10_000 // len(row)) + " and ends. A last one follows."
    found = [text[first:last] for first, last in sentences.split([text], [language])[0]]
    assert found[0] == "One thing is here."
    assert found[-1] == "A last one follows."
    assert "".join("".join(found).split()) == "".join(text.split())
