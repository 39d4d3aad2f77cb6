"""What the three Office formats share: the archive's checks, safe XML, the document's properties (ECMA-376)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from core.errors import BrokenFile
from ingestion.archives import SafeArchive, open_archive
from ingestion.readers.base import ReadContext
from ingestion.readers.words import one_line

W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
M: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_TITLE: Final = "{http://purl.org/dc/elements/1.1/}title"
_PROLOG: Final = 16 * 1024
_STRICT: Final = (
    (b"http://purl.oclc.org/ooxml/wordprocessingml/main", W[1:-1].encode()),
    (b"http://purl.oclc.org/ooxml/officeDocument/math", M[1:-1].encode()),
)

Node = Any
"""An element of lxml, which has no types."""


def check(path: Path, context: ReadContext) -> None:
    """Counts what the archive unfolds to and refuses parts with a DTD, which Office formats forbid and attacks need.

    To be called before any library opens the file. Raises `BrokenFile`, `ParserLimit` or `PasswordProtected`.
    """
    with open_archive(path, context.limits) as archive:
        archive.verify_all()
        for name in archive.names():
            if name.endswith((".xml", ".rels", ".vml")) and b"<!DOCTYPE" in _start(archive, name):
                raise BrokenFile("The file holds definitions that Office files must not hold, so it was not read.")


def xml(data: bytes) -> Node:
    """The root of an XML part; no entity is resolved, nothing fetched. Raises lxml's own errors."""
    import lxml.etree

    parser = lxml.etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    return lxml.etree.fromstring(data, parser=parser)


def word_xml(data: bytes) -> Node:
    """As `xml`, with the names of the strict dialect turned into those of the usual one."""
    for strict, usual in _STRICT:
        data = data.replace(strict, usual)
    return xml(data)


def core_title(archive: SafeArchive) -> str | None:
    """The title in the document's properties; None where it is missing or a program's placeholder."""
    if "docProps/core.xml" not in archive.names():
        return None
    title = one_line(xml(archive.read("docProps/core.xml")).findtext(_TITLE) or "")
    return None if title.lower() in _PLACEHOLDERS else title or None


_PLACEHOLDERS: Final = frozenset(
    {
        "word document",
        "powerpoint presentation",
        "powerpoint-präsentation",
        "présentation powerpoint",
        "untitled",
        "document",
        "presentation",
        "title",
        "slide 1",
        "microsoft word",
        "workbook",
    }
)


def _start(archive: SafeArchive, name: str) -> bytes:
    """A part's first bytes as if they were ASCII, also where they are UTF-16."""
    return archive.head(name, _PROLOG).replace(b"\0", b"").upper()
