"""Words and numbers of several languages, and text that looks different and says the same."""

from __future__ import annotations

import pytest

from core.terms import begins_item, fold, numbers, squeezed, terms, unnumbered


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("policy", "Policies"),
        ("employee", "EMPLOYEES"),
        ("Urlaubstag", "urlaubstage"),
        ("résumé", "resume"),
        ("Ｆｏｏｔｎｏｔｅ", "footnote"),
        ("الإجازة", "إجازة"),
    ],
)
def test_forms_of_a_word_are_one_term(one: str, other: str) -> None:
    assert terms(one) == terms(other) != ()


def test_stop_words_of_the_languages_carry_nothing() -> None:
    assert terms("What is the") == terms("Was ist das") == terms("ما هو") == ()


def test_scripts_without_spaces_give_pairs() -> None:
    assert terms("年假天数") == ("年假", "假天", "天数")
    assert set(terms("年假")) <= set(terms("公司的年假有几天？"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,234.5 and 1.234,50", {"1234.5"}),
        ("10,000 people, 10.000 Menschen, 10 000", {"10000", "10", "0"}),
        ("٢٠٢٣ and 2023", {"2023"}),
        ("3.50 at 10:30", {"3.5", "10:30"}),
        ("007", {"7"}),
        ("no number", set()),
    ],
)
def test_numbers_have_one_notation(text: str, found: set[str]) -> None:
    assert numbers(text) == found


def test_squeezed_sees_neither_marks_nor_hyphenation() -> None:
    assert squeezed("infor-\nmation, “quoted”") == squeezed("Information quoted")


def test_fold_keeps_ascii_as_it_is_but_for_case() -> None:
    assert fold("A-b_C 1") == "a-b_c 1"
    assert fold("Straße") == "strasse"


@pytest.mark.parametrize("text", ["- the manager", "2. Send them in.", "(b) water", "• tea", "iv) rain", "  * deeper"])
def test_items_of_lists(text: str) -> None:
    assert begins_item(text)


@pytest.mark.parametrize("text", ["A. Smith agreed.", "2.5 litres", "-30 degrees", "Well - yes", "1998. ", ""])
def test_what_begins_no_item(text: str) -> None:
    assert not begins_item(text)


@pytest.mark.parametrize(
    ("heading", "words"),
    [("3.1 Train", "Train"), ("3. What is not covered", "What is not covered"), ("§ 2 Umfang", "Umfang")]
    + [(text, text) for text in ("2026", "1,200 euros", "30-day rule", "Version 5.2")],
)
def test_headings_without_their_number(heading: str, words: str) -> None:
    assert unnumbered(heading) == words
