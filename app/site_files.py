"""The page's files in memory, and the fingerprint that stands for all of them."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.errors import NotFound

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
"""What is served: nothing else that may lie in the folder."""

DOCUMENT = "index.html"
_BEGINNING = "main.js"
_PLACEHOLDER = "/assets/@/"
_MODULES = "<!-- modules -->"
_IMPORT = re.compile(rb"""^(?:import|export)\b[^"';]*?\bfrom\s*"(\.[^"]+)"|^import\s*"(\.[^"]+)\"""", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class File:
    """A file's bytes, their ETag, and the fingerprint under which they may be kept for ever."""

    data: bytes
    tag: str
    media_type: str
    mark: str


Stamp = tuple[int, int]
"""When a file was last written, and its size."""


@dataclass(frozen=True, kw_only=True)
class _Release:
    """The folder at one moment."""

    mark: str
    stamps: Mapping[str, Stamp]
    document: str


class Files:
    """A folder that is looked at whenever the document is asked for; its other files belong to that look.

    Files are read anew when their time or size has changed. May be asked from several threads.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._release: _Release | None = None
        self._read: dict[str, tuple[Stamp, bytes, str]] = {}

    def document(self) -> str:
        """The page's document. It names its files by their fingerprint, and the modules that it begins with."""
        return self._look().document

    def file(self, path: str) -> File:
        """A file by its path in the folder, as it is now. Raises `NotFound`."""
        release = self._release or self._look()
        if path not in release.stamps:
            release = self._look()
        suffix = PurePosixPath(path).suffix
        # Looked up before it is joined to the folder: no way of writing a path leads out of it.
        if path not in release.stamps or suffix not in TYPES:
            raise NotFound("The page has no such file.")
        try:
            stamp, data, tag = self._content(path)
        except FileNotFoundError:
            raise NotFound("The page has no such file.") from None
        if stamp != release.stamps[path]:
            release = self._look()
        return File(data=data, tag=tag, media_type=TYPES[suffix], mark=release.mark)

    def _content(self, path: str) -> tuple[Stamp, bytes, str]:
        where = self._folder / path
        stamp = _stamp(where.stat())
        if path not in self._read or self._read[path][0] != stamp:
            data = where.read_bytes()
            self._read[path] = (stamp, data, f'"{hashlib.sha256(data).hexdigest()[:32]}"')
        return self._read[path]

    def _look(self) -> _Release:
        stamps = dict(sorted(_entries(str(self._folder), "")))
        mark = hashlib.sha256(repr(stamps).encode()).hexdigest()[:16]
        if self._release is None or self._release.mark != mark:
            self._release = _Release(mark=mark, stamps=stamps, document=self._document(mark, stamps))
        return self._release

    def _document(self, mark: str, known: Mapping[str, Stamp]) -> str:
        text = self._content(DOCUMENT)[1].decode()
        # Without these a browser learns of a module only when it has read the one that imports it.
        links = [f'<link rel="modulepreload" href="{_PLACEHOLDER}{name}" />' for name in self._modules(known)]
        text = text.replace(_MODULES, "\n    ".join(links))
        return text.replace(_PLACEHOLDER, f"/assets/{mark}/")

    def _modules(self, known: Mapping[str, Stamp]) -> list[str]:
        """What the beginning imports, directly or not, but for what it imports only when it is needed."""
        found: dict[str, None] = {}
        waiting = [_BEGINNING]
        while waiting:
            name = waiting.pop(0)
            if name in found or name not in known:
                continue
            found[name] = None
            imports = (match[1] or match[2] for match in _IMPORT.finditer(self._content(name)[1]))
            waiting += [posixpath.normpath(posixpath.join(posixpath.dirname(name), each.decode())) for each in imports]
        return list(found)[1:]


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_mtime_ns, found.st_size


def _entries(folder: str, prefix: str) -> Iterator[tuple[str, Stamp]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _entries(entry.path, f"{prefix}{entry.name}/")
            elif PurePosixPath(entry.name).suffix in TYPES or entry.name == DOCUMENT:
                with suppress(FileNotFoundError):  # an editor's passing file
                    yield f"{prefix}{entry.name}", _stamp(entry.stat())
