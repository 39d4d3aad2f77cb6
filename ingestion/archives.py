"""Zip archives read with counted bytes. Archives lie about their sizes, so nothing they declare is believed.

DOCX, XLSX, PPTX and EPUB are zip archives too: `verify_all` streams every member once, before a library opens the file.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from core.errors import BrokenFile, ParserLimit, PasswordProtected
from ingestion.readers.limits import MIB, TOO_MUCH_DATA, ReadLimits

_PIECE = 256 * 1024
_RATIO_FLOOR = 16 * MIB
"""Below this many expanded bytes the ratio is not looked at: short repetitive XML compresses well in honest files."""

_DAMAGED = "The file is damaged: it cannot be unpacked. Save it again and upload the new copy."
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError, RuntimeError)


class SafeArchive:
    """A zip archive whose members can be read within limits. A context manager.

    Every method raises `BrokenFile` for a damaged archive, `PasswordProtected` for an encrypted member and
    `ParserLimit` when the bytes read so far, or their ratio to the compressed size, go over the limits.
    """

    def __init__(self, archive: zipfile.ZipFile, limits: ReadLimits, size: int) -> None:
        self._archive = archive
        self._limits = limits
        self._size = max(size, 1)
        self._expanded = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._archive.close()

    def names(self) -> list[str]:
        """The members' names in the archive's order, folders left out."""
        return [info.filename for info in self._archive.infolist() if not info.is_dir()]

    def read(self, name: str) -> bytes:
        """A member's content, counted towards the archive's limit. Raises `BrokenFile` when there is no such member."""
        return b"".join(self._pieces(self._find(name)))

    def head(self, name: str, size: int) -> bytes:
        """At most the first `size` bytes of a member."""
        found = b""
        for piece in self._pieces(self._find(name)):
            found += piece
            if len(found) >= size:
                break
        return found[:size]

    def verify_all(self) -> int:
        """Streams every member and throws it away; the number of bytes the archive really unfolds to."""
        self._expanded = 0
        for info in self._archive.infolist():
            for _ in self._pieces(info):
                pass
        total, self._expanded = self._expanded, 0
        return total

    def _find(self, name: str) -> zipfile.ZipInfo:
        try:
            return self._archive.getinfo(name)
        except KeyError:
            raise BrokenFile(f"The file is damaged: its part {name!r} is missing.") from None

    def _pieces(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        if info.flag_bits & 0x1:
            raise PasswordProtected("The file is protected by a password. Upload it without the protection.")
        try:
            with self._archive.open(info) as member:
                while piece := member.read(_PIECE):
                    self._count(len(piece))
                    yield piece
        except _BROKEN as error:
            raise BrokenFile(_DAMAGED) from error

    def _count(self, amount: int) -> None:
        self._expanded += amount
        if self._expanded > self._limits.max_expanded_bytes:
            raise ParserLimit(TOO_MUCH_DATA)
        if self._expanded > _RATIO_FLOOR and self._expanded > self._size * self._limits.max_compression_ratio:
            raise ParserLimit("The file unfolds to so many times its size that it looks like a bomb; it was not read.")


def open_archive(path: Path, limits: ReadLimits) -> SafeArchive:
    """Opens a zip archive. Raises `BrokenFile` when it is none, `ParserLimit` when it has too many members."""
    try:
        archive = zipfile.ZipFile(path)
    except _BROKEN as error:
        raise BrokenFile(_DAMAGED) from error
    if len(archive.infolist()) > limits.max_archive_entries:
        archive.close()
        raise ParserLimit("The file holds more parts than are allowed here (max_archive_entries).")
    return SafeArchive(archive, limits, path.stat().st_size)
