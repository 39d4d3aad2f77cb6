"""The room's sentence: read a file, then cut what was read into chunks."""

from __future__ import annotations

import hashlib
from pathlib import Path

from core.errors import NoText
from core.types import ParsedDocument
from ingestion.chunk import chunk, chunk_fingerprint, embedded_text
from ingestion.sandbox import OnProgress, parse_sandboxed
from ingestion.settings import IngestionSettings

__all__ = ["chunk", "chunk_fingerprint", "embedded_text", "fingerprint", "parse", "parse_fingerprint"]

READING = 7
"""Raised whenever the same file would be read into other blocks, so that what was read before is known to be old."""


async def parse(
    path: Path, filename: str, settings: IngestionSettings, on_progress: OnProgress | None = None
) -> ParsedDocument:
    """Reads a file, whatever its content shows it to be, in a sandboxed child process. Cancelling kills the child.

    `filename` is the name it was uploaded under, which decides among kinds of text only. `on_progress(done, total)` is
    called with pages for formats that have them. Raises `EmptyFile`, `UnsupportedType`, `PasswordProtected`,
    `BrokenFile`, `NoText` and `ParserLimit`.
    """
    document = await parse_sandboxed(path, filename, settings, on_progress)
    if not any(block.text.strip() for block in document.blocks):
        reasons = " ".join(document.warnings)
        raise NoText(f"No text was found in the file. {reasons}".strip())
    return document


def parse_fingerprint(settings: IngestionSettings) -> str:
    """Changes whenever the blocks of a file might: the readers' version and the settings that say what is read."""
    facts = settings.model_dump_json(include={"max_nesting", "max_pages", "ocr", "ocr_languages", "ocr_dpi"})
    return hashlib.sha256(f"{READING} {facts}".encode()).hexdigest()[:12]


def fingerprint(settings: IngestionSettings) -> str:
    """Reading and cutting together: the same file under the same fingerprint gives the same chunks for an embedder."""
    return f"{parse_fingerprint(settings)}.{chunk_fingerprint(settings.chunking)}"
