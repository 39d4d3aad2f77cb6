"""The lines that pass between the reading child and its parent: JSON, and nothing that is ever executed.

Each line is a letter and a JSON value: `B` block, `N` notice, `M` meta, `T` media type, `P` progress, `E` error, `D`
done. This is what both sides share and the child's half; the parent's half, which believes nothing, is
`ingestion.replies`.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Final

from core import errors
from core.types import Block, Box
from ingestion.readers.limits import ReadLimits

OUT_OF_MEMORY: Final = "out_of_memory"
INTERNAL: Final = "internal"
"""Ends that are no errors of the tree: the parent decides whether reading can go on after the page that caused them."""

CHILD_ERRORS: Final[dict[str, type[errors.FootnoteError]]] = {
    kind.code: kind
    for kind in (
        errors.EmptyFile,
        errors.UnsupportedType,
        errors.PasswordProtected,
        errors.BrokenFile,
        errors.NoText,
        errors.ParserLimit,
        errors.NotFound,
    )
}
"""The errors a child may end in, by their codes."""

PICTURE: Final = "page.png"
"""The file in the scratch folder that a page is drawn to."""

_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A page to be drawn, with boxes marked on it."""

    page: int
    boxes: tuple[Box, ...]
    dpi: int
    max_pixels: int


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the child is asked to do: to read a file or, with `drawing`, to draw one of its pages into `scratch`."""

    path: str
    filename: str
    scratch: str
    limits: ReadLimits
    memory_bytes: int
    cpu_seconds: int
    isolate_network: bool = True
    first_page: int = 1
    skip_pages: tuple[int, ...] = ()
    drawing: Drawing | None = None


def clean(text: str) -> str:
    """Text without control characters, lone surrogates and noncharacters."""
    return _UNWANTED.sub("", text)


def encode_block(block: Block) -> bytes:
    """A block as a line. Boxes that are not numbers are left out."""
    value: dict[str, Any] = {"kind": block.kind, "text": clean(block.text)}
    if block.page is not None:
        value["page"] = block.page
    if block.boxes:
        value["boxes"] = [
            {"page": b.page, "x0": round(b.x0, 1), "y0": round(b.y0, 1), "x1": round(b.x1, 1), "y1": round(b.y1, 1)}
            for b in block.boxes
            if math.isfinite(b.x0 + b.y0 + b.x1 + b.y1)
        ]
    if block.level:
        value["level"] = block.level
    if block.rows:
        value["rows"] = [[clean(cell) for cell in row] for row in block.rows]
    if block.header:
        value["header"] = True
    return encode("B", value)


def encode(letter: str, value: Any) -> bytes:
    """Any other line."""
    return f"{letter}{json.dumps(value, ensure_ascii=False)}\n".encode("utf-8", "replace")
