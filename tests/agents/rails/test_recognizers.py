"""What Presidio's recognizers find without a model, and that nothing is asked outside."""

from __future__ import annotations

import socket

import pytest

from agents.rails.recognizers import Recognizers
from agents.rails.settings import PersonalSettings
from core.errors import ConfigurationError


@pytest.fixture(scope="module")
def recognizers() -> Recognizers:
    return Recognizers(PersonalSettings())


@pytest.mark.parametrize(
    ("text", "type", "value"),
    [
        ("Write to ana.maria@example.org today.", "EMAIL_ADDRESS", "ana.maria@example.org"),
        ("IBAN: DE89 3704 0044 0532 0130 00.", "IBAN_CODE", "DE89 3704 0044 0532 0130 00"),
        ("Card 4111 1111 1111 1111, valid", "CREDIT_CARD", "4111 1111 1111 1111"),
        ("Her telephone is +49 30 901820 at work.", "PHONE_NUMBER", "+49 30 901820"),
        ("social security number 460-89-9847", "US_SSN", "460-89-9847"),
        ("The host 192.168.17.4 is down.", "IP_ADDRESS", "192.168.17.4"),
        ("Codice fiscale RSSMRA85T10A562S, Roma", "IT_FISCAL_CODE", "RSSMRA85T10A562S"),
    ],
)
def test_what_has_a_form_is_found_where_it_stands(recognizers: Recognizers, text: str, type: str, value: str) -> None:
    whole = "The report was read in the morning by all of them. " * 5 + text
    assert [(span.type, whole[span.start : span.end]) for span in recognizers.find(whole)] == [(type, value)]


@pytest.mark.parametrize(
    "text",
    [
        "Employees receive 28 days of paid vacation per year, since 2019.",
        "Order 4111 1111 1111 1112 was shipped.",  # the check digit is wrong
        "Revenue rose by 12 % to 1,234 million euros in 2023 (page 17, table 4.2).",
        "Version 2.15.3 of 2024-05-17 fixes §§ 15-17.",
        "No digit and no sign of an address.",
    ],
)
def test_other_numbers_stay(recognizers: Recognizers, text: str) -> None:
    assert recognizers.find(text) == []


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("CREDIT_CARD", "4111\u00a01111\u00a01111\u00a01111"),
        ("CREDIT_CARD", "4111\u20111111\u20111111\u20111111"),
        ("CREDIT_CARD", "\uff14" + "\uff11" * 15),
        ("CREDIT_CARD", "4111 1111\n1111 1111"),
        ("IBAN_CODE", "DE89\n3704\n0044\n0532\n0130\n00"),
        ("IBAN_CODE", "DE89 3704\u00ad 0044 0532 0130 00"),
        ("EMAIL_ADDRESS", "erika\u200b.mustermann@exam\u200bple.com"),
        ("EMAIL_ADDRESS", "erika.mustermann\uff20example.com"),
        ("EMAIL_ADDRESS", "erika.mustermann@exam-\nple.com"),
        ("EMAIL_ADDRESS", "erika.mustermann%40example.com"),
        ("EMAIL_ADDRESS", "erika.mustermann&#64;example.com"),
    ],
)
def test_signs_that_documents_hold_for_others_hide_nothing(recognizers: Recognizers, type: str, value: str) -> None:
    whole = f"Größe\u00a0XL – so be it.\u200b Kept is {value} as well\u00a0– “and so on”."
    assert [(span.type, whole[span.start : span.end]) for span in recognizers.find(whole)] == [(type, value)]


def test_the_ending_of_a_file_hides_no_address(recognizers: Recognizers) -> None:
    name = "1. erika.mustermann@example.com.pdf"
    assert [name[span.start : span.end] for span in recognizers.find(name)] == ["erika.mustermann@example.com"]


def test_long_runs_of_digits_are_looked_at_in_pieces_and_nothing_is_lost(recognizers: Recognizers) -> None:
    mails = [f"m{number}@example.org" for number in range(400)]
    text = " ".join(mails)
    assert [text[span.start : span.end] for span in recognizers.find(text)] == mails


def test_what_is_like_a_telephone_number_counts_as_one_after_very_many(recognizers: Recognizers) -> None:
    numbers = [f"+49 30 {901_000 + number}" for number in range(210)]
    text = "; ".join([*numbers, "9999999999999"])
    assert [text[span.start : span.end] for span in recognizers.find(text)] == [*numbers, "9999999999999"]


def test_a_word_beside_a_number_says_what_it_is(recognizers: Recognizers) -> None:
    assert recognizers.find("Order A12345678 was shipped.") == []
    assert [span.type for span in recognizers.find("Her driver license is A12345678.")] == ["US_DRIVER_LICENSE"]


def test_only_the_types_asked_for() -> None:
    some = Recognizers(PersonalSettings(types=("URL",)))
    assert [span.type for span in some.find("See www.example.org or ask ana@example.org")] == ["URL", "URL"]
    with pytest.raises(ConfigurationError, match="No recognizer knows SHOE_SIZE"):
        Recognizers(PersonalSettings(types=("SHOE_SIZE",)))


def test_nothing_is_asked_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **rest: object) -> None:
        raise AssertionError("somebody looked up a name")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    found = Recognizers(PersonalSettings(types=("EMAIL_ADDRESS",))).find("ana@example.co.uk")
    assert [span.type for span in found] == ["EMAIL_ADDRESS"]
