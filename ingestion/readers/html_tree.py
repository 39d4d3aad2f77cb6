"""HTML source to an lxml tree, whatever state it is in. Nothing is fetched and no entity is resolved from a DTD."""

from __future__ import annotations

import re
from typing import Any, Final

import lxml.etree
import lxml.html

MAX_DEPTH: Final = 2000
"""libxml2 gives up 2,048 levels down and drops the rest of the page; deeper sources are flattened first."""

_DOCTYPE: Final = re.compile(r"<!DOCTYPE[^<>\[]*(?:\[[^\]]*\])?[^<>]*>", re.IGNORECASE)
_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]*)([^<>]*)>")
_HEADING: Final = re.compile(r"h[1-6]")
_KEPT: Final = frozenset({"script", "style", "title", "br"})
_NO_GAP: Final = frozenset({"a", "abbr", "b", "em", "font", "i", "small", "span", "strong", "sub", "sup", "u"})

Element = Any
"""An element of lxml, which has no types."""


def parse_html(source: str) -> tuple[Element | None, bool]:
    """The tree's root, None where there is nothing to parse, and whether deep nesting had to be flattened."""
    source = _DOCTYPE.sub("", source, count=4)
    root, too_deep = _parse(source)
    if not too_deep:
        return root, False
    root, _ = _parse(_flatten(source))
    return root, True


def _parse(source: str) -> tuple[Element | None, bool]:
    # bytes, since lxml refuses str with an XML declaration; the parser's encoding overrides any <meta>
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True, no_network=True)
    data = source.encode("utf-8", errors="replace")
    if not data.strip():
        return None, False
    try:
        root = lxml.html.document_fromstring(data, parser=parser, ensure_head_body=True)
    except lxml.etree.ParserError:  # "Document is empty": nothing but comments
        return None, False
    except lxml.etree.XMLSyntaxError:
        root = None
    problems = {entry.type_name for entry in parser.error_log}
    if "ERR_NO_MEMORY" in problems:  # libxml2 says "unknown error", or drops the rest of the page
        raise MemoryError
    return root, "ERR_RESOURCE_LIMIT" in problems


def _flatten(source: str) -> str:
    """The source with its structure cut down to headings and paragraphs, which close one another and so never nest."""
    heading = ""

    def flat(tag: re.Match[str]) -> str:
        nonlocal heading
        closing, name = tag[1], tag[2].lower()
        if name in _KEPT:
            return tag[0]
        if name in _NO_GAP:
            return ""
        before = f"</{heading}>" if heading else ""
        heading = ""
        if _HEADING.fullmatch(name) and not closing:
            heading = name
            return f"{before}</p><{name}>"
        return f"{before}<p>"

    return _TAG.sub(flat, source)
