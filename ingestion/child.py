"""The process that reads one file: `python -m ingestion.child`, started by `ingestion.sandbox` and by nothing else.

It takes one JSON line (`wire.Order`) on its standard input, gives up what it does not need, and answers in lines on its
standard output. Heavy libraries are imported by the reader that needs them, after the limits hold.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import BinaryIO

from core.errors import FootnoteError, ParserLimit
from core.types import Block, Box
from ingestion import calls, confine, faults, wire
from ingestion.readers.base import Item, Notice, Progress, ReadContext
from ingestion.readers.limits import Budget, ReadLimits

ROOT = Path(__file__).resolve().parent.parent
_FLUSH_SECONDS = 1.0
TOO_DEEP = "The file is nested too deeply to be read. Simplify it and upload it again."


def main() -> int:
    """Reads the order, obeys it, and says in one last line how it ended."""
    out = _private_stdout()
    order = parse_order(sys.stdin.buffer.readline())
    give_up(order)
    try:
        if order.drawing is None:
            _read(order, out)
        else:
            from ingestion.draw import draw_page

            draw_page(order, order.drawing)
        last = wire.encode("D", None)
    except FootnoteError as error:
        last = _failure(error.code, error.message)
    except MemoryError:
        last = _failure(wire.OUT_OF_MEMORY, "")
    except RecursionError:
        last = _failure(ParserLimit.code, TOO_DEEP)
    except Exception as error:
        last = _failure(wire.INTERNAL, faults.described(error))
    out.write(last)
    out.flush()
    return 0


def give_up(order: wire.Order) -> bool:
    """Takes away what reading does not need; whether the kernel took all but the network, which not every one lets go.

    The folder of the rooms cannot be listed: data may lie beside them, under names that tell of it. What is imported
    from there is imported already, or lies within a room.
    """
    confine.limit(order.memory_bytes, max(order.limits.max_expanded_bytes, 64 * 1024 * 1024))
    confine.limit_cpu(order.cpu_seconds)
    if order.isolate_network:
        confine.leave_network()
    left = confine.leave_files(
        readable=[*confine.interpreter_paths(), ROOT / "core", ROOT / "ingestion", Path(order.path)],
        writable=[Path(order.scratch)],
    )
    return calls.refuse_calls(sockets=order.isolate_network) and left


def _failure(code: str, message: str) -> bytes:
    return wire.encode("E", {"code": code, "message": wire.clean(message)})


def parse_order(line: bytes) -> wire.Order:
    """The order back from JSON. It comes from the parent, so it is believed."""
    value = json.loads(line)
    drawing = value.pop("drawing")
    limits = value.pop("limits")
    limits["ocr_languages"] = tuple(limits["ocr_languages"])
    if drawing is not None:
        drawing["boxes"] = tuple(Box(**box) for box in drawing["boxes"])
    return wire.Order(
        **value,
        limits=ReadLimits(**limits),
        drawing=wire.Drawing(**drawing) if drawing is not None else None,
    )


def _read(order: wire.Order, out: BinaryIO) -> None:
    from ingestion.detect import detect
    from ingestion.readers.registry import reader_for

    path = Path(order.path)
    media_type = detect(path, order.filename)
    out.write(wire.encode("T", media_type))
    context = ReadContext(
        filename=order.filename,
        media_type=media_type,
        scratch=Path(order.scratch),
        limits=order.limits,
        budget=Budget(left=order.limits.max_expanded_bytes),
        first_page=order.first_page,
        skip_pages=frozenset(order.skip_pages),
    )
    flushed = time.monotonic()
    for item in reader_for(media_type)(path, context):
        out.write(_line(item))
        if isinstance(item, Progress):
            out.flush()  # the parent must know the page before it can kill us
            if (item.page - 1) % order.limits.page_window == 0:
                confine.limit_cpu(order.cpu_seconds)
        elif time.monotonic() - flushed > _FLUSH_SECONDS:
            out.flush()  # a sign of life
            flushed = time.monotonic()


def _line(item: Item) -> bytes:
    if isinstance(item, Block):
        return wire.encode_block(item)
    if isinstance(item, Notice):
        return wire.encode("N", wire.clean(item.text))
    if isinstance(item, Progress):
        return wire.encode("P", {"page": item.page, "total": item.total, "done": item.done})
    title = wire.clean(item.title) if item.title is not None else None
    return wire.encode("M", {"title": title, "pages": item.pages})


def _private_stdout() -> BinaryIO:
    """The pipe to the parent under another number: libraries print to standard output, which becomes /dev/null."""
    pipe = os.fdopen(os.dup(1), "wb", buffering=64 * 1024)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return pipe


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # nothing is left to be tidied up, and a half-broken library may hang in its destructors
