"""Which reader reads which media type. The modules are imported when they are needed, inside the child."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final, cast

from core.errors import UnsupportedType
from ingestion.readers.base import Reader

DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX: Final = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

READERS: Final[Mapping[str, str]] = {
    "application/pdf": "ingestion.readers.pdf:read",
    "image/png": "ingestion.readers.image:read",
    "image/jpeg": "ingestion.readers.image:read",
    DOCX: "ingestion.readers.docx:read",
    PPTX: "ingestion.readers.pptx:read",
    XLSX: "ingestion.readers.xlsx:read",
    "text/html": "ingestion.readers.html:read",
    "text/plain": "ingestion.readers.text:read",
    "text/markdown": "ingestion.readers.markdown:read",
    "text/csv": "ingestion.readers.delimited:read",
    "message/rfc822": "ingestion.readers.mail:read",
    "application/epub+zip": "ingestion.readers.epub:read",
}

SUPPORTED: Final = (
    "PDF, Word (.docx), PowerPoint (.pptx), Excel (.xlsx), HTML, Markdown, plain text, CSV, e-mail (.eml), EPUB, "
    "PNG and JPEG"
)


def reader_for(media_type: str) -> Reader:
    """The reader of a media type. Raises `UnsupportedType` when there is none."""
    try:
        module, _, function = READERS[media_type].partition(":")
    except KeyError:
        raise UnsupportedType(f"Files of type {media_type} cannot be read. Supported are {SUPPORTED}.") from None
    return cast(Reader, getattr(import_module(module), function))
