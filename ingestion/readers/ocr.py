"""Scanned pages through the Tesseract built into PyMuPDF; the languages' data come from the system's package."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from ingestion.readers.base import Notice
from ingestion.readers.layout.pieces import Piece, pieces_of
from ingestion.readers.limits import ReadLimits

_PACKAGE: Final = "tesseract-ocr"
_PLACES: Final = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
)
_FEW = 50  # characters that a scanned page may carry as real text: a stamp, a page number
_MOST = 0.5  # share of the page that an image must cover
_UNREADABLE: Final = re.compile("[\ufffd\ue000-\uf8ff]")  # what fonts without a mapping leave
_MAX_PIXELS = 40_000_000
_MEASURED = 4  # characters of a line whose size can be told
_SMALLER, _LARGER = 0.8, 1.18  # of the usual size, from which a line has another
_EVENER = 2.0  # how much evener counting letters must be before a page is a typewriter's
_ALIKE = 1.12  # two sizes that differ by less are one


def tessdata(languages: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """The folder with Tesseract's data, and which of `languages` it holds; (None, ()) where there is none."""
    for place in (os.environ.get("TESSDATA_PREFIX"), *_PLACES):
        if place and Path(place).is_dir():
            present = tuple(name for name in languages if (Path(place) / f"{name}.traineddata").is_file())
            if present:
                return place, present
    return None, ()


class Tesseract:
    """Decides which pages are scanned and reads them. `notice` says once what could not be done, and why."""

    def __init__(self, library: Any, limits: ReadLimits) -> None:
        self._library = library
        self._flags = library.TEXTFLAGS_DICT & ~library.TEXT_PRESERVE_IMAGES
        self._limits = limits
        self._folder, self._languages = tessdata(limits.ocr_languages) if limits.ocr else (None, ())
        self.notice: Notice | None = None

    def wanted(self, page: Any, pieces: Sequence[Piece]) -> bool:
        """Whether a page is a picture of text: next to no readable text of its own, and an image over most of it."""
        text = "".join(piece.text for piece in pieces)
        unreadable = len(_UNREADABLE.findall(text))
        if len(text) - unreadable > _FEW and unreadable * 2 < len(text):
            return False
        return unreadable * 2 > max(len(text), 20) or self._covered(page) >= _MOST

    def pieces(self, page: Any, own: list[Piece]) -> list[Piece]:
        """The page's pieces as Tesseract reads them, or its `own` where that is more."""
        problem = self.problem()
        if problem is not None:
            self.notice = Notice(text=f"Scanned pages were left out: {problem}")
            return own
        found = self.read(page, self._dpi(page))
        return found if sum(len(p.text) for p in found) > sum(len(p.text) for p in own) else own

    def problem(self) -> str | None:
        """Why nothing can be read, and what to do about it; None when all is well."""
        if not self._limits.ocr:
            return "reading scanned pages is switched off (ocr)."
        if self._folder is None:
            names = " and ".join(f"{_PACKAGE}-{name.replace('_', '-')}" for name in self._limits.ocr_languages)
            return f"install the packages {_PACKAGE} and {names} on the server."
        return None

    def read(self, page: Any, dpi: int) -> list[Piece]:
        """What Tesseract reads on a page drawn at `dpi`."""
        text = page.get_textpage_ocr(
            flags=self._flags, language="+".join(self._languages), dpi=dpi, full=True, tessdata=self._folder
        )
        content = page.get_text("dict", textpage=text, flags=self._flags)
        _even(content["blocks"], self._library)
        return pieces_of(content["blocks"], page.rect.width, page.rect.height)

    def _dpi(self, page: Any) -> int:
        """The settings' resolution, less where the page is so large that its picture would be too big."""
        area = max(page.rect.width * page.rect.height / 72**2, 0.01)
        return max(18, min(self._limits.ocr_dpi, int((_MAX_PIXELS / area) ** 0.5)))

    @staticmethod
    def _covered(page: Any) -> float:
        """The share of the page under its largest image; scans come in strips too, so all of them are summed."""
        area = float(abs(page.rect.width * page.rect.height))
        if not area:
            return 0.0
        covered = 0.0
        for info in page.get_image_info():
            x0, y0, x1, y1 = info["bbox"]
            width = min(x1, page.rect.x1) - max(x0, page.rect.x0)
            height = min(y1, page.rect.y1) - max(y0, page.rect.y0)
            covered += max(width, 0.0) * max(height, 0.0)
        return float(min(covered / area, 1.0))


def _even(blocks: Sequence[Mapping[str, Any]], library: Any) -> None:
    """Gives every line the size that its words' widths tell, and lines of about the usual size the usual one.

    Tesseract guesses a size from each word's tallest letter, which is off by a quarter either way. Widths are compared
    with Helvetica's, or counted in letters where that fits the page better, as with typewriters and Chinese.
    """
    lines = [
        [span for span in line["spans"] if span["text"].strip()] for block in blocks for line in block.get("lines", ())
    ]
    lines = [words for words in lines if sum(len(word["text"]) for word in words) >= _MEASURED]
    if not lines:
        return
    weights = [1 + sum(len(word["text"]) for word in words) // 10 for words in lines]
    sizes = [_told(words, lambda text: library.get_text_length(text, "helv", 1)) for words in lines]
    counted = [_told(words, len) for words in lines]
    if _spread(sizes, weights) > _EVENER * _spread(counted, weights):
        sizes = counted
    usual = _median(sizes, weights)
    guessed = _median([median(word["size"] for word in words) for words in lines], weights)
    for block in blocks:
        for line in block.get("lines", ()):
            for span in line["spans"]:
                span["size"] = guessed
    step = 0.0
    for size, words in sorted(zip(sizes, lines, strict=True), key=lambda pair: -pair[0]):
        if usual and not _SMALLER < size / usual < _LARGER:
            step = size if size * _ALIKE < step or not step else step
            for word in words:
                word["size"] = guessed * step / usual


def _told(words: Sequence[Any], measure: Callable[[str], float]) -> float:
    """The width of a line's words for each unit of their text's length."""
    width = sum(word["bbox"][2] - word["bbox"][0] for word in words)
    return float(width / max(sum(measure(word["text"]) for word in words), 1.0))


def _median(values: Sequence[float], weights: Sequence[int]) -> float:
    return median(value for value, weight in zip(values, weights, strict=True) for _ in range(weight))


def _spread(values: Sequence[float], weights: Sequence[int]) -> float:
    """How far the values usually lie from the usual one, as a share of it."""
    usual = _median(values, weights)
    return _median([abs(value - usual) for value in values], weights) / max(usual, 1e-6)
