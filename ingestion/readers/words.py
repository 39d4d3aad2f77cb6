"""Cleaning of raw text: white space, invisible characters, lines."""

from __future__ import annotations

import re
from typing import Final

_SPACES: Final = re.compile(r"[ \t\n\r\f\v\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_NOTHING: Final = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u200b\u2060\ufeff\ufff9-\ufffb]")
_SURROGATES: Final = re.compile(r"[\ud800-\udfff]")
_LINE_SPACES: Final = re.compile(r"[ \t\v\f\x1c-\x1f\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_CJK: Final = re.compile(r"[\u2e80-\u303f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


def visible(text: str) -> str:
    """`text` without control characters, soft hyphens, zero-width spaces and byte order marks.

    Joiners (U+200C, U+200D) and directional marks stay: Persian, Hindi and emoji mean them.
    """
    return _SURROGATES.sub("\ufffd", _NOTHING.sub("", text))


def squeeze(text: str) -> str:
    """`text` with every run of white space, line breaks included, as one space; the ends are kept."""
    return _SPACES.sub(" ", visible(text))


def one_line(text: str) -> str:
    """`text` on one line, with nothing at its ends."""
    return squeeze(text).strip()


def tidy_lines(text: str) -> str:
    """`text` with its line breaks kept, each line squeezed, no empty line at either end and none doubled."""
    lines = [_LINE_SPACES.sub(" ", line).strip() for line in visible(text).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def verbatim(text: str) -> str:
    """Preformatted text: its spaces kept, tabs as four, no empty lines around it."""
    lines = [
        line.rstrip() for line in visible(text.replace("\r\n", "\n").replace("\r", "\n")).expandtabs(4).split("\n")
    ]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines)


def width(line: str) -> int:
    """How many columns a line takes on a screen: Chinese and Japanese characters take two."""
    return len(line) if line.isascii() else len(line) + len(_CJK.findall(line))


def join_wrapped(lines: list[str]) -> str:
    """Hard-wrapped lines as one line: a space between words, none in Chinese and Japanese or after a hyphen."""
    joined = ""
    for line in (one_line(line) for line in lines):
        if not line:
            continue
        hyphen = len(joined) > 1 and joined[-1] == "-" and joined[-2].isalpha() and line[0].islower()
        glued = not joined or hyphen or (_CJK.match(joined[-1]) and _CJK.match(line[0]))
        joined += line if glued else " " + line
    return joined
