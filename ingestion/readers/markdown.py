"""Markdown to blocks, by way of HTML. The dialect is CommonMark with tables and strikethrough."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ingestion.readers.base import Item, Meta, ReadContext
from ingestion.readers.encoding import decode
from ingestion.readers.html import blocks_of
from ingestion.readers.seam import parsing
from ingestion.readers.words import one_line

_FRONT_MATTER: Final = re.compile(
    r"\A\ufeff?(---|\+\+\+)[ \t]*\r?\n(?P<fields>.{0,20000}?)\r?\n\1[ \t]*(?:\r?\n|\Z)", re.DOTALL
)
_TITLE: Final = re.compile(r"""^title\s*[:=]\s*(?P<title>\S.*?)\s*$""", re.MULTILINE | re.IGNORECASE)


def read(path: Path, context: ReadContext) -> Iterator[Item]:
    """Reads a Markdown file. The title is that of its front matter (YAML or TOML), else its first top heading."""
    with parsing("Markdown file"):
        source = decode(path.read_bytes())
        title, body = _front_matter(source)
        yield from blocks_of(_to_html(body))
    if title:
        yield Meta(title=title)


def _to_html(source: str) -> str:
    from markdown_it import MarkdownIt

    html: str = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(source)
    return html


def _front_matter(source: str) -> tuple[str | None, str]:
    """The title that the front matter names, and the text without the front matter."""
    found = _FRONT_MATTER.match(source)
    if not found or not re.search(r"^\s*[\w.-]+\s*[:=]", found["fields"], re.MULTILINE):
        return None, source
    named = _TITLE.search(found["fields"])
    title = one_line(named["title"]) if named else ""
    if title[:1] in ("'", '"') and title[-1:] == title[:1]:
        title = title[1:-1]
    return title.strip() or None, source[found.end() :]
