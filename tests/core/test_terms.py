"""Words and numbers of several languages, and text that looks different and says the same."""

from __future__ import annotations

import pytest

from core.terms import fold, numbers, squeezed, terms


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
