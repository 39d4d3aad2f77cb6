"""Makes the binary documents of the example handbook from `content/`: `python examples/make/make.py [FOLDER]`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from messages import write_eml, write_epub
from office import write_docx, write_pptx, write_xlsx
from pages import write_pdf, write_scan

HANDBOOK = Path(__file__).resolve().parent.parent / "handbook"

MADE: dict[str, Callable[[Path], None]] = {
    "employee-handbook.docx": lambda target: write_docx("employee-handbook", target, "en"),
    "betriebsvereinbarung-mobile-arbeit.docx": lambda t: write_docx("betriebsvereinbarung-mobile-arbeit", t, "de"),
    "onboarding.pptx": lambda target: write_pptx("onboarding", target),
    "price-list-2026.xlsx": lambda target: write_xlsx("price-list-2026", target),
    "travel-and-expenses.pdf": lambda t: write_pdf("travel-and-expenses", t, "Travel and Expenses Policy 3.3"),
    "aurora-400-product-sheet.pdf": lambda t: write_pdf("aurora-400-product-sheet", t, "NL-PS-A400"),
    "visitor-safety-notice.png": lambda target: write_scan("visitor-safety-notice", target),
    "supplier-offer-2027.eml": lambda target: write_eml("supplier-mail", target, "supplier-mail-prices-2027"),
    "aurora-400-field-manual.epub": lambda target: write_epub("aurora-400-field-manual", target),
}


def main(folder: Path) -> None:
    """Writes every document of `MADE` into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in MADE.items():
        write(folder / name)
        print(f"{name}: {(folder / name).stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HANDBOOK)
