"""Placeholders: stable, never two meanings, and taken off again."""

from __future__ import annotations

import pytest

from agents.rails.vault import Naming, Span, Vault, drawn, numbered


def _mail(text: str, *values: str) -> list[Span]:
    return [Span(start=text.index(v), end=text.index(v) + len(v), type="EMAIL_ADDRESS") for v in values]


def test_a_value_keeps_its_placeholder_and_comes_back() -> None:
    vault = Vault()
    first = "a@x.org wrote to b@x.org"
    assert vault.mask(first, _mail(first, "a@x.org", "b@x.org")) == "[EMAIL_ADDRESS_1] wrote to [EMAIL_ADDRESS_2]"
    again = "only b@x.org"
    assert vault.mask(again, _mail(again, "b@x.org")) == "only [EMAIL_ADDRESS_2]"
    assert (
        vault.restore("[EMAIL_ADDRESS_1], [EMAIL_ADDRESS_2], [EMAIL_ADDRESS_3]")
        == "a@x.org, b@x.org, [EMAIL_ADDRESS_3]"
    )


def test_a_placeholder_that_a_text_brought_stands_for_nothing() -> None:
    vault = Vault()
    forged = "[EMAIL_ADDRESS_1] is not a@x.org"
    assert vault.mask(forged, _mail(forged, "a@x.org")) == "[EMAIL_ADDRESS_1] is not [EMAIL_ADDRESS_2]"
    assert vault.restore("[EMAIL_ADDRESS_1]") == "[EMAIL_ADDRESS_1]"


def test_drawn_names_differ_by_value_and_agree_between_vaults_of_a_process() -> None:
    text = "a@x.org and b@x.org"
    one, other = Vault(naming=drawn), Vault(naming=drawn)
    masked = one.mask(text, _mail(text, "a@x.org", "b@x.org"))
    assert masked == other.mask(text, _mail(text, "a@x.org", "b@x.org"))
    assert len(set(one.values)) == 2
    assert one.restore(masked) == text


@pytest.mark.parametrize("naming", [numbered, drawn])
def test_a_placeholder_in_others_texts_never_stands_for_anything(naming: Naming) -> None:
    vault = Vault(naming=naming)
    name = vault.mask("a@x.org", _mail("a@x.org", "a@x.org"))
    assert (
        vault.apart(f"It is {name}, {name}. See [TABLE_1].") == f"It is ({name[1:-1]}), ({name[1:-1]}). See [TABLE_1]."
    )
    later = Vault(naming=naming)
    assert later.apart(f"It is {name}.") == f"It is {name}."
    other = later.mask("a@x.org", _mail("a@x.org", "a@x.org"))
    assert later.restore(f"{name} {other}") == f"{name} a@x.org"
