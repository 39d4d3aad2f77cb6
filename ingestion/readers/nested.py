"""Reading a file that lies inside another one, within the same limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import DocumentUnreadable, InvalidInput
from core.types import Block
from ingestion.readers.base import Item, Notice, ReadContext
from ingestion.readers.registry import reader_for

if TYPE_CHECKING:
    from pathlib import Path


def read_nested(outer: ReadContext, data: bytes, filename: str) -> Iterator[Item]:
    """See `ReadContext.nested`."""
    from ingestion.detect import detect  # here, because it imports the readers' limits as well

    if outer.depth >= outer.limits.max_nesting:
        yield Notice(text=f"“{filename}” lies too deep inside other files and was left out.")
        return
    path: Path | None = None
    try:
        outer.budget.spend(len(data))
        path = outer.scratch / f"nested-{outer.depth}-{outer.budget.spent}"
        path.write_bytes(data)
        media_type = detect(path, filename)
        inner = replace(
            outer, filename=filename, media_type=media_type, depth=outer.depth + 1, first_page=1, skip_pages=frozenset()
        )
        for item in reader_for(media_type)(path, inner):
            if isinstance(item, Block):
                yield _below(item)
            elif isinstance(item, Notice):
                yield Notice(text=f"{filename}: {item.text}")
    except (DocumentUnreadable, InvalidInput) as error:
        yield Notice(text=f"“{filename}” was left out: {error.message}")
    finally:
        if path is not None:
            path.unlink(missing_ok=True)


def _below(block: Block) -> Block:
    level = block.level + 1 if block.kind == "heading" else block.level
    return replace(block, page=None, boxes=(), level=level)
