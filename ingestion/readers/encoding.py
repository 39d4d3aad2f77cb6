"""Bytes to text: byte order marks, declared charsets, UTF-8, and a guess for the rest."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from typing import Final

HEAD: Final = 256 * 1024
"""How many bytes of a file are looked at to find its encoding."""

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_META: Final = re.compile(
    rb"""<meta[^<>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})|<\?xml[^<>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9_:.-]{2,40})""",
    re.IGNORECASE,
)
_WESTERN: Final = frozenset("äöüßÄÖÜéèêëÉÈÊËàâáãåæÀÂÁÃÅÆçÇíìîïÍÌÎÏñÑóòôõøœÓÒÔÕØŒúùûÚÙÛÿªºµ")
_SIGN_IN_WORD: Final = re.compile(r"[^\W\d_][¡-©«-´¶-¹»-¿×÷€‚„…†‡ˆ‰‹˜™›][^\W\d_]")
_TWO_BYTES: Final = (
    "big5",
    "big5hkscs",
    "cp932",
    "cp949",
    "cp950",
    "euc_jis_2004",
    "euc_jisx0213",
    "euc_jp",
    "euc_kr",
    "gb18030",
    "gb2312",
    "gbk",
    "hz",
    "johab",
    "shift_jis",
    "shift_jis_2004",
    "shift_jisx0213",
)
_WINDOWS: Final = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "ascii": "cp1252", "us-ascii": "cp1252"}
"""As browsers read them (WHATWG Encoding Standard, section 4.2): these names nearly always mean windows-1252."""


def html_charset(head: bytes) -> str | None:
    """The charset that an HTML or XML file declares in its first 2048 bytes."""
    found = _META.search(head[:2048])
    return (found[1] or found[2]).decode("ascii") if found else None


def find_encoding(head: bytes, declared: str | None = None, *, whole: bool = True) -> str:
    """The name of a codec for text that begins with `head`; decode with `errors="replace"`.

    In order: byte order mark, UTF-16 by its zero bytes, the declared charset if the bytes are valid in it, UTF-8 if
    they are, a guess by charset-normalizer, windows-1252. `whole=False` says that more bytes follow and the last
    character may be cut.
    """
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if wide := _wide(head):
        return wide
    named = _known(declared) if declared else None
    # windows-1252 is declared out of habit, and hardly any text in it is valid UTF-8 by chance
    for candidate in ("utf-8", named) if named == "cp1252" else (named, "utf-8"):
        if candidate and _valid(head, candidate, whole):
            return candidate
    return _guess(head)


def decode(data: bytes, declared: str | None = None) -> str:
    """The text of `data`; what cannot be decoded becomes U+FFFD."""
    name = find_encoding(data[:HEAD], declared, whole=len(data) <= HEAD)
    return data.decode(name, errors="replace")


def _known(name: str) -> str | None:
    try:
        canonical = codecs.lookup(name.strip().lower()).name
        "".encode(canonical)  # some codecs (base64, rot13) are no charsets
    except (LookupError, ValueError, TypeError):
        return None
    if canonical in ("utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs"):
        return None
    if canonical.startswith("utf-16"):  # a page that says so in ASCII is not UTF-16
        return "utf-8"
    return _WINDOWS.get(canonical.replace("iso8859", "iso-8859"), canonical)


def _valid(head: bytes, name: str, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder(name)().decode(head, final=whole)
    except (UnicodeError, ValueError):
        return False
    return True


def _wide(head: bytes) -> str | None:
    """UTF-16 without a byte order mark: most even or most odd bytes of Western text are zero."""
    sample = head[:4096]
    if len(sample) < 4:
        return None
    pairs = len(sample) // 2
    even, odd = (Counter(sample[start : 2 * pairs : 2])[0] / pairs for start in (0, 1))
    if odd > 0.4 and even < 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.1 else None


def _guess(head: bytes) -> str:
    from charset_normalizer import from_bytes

    sample = _telling(head)
    if _reads_western(sample):
        return "cp1252"
    latin = sum(chr(byte).isalpha() for byte in sample if byte < 128) * 2 > len(sample)
    exclusion = list(_TWO_BYTES) if latin else None  # accented letters in Latin text make fine Chinese by chance
    best = from_bytes(sample, steps=5, chunk_size=1024, cp_exclusion=exclusion).best()
    return (_known(best.encoding) if best else None) or "cp1252"


def _reads_western(sample: bytes) -> bool:
    """Whether the bytes read as a Western European language in windows-1252, the commonest of a dozen code pages.

    In other languages' code pages its signs come to stand inside words (Polish, Russian, Chinese), or letters of other
    languages appear. Hungarian is told by its õ and û (ő and ű there) where no French or Portuguese letter stands.
    """
    text = sample.decode("cp1252", errors="replace")
    foreign = {character for character in text if character > "\x7f"}
    if "\ufffd" in foreign or not {c for c in foreign if c.isalpha()} <= _WESTERN or _SIGN_IN_WORD.search(text):
        return False
    high = sum(character > "\x7f" for character in text)
    return high * 2 < len(text) and (not foreign & set("õÕû") or bool(foreign & set("àèçêãñòìî")))


def _telling(head: bytes) -> bytes:
    """Up to 32 KiB around the first byte that is not ASCII."""
    first = next((i for i, byte in enumerate(head) if byte > 127), 0)
    start = max(0, head.rfind(b"\n", 0, first))
    return head[start : start + 32 * 1024]
