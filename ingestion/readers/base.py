"""What every reader is, what it is given and what it yields.

A reader is a generator function `read(path, context)` that yields, in reading order:

* `Block`    a paragraph, heading, list item, code block or table (`core.types`);
* `Notice`   something that could not be read, in words for the person who uploaded the file;
* `Meta`     the document's own title or its number of pages, at any moment, any number of times (the last word counts);
* `Progress` for formats with pages: which page is about to be read.

It raises only `PasswordProtected`, `BrokenFile`, `NoText`, `ParserLimit` and `UnsupportedType` of `core.errors`.
`MemoryError` and `RecursionError` may pass: the child turns them into `ParserLimit`. A file without any text may simply
yield nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from core.types import Block
from ingestion.readers.limits import Budget, ReadLimits


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """Something that had to be left out: "Page 7 could not be read."."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Meta:
    """What the document says of itself; None says nothing."""

    title: str | None = None
    pages: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Page `page` (from 1) of `total` is about to be read. If the child dies now, this is the page that killed it.

    `done` says that every block of the first `done` pages was yielded: a fresh child begins after them.
    """

    page: int
    total: int
    done: int = 0


Item: TypeAlias = Block | Notice | Meta | Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadContext:
    """What a reader may know and use.

    `filename` is the name the file was uploaded under, to be shown but never trusted. `scratch` is an empty folder that
    is removed afterwards. `first_page` and `skip_pages` (both from 1) are for formats with pages: where to begin, and
    which pages killed an earlier child.
    """

    filename: str
    media_type: str
    scratch: Path
    limits: ReadLimits = field(default_factory=ReadLimits)
    budget: Budget = field(default_factory=lambda: Budget(left=ReadLimits().max_expanded_bytes))
    depth: int = 0
    first_page: int = 1
    skip_pages: frozenset[int] = frozenset()

    def nested(self, data: bytes, filename: str) -> Iterator[Item]:
        """The blocks of a file found inside this one, such as an attachment.

        Headings come one level deeper and blocks without page and boxes, since those would point into the wrong file;
        no `Meta` and no `Progress` is passed on. What cannot be read ends in one `Notice` that names the file, never in
        an error. Depth is bounded by `limits.max_nesting`, the bytes of all nested files together by `budget`.
        """
        from ingestion.readers.nested import read_nested

        return read_nested(self, data, filename)


class Reader(Protocol):
    """A generator function that reads one file."""

    def __call__(self, path: Path, context: ReadContext) -> Iterator[Item]:
        """Yields the file's items in reading order; `path` is a regular file of `context.media_type`."""
        ...
