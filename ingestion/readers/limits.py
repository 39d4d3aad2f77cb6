"""What a reader may spend. Plain dataclasses, so that the child that reads a small file starts without pydantic."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.errors import ParserLimit

MIB = 1024 * 1024
TOO_MUCH_DATA = "The file unfolds to more data than is allowed here. Split it, or raise max_expanded_bytes."


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadLimits:
    """The limits of one reading. `ingestion.settings.IngestionSettings` documents and fills them."""

    max_expanded_bytes: int = 512 * MIB
    max_archive_entries: int = 10_000
    max_compression_ratio: int = 250
    max_nesting: int = 2
    max_pages: int = 5_000
    max_image_pixels: int = 100_000_000
    ocr: bool = True
    ocr_languages: tuple[str, ...] = ("eng",)
    ocr_dpi: int = 200
    page_window: int = 32


@dataclass(kw_only=True, slots=True)
class Budget:
    """The bytes that one file with everything nested in it may still unfold to."""

    left: int
    spent: int = field(default=0)

    def spend(self, amount: int) -> None:
        """Takes `amount` bytes off. Raises `ParserLimit` when there are not that many left."""
        self.spent += amount
        self.left -= amount
        if self.left < 0:
            raise ParserLimit(TOO_MUCH_DATA)
