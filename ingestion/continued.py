"""What a page break cuts in two is put together again: paragraphs, and sections whose heading the new page repeats."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from core.types import Block

_ENDS = (".", "!", "?", ":", ";", "。", "！", "？", "؟", "…")
_CLOSING = "\"'”’)]»"
_CONTINUED: Final = re.compile(
    r"[\s—–-]*[(\[]\s*(?:continued|cont(?:[’'.]?d)?\.?|fortsetzung|forts\.|suite|continuación|continua)\s*[)\]]", re.I
)


def join_across_pages(blocks: Iterable[Block]) -> list[Block]:
    """The blocks with every paragraph that plainly goes on at the top of the next page joined to its beginning.

    A heading that a page only repeats ("Notes (continued)") is left out, since it would end the sections under it.
    Boxes tell which part of a paragraph stands where.
    """
    joined: list[Block] = []
    headings: set[str] = set()
    for block in blocks:
        before = joined[-1] if joined else None
        if block.kind == "heading":
            own = " ".join(_CONTINUED.sub(" ", block.text).lower().split())
            if own in headings and _CONTINUED.search(block.text) and before is not None and _last(before) != block.page:
                continue
            headings.add(own)
        if before is not None and _goes_on(before, block):
            joined[-1] = replace(before, text=_seamless(before.text, block.text), boxes=(*before.boxes, *block.boxes))
        else:
            joined.append(block)
    return joined


def _last(block: Block) -> int | None:
    return block.boxes[-1].page if block.boxes else block.page


def _goes_on(before: Block, block: Block) -> bool:
    if before.kind not in ("paragraph", "list_item") or block.kind != "paragraph" or not before.boxes:
        return False
    if block.page is None or before.boxes[-1].page != block.page - 1:
        return False
    return block.text[:1].islower() and not before.text.rstrip(_CLOSING).endswith(_ENDS)


def _seamless(before: str, after: str) -> str:
    if before.endswith(("-", "\u00ad")) and before[-2:-1].islower():
        return before[:-1] + after
    return f"{before} {after}"
