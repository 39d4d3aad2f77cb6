"""Images and links in text that somebody's program may show as Markdown or HTML: taken out unless they are allowed.

Whatever renders an answer has rules of its own for what a link is. So what stands where a target would is compared
whole and to the letter, and whatever is not taken out is broken up so that no renderer reads more into it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

REMOVED_IMAGE, REMOVED_LINK = "[image removed]", "[link removed]"
_LABEL = r"[^\[\]\n]{0,500}"
_REST = r"[^ \t\n\r\f\v<]*"
"""To where an address goes at most: Markdown ends it at white space of ASCII alone, and at a tag."""
_IMAGE = re.compile(rf"!\[{_LABEL}\]\[(?!\^?\d+\])[^\[\]\n]{{0,200}}\]")
_TARGET = re.compile(
    rf"(?:(?P<bang>!?)\[(?P<label>{_LABEL}))?\]\("
    r"(?:[ \t]*(?:<(?P<angle>[^<>\\\n]*)>|(?P<plain>(?:[^\s()<>\\]|\([^\s()<>\\]*\))*))"
    r"(?P<title>[ \t]+(?:\"[^\"\n]*\"|'[^'\n]*'))?[ \t]*\)|(?P<odd>\s*\S*))"
)
_DEFINITION = re.compile(
    r"^(?P<before>[ \t>*+\-\d.)]*)\[(?P<label>(?:[^\[\]\\]|\\.){1,999})\]:\s*<?(?P<target>[^\s>]+)>?", re.MULTILINE
)
_WORDS = re.compile(r"[\w\s,+*=#-]*")
"""A target that leads nowhere else: `calls[0](event)` is code."""
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|[\\/]{2}|www\.", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(?=[!-/:-@\[-`{-~])|[\x00-\x20]")
_NAMES = (
    "img|image|picture|source|track|video|audio|bgsound|svg|iframe|frame|frameset|object|embed|applet|portal|link|"
    "script|style|form|input|button|base|meta|area|math|body|html"
)
_TAG = re.compile(
    rf"</?(?:{_NAMES})(?=[\s/>])[^<>]{{0,4000}}>|</?a(?:[\s/][^<>=]{{0,200}}=[^<>]{{0,4000}})?>", re.IGNORECASE
)
_ATTRIBUTE = re.compile(
    r"[\s/\"'](?:\w+:)?(?:src|srcset|href|background|poster|style|cite|longdesc|ping|formaction|on[a-z]+)\s*=",
    re.IGNORECASE,
)
_OPEN = re.compile(r"<(?=/?[a-z])", re.IGNORECASE)
_BEGUN = re.compile(rf"<(?=/?(?:{_NAMES})(?:[\s/]|\Z))", re.IGNORECASE)
_NOTHING = r"\s<>\"'`|\\^{}\[\]"
ADDRESS = re.compile(
    rf"(?:(?:[a-z][a-z0-9+.-]{{1,20}}:|(?<!\w))//[^{_NOTHING}(),.;:!?*]|www\.[^{_NOTHING}]|"
    rf"(?:https?|ftps?|wss?):[\\/]*[^\s<>\"'`),;!?*\\/]|(?<!\w)(?:(?:javascript|vbscript|mailto|tel|sms|xmpp|sip|skype|magnet|intent):"
    rf"[^{_NOTHING}]|data:(?:[a-z]+/|[,;])|file:[\\/])){_REST}",
    re.IGNORECASE,
)
_NARROW = re.compile(rf"[^{_NOTHING}]+")
_TOKEN = re.compile(r"[^ \t\n\r\f\v<]+")
_BANG = re.compile(r"!(?=\[)")
PLACED = re.compile(r"\[[A-Z][A-Z_]*_[0-9a-z]+")
"""A placeholder for personal data: in an address that was read raw it was put there to be filled in."""
_MARK = re.compile(r"(\[(?:image|link) removed\])(?=[(\[:])")
_TRAILING = re.compile(r"[.,;:!?)»”’*_\"'>\]}`|~]{0,8}\Z")
SUSPICIOUS = re.compile(
    r"!\[|\]\(|\]:|<\s*/?[a-z]|//|www\.|(?:https?|ftps?|wss?|javascript|vbscript|mailto|tel|sms|xmpp|sip|skype|magnet|"
    r"intent|data|file):|&(?:#\w+|\w+);",
    re.IGNORECASE,
)
"""Where a text without this is as it may be."""

Allowed = Callable[[str], bool]


def bare(address: str) -> str:
    """An address without the marks that a sentence puts behind it."""
    return address[: _TRAILING.search(address).start()]  # type: ignore[union-attr]


def addresses(text: str) -> Iterable[str]:
    """The addresses of a text, each to the next white space, and to the first sign that no address has unescaped."""
    for found in ADDRESS.finditer(text):
        yield bare(found[0])
        yield bare(_narrow(found[0]))


def cleaned(text: str, allowed: Allowed) -> tuple[str, int, int]:
    """The text without images and without links that are not allowed, and how many of each there were."""
    if not SUSPICIOUS.search(text):
        return text, 0, 0
    cleaning = _Cleaning(allowed=allowed)
    return cleaning.cleaned(text), cleaning.images, cleaning.links


@dataclass
class _Cleaning:
    """One text, step by step: each looks at what the one before left."""

    allowed: Allowed
    images: int = 0
    links: int = 0

    def cleaned(self, text: str) -> str:
        text = _TOKEN.sub(self._escaped, text)
        text = _TARGET.sub(self._target, _IMAGE.sub(self._image, text))
        text = _DEFINITION.sub(self._definition, _TAG.sub(self._image, text))
        text, tags = _broken(self._bare(text))
        text, marks = _BANG.subn("! ", _MARK.sub(r"\1 ", text))
        self.images += marks
        self.links += tags
        return text

    def _image(self, found: re.Match[str]) -> str:
        self.images += 1
        return REMOVED_IMAGE

    def _link(self, instead: str) -> str:
        self.links += 1
        return instead

    def _escaped(self, found: re.Match[str]) -> str:
        """What is an address only once its entities are read."""
        hidden = "&" in found[0] and len(ADDRESS.findall(html.unescape(found[0]))) > len(ADDRESS.findall(found[0]))
        return self._link(REMOVED_LINK) if hidden else found[0]

    def _target(self, found: re.Match[str]) -> str:
        label, odd = found["label"], found["odd"]
        if found["bang"]:
            return self._image(found)
        named = odd if odd is not None else (found["angle"] or found["plain"] or "")
        stays = _WORDS.fullmatch(named.rstrip(")")) or (odd is None and self.allowed(named))
        if stays and not SUSPICIOUS.search(found["title"] or ""):
            return found[0]
        return self._link(f"] {REMOVED_LINK}" if label is None else f"{label} {REMOVED_LINK}".strip())

    def _definition(self, found: re.Match[str]) -> str:
        if not _elsewhere(found["target"]) or self.allowed(found["target"]):
            return found[0]
        return self._link(f"{found['before']}{found['label']} {REMOVED_LINK}")

    def _bare(self, text: str) -> str:
        """Addresses beside the links that stay."""
        parts, at = [], 0
        for kept in _TARGET.finditer(text):
            begin = kept.start() if kept["label"] is None else kept.end("label")
            parts += [ADDRESS.sub(self._address, text[at:begin]), text[begin : kept.end()]]
            at = kept.end()
        return "".join([*parts, ADDRESS.sub(self._address, text[at:])])

    def _address(self, found: re.Match[str]) -> str:
        whole = found[0]
        named, short = bare(whole), _narrow(whole)
        if self.allowed(named):
            return whole
        if not PLACED.search(whole) and self.allowed(bare(short)):  # what follows is not taken for a part of it
            return self._link(f"{short} {whole[len(short) :]}")
        return self._link(REMOVED_LINK + whole[len(named) :])


def _broken(text: str) -> tuple[str, int]:
    """A `<` that opens a tag which loads or leads opens none any more; and how many of them there were."""
    if "<" not in text:
        return text, 0
    parts, count = [], 0
    for part in re.split(r"(>)", text):
        last = max((found.start() for found in _ATTRIBUTE.finditer(part)), default=0)
        (first, opened), (rest, begun) = _OPEN.subn("< ", part[:last]), _BEGUN.subn("< ", part[last:])
        parts += [first, rest]
        count += opened + begun
    return "".join(parts), count


def _narrow(address: str) -> str:
    """Up to the first sign that no address has unescaped."""
    found = _NARROW.match(address)
    return found[0] if found else ""


def _elsewhere(target: str) -> bool:
    """Whether a target leads out of where it stands, however it is escaped."""
    plain = _ESCAPE.sub("", html.unescape(target))
    return bool(_ELSEWHERE.match(target) or _ELSEWHERE.match(plain))
