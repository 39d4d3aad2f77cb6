"""Sentences: every script's marks, no absurd fragments, nothing lost."""

from __future__ import annotations

import itertools
import random

import pytest

from ingestion import sentences

CASES = {
    "english": (
        "en",
        [
            "See Item 5.",
            "Revenue grew 3.5% in the U.S. and by 2% elsewhere, e.g. in Peru.",
            "Clause No. 5 applies.",
            "Mr. J. R. Smith left.",
            '"Stop!" he said.',
            "(See p. 12.)",
            "It took approx. 5 km.",
            "Done?",
            "Yes!",
        ],
    ),
    "english lists": (
        "en",
        ["1. Read the label.", "2. Wear gloves.", "(a) Keep it dry.", "Note 3. Inventories are small.", "• One bullet.",
         "• Another bullet"],
    ),
    "german": (
        "de",
        [
            "Am 3. Oktober 2021 kamen z. B. Nr. 5 und ca. 20 Leute.",
            "Das war gut!",
            "Der Preis beträgt 3,50 EUR.",
            "Er sagte: „Nein.“",
            "Im 2. Quartal ging er.",
            "Die 150. Sitzung war am 12. Mai 2021.",
            "Sie gilt bis 2028.",
            "Danach nicht mehr.",
        ],
    ),
    "french": ("fr", ["Voir la p. 5 du manuel.", "Est-ce vrai ?", "Oui, c'est vrai."]),
    "arabic": ("ar", ["هل هذا صحيح؟", "نعم، هذا صحيح.", "شكرا جزيلا!"]),
    "unknown to spaCy": ("zz", ["One sentence.", "Another sentence."]),
    "korean": ("ko", ["안녕하세요.", "반갑습니다."]),
}  # fmt: skip
WITHOUT_SPACES = {
    "chinese": ("zh", ["他说：“你好！”", "然后走了。", "增长3.5%。", "见example.com。", "真的吗？", "是的。"]),
    "japanese": ("ja", ["これはペンです。", "それは本です。", "本当？", "はい！"]),
}


def cut(text: str, language: str) -> list[str]:
    (spans,) = sentences.split([text], [language])
    return [text[first:last] for first, last in spans]


@pytest.mark.parametrize("case", CASES)
def test_sentences_between_spaces(case: str) -> None:
    language, expected = CASES[case]
    assert cut(" ".join(expected), language) == expected


@pytest.mark.parametrize("case", WITHOUT_SPACES)
def test_sentences_without_spaces(case: str) -> None:
    language, expected = WITHOUT_SPACES[case]
    assert cut("".join(expected), language) == expected


def test_items_on_lines_of_their_own_are_sentences_even_without_a_mark() -> None:
    text = "New\n- Sensors are found. Up to ten.\n- Portuguese in the app\n  1. one\n  2) two\n3.5 bar - no item"
    assert cut(text, "en") == [
        "New", "- Sensors are found.", "Up to ten.", "- Portuguese in the app", "1. one", "2) two\n3.5 bar - no item",
    ]  # fmt: skip


def test_fragments_join_their_neighbour() -> None:
    assert cut("The first one. 4.", "en") == ["The first one. 4."]
    assert cut("No. Never again.", "en") == ["No. Never again."]  # two letters are no sentence to cite


def test_empty_and_bare_texts() -> None:
    assert sentences.split(["", "  \n ", "...", "Word"], ["en"] * 4) == [[], [], [(0, 3)], [(0, 4)]]


def test_long_text_is_cut_in_windows_at_sentence_ends() -> None:
    sentence = "This sentence stands here again and again, number 1234567."
    count = 2 * sentences.WINDOW // len(sentence) + 10
    assert cut(" ".join([sentence] * count), "en") == [sentence] * count


def test_every_letter_lies_in_exactly_one_sentence() -> None:
    signs = [*"abcXYZ0123  \n..!?,;:()\"'“”„•-—。！？中文؟ع", " No. ", " e.g. ", "3. ", "...", "\t"]
    draw = random.Random(5)
    texts = ["".join(draw.choices(signs, k=draw.randrange(1, 200))) for _ in range(400)]
    languages = [draw.choice(["en", "de", "zh", "ar", "xx"]) for _ in texts]
    for text, spans in zip(texts, sentences.split(texts, languages), strict=True):
        inside = "".join(text[first:last] for first, last in spans)
        assert "".join(inside.split()) == "".join(text.split())
        assert all(first < last for first, last in spans)
        assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans))


def test_a_wall_of_marks_is_no_trap() -> None:
    """Each of these would take minutes if any step looked at all of the text for each of its marks."""
    assert cut("!" * 200_000, "en") == ["!" * 200_000]
    assert len(cut("a. " * 60_000, "en")) == 1
    assert cut("." + " " * 200_000 + "x", "en")
