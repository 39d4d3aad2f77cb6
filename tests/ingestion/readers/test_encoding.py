"""Bytes to text."""

from __future__ import annotations

import pytest

from ingestion.readers.encoding import decode, find_encoding

WESTERN = [
    "Café crème à la carte — übermäßig groß",
    "Größe",
    "El niño comió aquí ¿qué tal? ¡Sí!",
    "Não há informação disponível para o usuário",
    "§ 5 Abs. 2 Übergrößen “quoted” it’s • item",
]


@pytest.mark.parametrize("text", WESTERN)
def test_western_text_without_a_declaration(text):
    assert decode(text.encode("cp1252")) == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1250", "Každý zaměstnanec má nárok na dvacet pět dní dovolené za kalendářní rok."),
        ("cp1250", "Każdy pracownik ma prawo do dwudziestu pięciu dni urlopu rocznie."),
        ("cp1251", "Привет, это документ о политике отпусков компании."),
        ("cp1253", "Κάθε εργαζόμενος έχει δικαίωμα σε είκοσι πέντε ημέρες άδειας."),
        ("cp1256", "يحق لكل موظف خمسة وعشرون يوما من الإجازة السنوية"),
        ("gb18030", "每位员工每年享有二十五天的带薪年假。"),
        ("big5", "每位員工每年享有二十五天的帶薪年假。公司規定如下"),
        ("shift_jis", "日本語の文書です。年次休暇は二十五日です。"),
        ("euc-kr", "모든 직원은 연간 이십오일의 유급 휴가를 받을 수 있습니다."),
        ("utf-16", "Größe 大小"),
        ("utf-16-le", "Plain words without a mark"),
        ("utf-16-be", "Plain words without a mark"),
        ("utf-32", "Größe"),
        ("utf-8-sig", "Größe"),
    ],
)
def test_other_scripts(encoding, text):
    assert decode(text.encode(encoding)) == text


def test_a_declaration_the_bytes_contradict_is_not_believed():
    assert decode("Größe".encode(), declared="ascii") == "Größe"
    assert decode("Größe 大小".encode(), declared="euc-jp") == "Größe 大小"


@pytest.mark.parametrize("name", ["base64", "rot13", "undefined", "idna", "utf-7", "", "x" * 40, "\0"])
def test_codecs_that_are_no_charsets_are_not_used(name):
    assert decode("Größe".encode(), declared=name) == "Größe"


def test_a_character_cut_at_the_end_of_the_sample_is_no_error():
    assert find_encoding("Größe".encode()[:3], whole=False) == "utf-8"


def test_any_bytes_decode_to_something():
    assert isinstance(decode(bytes(range(256)) * 8), str)
