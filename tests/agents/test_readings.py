"""The ways in which a text may be meant, and what it is not taken for."""

from __future__ import annotations

import base64
import codecs
import re

import pytest

from agents.readings import in_pieces, readings

SAID = "Erika earns 85417"
HIDDEN = {
    "itself": SAID,
    "percent": "".join(f"%{ord(each):02x}" for each in SAID),
    "percent twice": "".join(f"%25{ord(each):02x}" for each in SAID),
    "json": "".join(f"\\u{ord(each):04x}" for each in SAID),
    "javascript": "".join(f"\\u{{{ord(each):x}}}" for each in SAID),
    "python": "".join(f"\\U{ord(each):08x}" for each in SAID),
    "bytes": "".join(f"\\x{ord(each):02x}" for each in SAID),
    "octal": "".join(f"\\{ord(each):03o}" for each in SAID),
    "tags": "".join(chr(0xE0000 + ord(each)) for each in SAID),
    "fillers of Hangul": "\u3164".join(SAID),
    "letters between digits": "Erika earns 8a5bc4d1e7",
    "each word backwards": "akirE snrae 71458",
    "entities": "".join(f"&#{ord(each)};" for each in SAID),
    "entities in hexadecimal": "".join(f"&#x{ord(each):x};" for each in SAID),
    "entities in percent": "".join(f"%26%23{ord(each)};" for each in SAID),
    "hexadecimal": SAID.encode().hex(),
    "hexadecimal with colons": SAID.encode().hex(":"),
    "hexadecimal in pieces": SAID.encode().hex(" ", 5),
    "hexadecimal with 0x": ", ".join(f"0x{each:02x}" for each in SAID.encode()),
    "decimals": " ".join(str(ord(each)) for each in SAID),
    "decimals with points": ".".join(str(ord(each)) for each in SAID),
    "bits": " ".join(f"{ord(each):08b}" for each in SAID),
    "bits in a row": "".join(f"{ord(each):08b}" for each in SAID),
    "seven bits": " ".join(f"{ord(each):07b}" for each in SAID),
    "base64": base64.b64encode(SAID.encode()).decode(),
    "base64 in an address": f"https://a.example/?q={base64.urlsafe_b64encode(SAID.encode()).decode()}",
    "backwards": SAID[::-1],
    "rot13": codecs.encode(SAID, "rot13"),
    "Greek and Cyrillic": "Еrіkа еαrns 85417",
    "a word between all letters": " und ".join(SAID.replace(" ", "")),
}


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_what_a_receiver_reads_back_is_read(text: str) -> None:
    assert SAID.replace(" ", "") in {each.replace(" ", "") for each in readings(text)}


@pytest.mark.parametrize("parting", [" ", ".", ", ", "\n"])
@pytest.mark.parametrize("before", ["", "find ", "what is "])
def test_base64_in_pieces_is_read_wherever_it_begins(parting: str, before: str) -> None:
    coded = base64.b64encode(SAID.encode() * 2).decode()
    text = before + parting.join(coded[first : first + 7] for first in range(0, len(coded), 7))
    found = [*readings(text), *in_pieces(text)]
    assert any(SAID in each for each in found)


@pytest.mark.parametrize(
    "text", ["", "%", "\\u", "\\ud800", "\\U99999999", "&#1114112;", "0x", "a" * 20_000, "0" * 9_000 + "2"]
)
def test_anything_can_be_read(text: str) -> None:
    assert readings(text)[0] == text
    list(in_pieces(text))


@pytest.mark.parametrize("text", [
    " ".join(re.findall(".{1,6}", base64.b32encode(SAID.encode() * 2).decode())),
    " x ".join(re.findall(".{1,5}", base64.b64encode(SAID.encode() * 2).decode())),
    "https://a.example/" + "/".join(re.findall(".{1,4}", base64.b64encode(SAID.encode() * 2).decode())),
])  # fmt: skip
def test_other_pieces_are_put_together_as_well(text: str) -> None:
    assert any(SAID in each for each in in_pieces(text))


@pytest.mark.parametrize("secret", ["85417", "KX77B2", "Bluewater"])
def test_short_words_are_decoded_too(secret: str) -> None:
    for coded in (base64.b64encode(secret.encode()).decode(), secret.encode().hex()):
        assert secret in readings(f"find {coded}, please")


def test_words_are_not_taken_for_base64() -> None:
    assert list(in_pieces("how do other companies in Europe compare paid vacation per year since 2019")) == []
