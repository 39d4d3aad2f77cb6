"""The room's settings. Only `app/settings.py` reads the environment; here they are values with a meaning."""

from __future__ import annotations

from dataclasses import fields

from pydantic import BaseModel, ConfigDict, Field

from ingestion.chunk_settings import ChunkSettings
from ingestion.readers.limits import MIB, ReadLimits


class IngestionSettings(BaseModel):
    """How files are read and cut into chunks. The defaults suit a machine with 4 GiB to spare."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # the child that reads
    memory_bytes: int = Field(3 * 1024 * MIB, ge=256 * MIB, description="Address space of the child that reads a file.")
    cpu_seconds: int = Field(600, ge=1, description="CPU seconds the child may spend on one window of pages.")
    silence_seconds: float = Field(
        120.0, gt=0, description="Seconds without a sign of life (a page, a block) after which the child is killed."
    )
    document_seconds: float = Field(3600.0, gt=0, description="Seconds that reading one document may take in all.")
    max_output_bytes: int = Field(512 * MIB, ge=1024, description="Bytes of text that one document may yield in all.")
    max_blocks: int = Field(
        1_000_000, ge=1, description="Paragraphs, tables and other blocks that one document may yield in all."
    )
    max_restarts: int = Field(
        5, ge=0, description="How often reading goes on after a page that killed the child; that page is left out."
    )
    isolate_network: bool = Field(True, description="Read without a network where the system allows it.")

    # what a reader may spend
    max_expanded_bytes: int = Field(
        512 * MIB, ge=1024, description="Bytes an archive (.docx, .epub, …) or all attachments may unfold to."
    )
    max_archive_entries: int = Field(10_000, ge=1, description="Members an archive may have.")
    max_compression_ratio: int = Field(
        250, ge=1, description="How many times its own size an archive may unfold to, beyond 16 MiB."
    )
    max_nesting: int = Field(2, ge=0, description="How deep attachments may lie inside one another.")
    max_pages: int = Field(5_000, ge=1, description="Pages read of a document; the rest is left out with a warning.")
    max_image_pixels: int = Field(100_000_000, ge=1, description="Pixels an image may have.")
    page_window: int = Field(32, ge=1, description="Pages after which a document is opened afresh, to free memory.")

    # scanned pages
    ocr: bool = Field(True, description="Read scanned pages and images with Tesseract.")
    ocr_languages: tuple[str, ...] = Field(
        ("eng",), min_length=1, description="Tesseract's languages, for example eng, deu, ara."
    )
    ocr_dpi: int = Field(200, ge=72, le=600, description="Resolution at which scanned pages are read.")

    # pictures of pages
    render_dpi: int = Field(110, ge=36, le=300, description="Resolution of a page's picture if none is asked for.")
    max_render_pixels: int = Field(
        40_000_000, ge=100_000, description="Pixels a page's picture may have; larger pages are scaled down."
    )

    # cutting; how, `chunking` says, and only that is part of what chunks depend on
    chunk_seconds: float = Field(1800.0, gt=0, description="Seconds that cutting one document into chunks may take.")

    chunking: ChunkSettings = Field(default=ChunkSettings(), description="How documents are cut into chunks.")

    def read_limits(self) -> ReadLimits:
        """The part of these settings that the child needs."""
        return ReadLimits(**{field.name: getattr(self, field.name) for field in fields(ReadLimits)})
