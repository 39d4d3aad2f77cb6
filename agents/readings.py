"""The ways in which a text of a call's arguments may be meant: what its receiver, or a thief, reads back from it.

Percent signs, HTML's entities and backslashes are undone; numbers that stand for letters are spelled out; base64 and
hexadecimal are decoded, also in pieces; letters of other scripts that look like Latin ones are read as those; and the
text is read backwards and in rot13, and without a word that stands between all others.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from html import unescape
from urllib.parse import unquote_plus

_ROUNDS = 4
_GAP = r"[\s,;:._|/-]"
_CODED = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
_PIECES = re.compile(r"[^A-Za-z0-9+/_-]+")
_SIGNS = re.compile(r"[+/_-]")
_NOT_BASE32 = re.compile(r"[^A-Z2-7]+|[A-Z]?[a-z]+")
_NATURAL = re.compile(r"[A-Za-z]?[a-z]*|\d+")
_FEWEST_CODED = 16
_ESCAPE = re.compile(
    r"\\u\{([0-9A-Fa-f]{1,6})\}|\\U([0-9A-Fa-f]{8})|\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})|\\([0-7]{3})"
)
_DECIMALS = re.compile(rf"(?<!\d)\d{{2,3}}(?:{_GAP}+\d{{2,3}}){{3,}}(?!\d)")
_BYTES = r"(?:0x)?(?:[0-9A-Fa-f]{2})+"
_HEXADECIMALS = re.compile(rf"(?<![0-9A-Za-z]){_BYTES}(?:{_GAP}+{_BYTES})+(?!\w)")
_BITS = re.compile(rf"(?<!\d)[01]{{7,8}}(?:{_GAP}*[01]{{7,8}}){{3,}}")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[^\W\d_]{1,3}(?=\d)")
_OCTAL = 5
_OFTEN, _FEWEST_WORDS = 4, 8

_LATIN: dict[str, str] = {
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),  # Greek
    **dict(zip("αγικνορτυχϲϳ", "ayiknoptuxcj", strict=True)),
    **dict(zip("АВЕЅІЈКМНОРСТУХҮԌԚԜҺ", "ABESIJKMHOPCTYXYGQWH", strict=True)),  # Cyrillic
    **dict(zip("аеѕіјкморстухүԁԛԝһӏ", "aesijkmopctyxydqwhl", strict=True)),
}
_LOOK_ALIKE: dict[int, str | None] = {
    **{ord(each): latin for each, latin in _LATIN.items()},
    **{0xE0000 + each: chr(each) for each in range(0x20, 0x7F)},  # tags, which nobody sees
    **dict.fromkeys((0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0)),  # letters without a form
}


def plainly(text: str) -> list[str]:
    """The text, and what it says once all that a receiver undoes is undone; the last is the plainest."""
    found = [text]
    for _ in range(_ROUNDS):
        plain = _ESCAPE.sub(_escaped, unescape(unquote_plus(found[-1])))
        if plain == found[-1]:
            break
        found.append(plain)
    return found


def readings(text: str) -> list[str]:
    """Every way in which a text may be meant, itself included."""
    found = plainly(text)
    plain = found[-1]
    found += [plain[::-1], " ".join(word[::-1] for word in plain.split()), codecs.decode(plain, "rot13")]
    found += [plain.translate(_LOOK_ALIKE), _without_fillers(plain), _BETWEEN_DIGITS.sub("", plain)]
    for one in dict.fromkeys((text, plain)):
        found += [decoded for match in _CODED.finditer(one) for decoded in _decoded(match[0])]
    found += [_spelled(re.findall(r"\d+", match[0]), 10) for match in _DECIMALS.finditer(plain)]
    for match in _HEXADECIMALS.finditer(plain):
        found.append(_spelled(re.findall(r"[0-9A-Fa-f]{2}", re.sub(r"0x|\W|_", "", match[0])), 16))
    for match in _BITS.finditer(plain):
        found += [_spelled(re.findall(r"[01]{7,8}", match[0]), 2), _spelled(_eights(match[0]), 2)]
    return list(dict.fromkeys(found))


def in_pieces(text: str) -> Iterator[str]:
    """What base64 and base32 say whose pieces stand apart, wherever it may begin; mostly noise, without long copies."""
    plain = plainly(text)[-1]
    for one in dict.fromkeys((text, plain, _without_fillers(plain))):
        pieces = [piece for piece in _PIECES.split(one) if piece]
        if sum(len(piece) for piece in pieces if not _NATURAL.fullmatch(piece)) < _FEWEST_CODED:
            continue
        joined = "".join(pieces)
        for each in dict.fromkeys((joined, _SIGNS.sub("", joined))):
            yield from _from_any_place(each.replace("-", "+").replace("_", "/"), 4, base64.b64decode)
        yield from _from_any_place(_NOT_BASE32.sub("", one), 8, base64.b32decode)


def _from_any_place(coded: str, group: int, decode: Callable[[str], bytes]) -> Iterator[str]:
    for first in range(group):
        yield decode(coded[first : first + (len(coded) - first) // group * group]).decode("utf-8", "replace")


def _escaped(found: re.Match[str]) -> str:
    number = int(found[found.lastindex or 0], 8 if found.lastindex == _OCTAL else 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else found[0]


def _spelled(numbers: Iterable[str], base: int) -> str:
    return "".join(chr(int(each, base)) for each in numbers if 32 <= int(each, base) < 0x3000)


def _eights(bits: str) -> list[str]:
    bare = re.sub(r"[^01]", "", bits)
    return [bare[first : first + 8] for first in range(0, len(bare) - 7, 8)]


def _without_fillers(text: str) -> str:
    """The text without the words that come again and again."""
    words = text.split()
    if len(words) < _FEWEST_WORDS:
        return text
    often = {word for word, times in Counter(words).items() if times >= max(_OFTEN, len(words) // 5)}
    return " ".join(word for word in words if word not in often)


def _decoded(text: str) -> Iterable[str]:
    for decode in (bytes.fromhex, _base64):
        try:
            plain = decode(text).decode("utf-8")
        except (ValueError, binascii.Error):
            continue
        if plain.isprintable() or "\n" in plain:
            yield plain


def _base64(text: str) -> bytes:
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
