"""A text file line by line, its encoding found, its memory bounded whatever the file holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ingestion.readers.encoding import HEAD, find_encoding

LONGEST_LINE: Final = 1024 * 1024
"""Longer lines come in pieces of this many characters."""


def encoding_of(path: Path) -> str:
    """The encoding of a text file, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(HEAD + 1)
    return find_encoding(head[:HEAD], whole=len(head) <= HEAD)


def read_lines(path: Path, *, newline: str | None = None) -> Iterator[str]:
    """The file's lines with their line breaks; what cannot be decoded becomes U+FFFD."""
    with path.open(encoding=encoding_of(path), errors="replace", newline=newline) as file:
        while line := file.readline(LONGEST_LINE):
            yield line
