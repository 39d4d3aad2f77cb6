"""E-books (EPUB 2 and 3) to blocks: the chapters in the order of the spine, through the HTML reader."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from core.errors import BrokenFile, PasswordProtected
from ingestion.archives import SafeArchive, open_archive
from ingestion.readers.base import Item, Meta, Notice, ReadContext
from ingestion.readers.encoding import decode, html_charset
from ingestion.readers.html import blocks_of
from ingestion.readers.seam import parsing
from ingestion.readers.words import one_line

_CONTAINER: Final = "META-INF/container.xml"
_ENCRYPTION: Final = "META-INF/encryption.xml"
_OBFUSCATED_FONTS: Final = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
"""These scramble fonts only; everything else in encryption.xml encrypts the text (OCF 3.3, section 4.3)."""
_PAGES: Final = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml"})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Package:
    title: str | None
    chapters: tuple[str, ...]


def read(path: Path, context: ReadContext) -> Iterator[Item]:
    """Reads an EPUB; its title is the package's. Raises `PasswordProtected` for a book locked by copy protection."""
    with parsing("e-book"), open_archive(path, context.limits) as archive:
        archive.verify_all()
        _refuse_locked(archive)
        package = _package(archive)
        yield Meta(title=package.title)
        names = set(archive.names())
        missing = [name for name in package.chapters if name not in names]
        for name in package.chapters:
            if name in names:
                data = archive.read(name)
                for item in blocks_of(decode(data, html_charset(data))):
                    if not isinstance(item, Meta):
                        yield item
        if missing:
            yield Notice(text=f"{len(missing)} of {len(package.chapters)} chapters are missing from the file.")


def _refuse_locked(archive: SafeArchive) -> None:
    if _ENCRYPTION not in archive.names():
        return
    for method in _xml(archive, _ENCRYPTION).iter("{http://www.w3.org/2001/04/xmlenc#}EncryptionMethod"):
        if method.get("Algorithm") not in _OBFUSCATED_FONTS:
            raise PasswordProtected("The e-book is locked by copy protection (DRM). Upload a copy without it.")


def _package(archive: SafeArchive) -> _Package:
    root = next(
        (el.get("full-path") for el in _all(_xml(archive, _CONTAINER), "rootfile") if el.get("full-path")), None
    )
    if root is None:
        raise BrokenFile("The e-book is damaged: it does not say where its contents are.")
    package = _xml(archive, root)
    folder = posixpath.dirname(root)
    manifest: dict[str, str] = {}
    for item in _all(package, "item"):
        contents = "nav" in (item.get("properties") or "").split()
        if item.get("href") and item.get("media-type") in _PAGES and not contents:
            manifest[item.get("id")] = posixpath.normpath(posixpath.join(folder, unquote(item.get("href"))))
    chapters = dict.fromkeys(manifest[ref] for el in _all(package, "itemref") if (ref := el.get("idref")) in manifest)
    title = next((one_line(el.text or "") for el in _all(package, "title")), "")
    return _Package(title=title or None, chapters=tuple(chapters or manifest.values()))


def _all(root: Any, name: str) -> Iterator[Any]:
    """The elements of that name in any namespace; books differ in theirs."""
    return (el for el in root.iter() if isinstance(el.tag, str) and el.tag.rpartition("}")[2] == name)


def _xml(archive: SafeArchive, name: str) -> Any:
    import defusedxml.ElementTree

    # a DOCTYPE is common in old books and harmless; entities are not and are refused
    return defusedxml.ElementTree.fromstring(archive.read(name), forbid_dtd=False)
