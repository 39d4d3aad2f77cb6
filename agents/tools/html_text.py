"""The text of a web page, in a child process: a page may be made so that reading it takes for ever."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from agents.tools.child import ChildFailed, ChildLimits, ask_child, serve
from core.errors import Unavailable

_SILENT = {"script", "style", "template", "noscript", "svg", "iframe", "object", "select", "textarea"}
_BLOCKS = {
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "figcaption", "figure",
    "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
    "section", "table", "title", "tr", "ul",
}  # fmt: skip
_LIMITS = ChildLimits(seconds=10.0, memory_bytes=1 << 29, reply_bytes=1 << 26)


async def html_text(html: str) -> str:
    """What a person would read of a page, one block a line. Raises `Unavailable` when that takes too long."""
    try:
        return str((await ask_child(__name__, {"html": html}, _LIMITS))["text"])
    except ChildFailed as failure:
        raise Unavailable(f"The page could not be read: that {failure}.") from None


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent: str | None = None
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._silent is not None:
            self._depth += tag == self._silent
        elif tag in _SILENT:
            self._silent, self._depth = tag, 1
        elif tag in _BLOCKS:
            self.pieces.append("\n")
        elif tag in {"td", "th"}:
            self.pieces.append(" | ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if self._silent == tag:
            self._depth -= 1
            self._silent = self._silent if self._depth else None
        elif self._silent is None and tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if self._silent is None:
            self.pieces.append(re.sub(r"\s+", " ", data))


def _work(request: dict[str, Any]) -> dict[str, Any]:
    reader = _Reader()
    reader.feed(request["html"])
    reader.close()
    lines = (re.sub(r"\s+", " ", line).strip(" |") for line in "".join(reader.pieces).split("\n"))
    return {"text": "\n".join(line for line in lines if line)}


if __name__ == "__main__":
    serve(_work)
