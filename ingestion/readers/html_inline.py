"""What stands inside a line of HTML: text, line breaks, superscripts, deletions, pictures' descriptions."""

from __future__ import annotations

import re
from typing import Final

import lxml.etree

from ingestion.readers.html_tree import Element
from ingestion.readers.words import one_line, squeeze


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


INLINE: Final = _tags(
    """
    a abbr acronym b bdi bdo big br cite code data del dfn em font i img input ins kbd label mark nobr output
    q rb ruby s samp small span strike strong sub sup time tt u var wbr
    """
)
SKIPPED: Final = _tags(
    """
    annotation annotation-xml applet audio base button canvas datalist embed frameset head iframe input link
    map meta noframes noscript object option param rp rt rtc script select source style svg template textarea
    track video
    """
)
_HIDDEN_STYLE: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_POWER: Final = re.compile(r"[-−–+]?\d{1,3}")
_MARKS: Final = frozenset({"↑", "↩", "↩︎", "↵", "⏎", "^", "¶", "§", "#", "🔗"})
_DELETED: Final = frozenset({"s", "strike", "del"})


def hidden(el: Element) -> bool:
    """Whether a browser would not show this element, or shows no words for it."""
    if el.tag in SKIPPED:
        return True
    attributes = el.attrib
    if not attributes:
        return False
    if "hidden" in attributes and attributes["hidden"].lower() != "until-found":
        return True
    if el.tag == "dialog" and "open" not in attributes:
        return True
    if attributes.get("aria-hidden") == "true" and el.tag not in ("html", "body"):
        return True
    return "style" in attributes and bool(_HIDDEN_STYLE.search(attributes["style"]))


def mark_only(el: Element) -> bool:
    """Whether a link is only a sign: the arrow back from a footnote, the handle of a heading."""
    return el.tag == "a" and len(el) == 0 and (el.text or "").strip() in _MARKS


def opening(el: Element, before: str) -> str:
    """The text an inline element begins with, its own first text included; `before` is what precedes it."""
    text = squeeze(el.text or "")
    tag = el.tag
    if tag == "br":
        return "\n"
    if tag == "img":
        return picture(el)
    if tag == "sup" and len(el) == 0 and _POWER.fullmatch(text.strip()) and before[-1:].isalnum():
        return "^" + text.strip()  # 10<sup>6</sup> must not become 106
    if tag in _DELETED:
        return "~~" + text
    return "“" + text if tag == "q" else text


def closing(el: Element) -> str:
    """The text an inline element ends with, what follows it not included."""
    if el.tag in _DELETED:
        return "~~"
    return "”" if el.tag == "q" else ""


def picture(el: Element) -> str:
    """A picture's description where it is more than a label: three words or more that no program wrote."""
    described = one_line(el.get("alt") or "")
    if len(described.split()) < 3 or "automatically generated" in described:
        return ""
    return f" [Picture: {described}] "


def line_of(el: Element) -> str:
    """All the visible text inside `el` on one line. Blocks inside it are kept apart by a space."""
    parts: list[str] = []
    walk = lxml.etree.iterwalk(el, events=("start", "end", "comment", "pi"))
    skipping: Element | None = None
    for event, node in walk:
        if event == "start":
            if node is not el and (hidden(node) or mark_only(node)):
                skipping = node
                walk.skip_subtree()
            elif node.tag in INLINE:
                parts.append(opening(node, parts[-1] if parts else ""))
            else:
                parts.append(" " + squeeze(node.text or ""))
            continue
        if event == "end" and node is not skipping:
            parts.append(closing(node) if node.tag in INLINE else " ")
        if node is not el:
            parts.append(squeeze(node.tail or ""))
    return one_line("".join(parts).replace("~~~~", ""))
