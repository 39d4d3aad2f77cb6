"""Paragraphs that a page break cuts in two are put together again; their boxes tell which part stands where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from core.types import Block

_ENDS = (".", "!", "?", ":", ";", "。", "！", "？", "؟", "…")
_CLOSING = "\"'”’)]»"


def join_across_pages(blocks: Iterable[Block]) -> list[Block]:
    """The blocks with every paragraph that plainly goes on at the top of the next page joined to its beginning."""
    joined: list[Block] = []
    for block in blocks:
        before = joined[-1] if joined else None
        if before is not None and _goes_on(before, block):
            joined[-1] = replace(before, text=_seamless(before.text, block.text), boxes=(*before.boxes, *block.boxes))
        else:
            joined.append(block)
    return joined


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
