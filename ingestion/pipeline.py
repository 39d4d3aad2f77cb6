"""The room's sentence: read a file, then cut what was read into chunks."""

from __future__ import annotations

from pathlib import Path

from core.errors import NoText
from core.types import ParsedDocument
from ingestion.chunk import chunk, chunk_fingerprint, embedded_text
from ingestion.sandbox import OnProgress, parse_sandboxed
from ingestion.settings import IngestionSettings

__all__ = ["chunk", "chunk_fingerprint", "embedded_text", "parse"]


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
