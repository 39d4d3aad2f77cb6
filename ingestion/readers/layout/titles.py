"""What the headings of some pages say of the whole document: how deep each style is, and the document's title."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from ingestion.readers.layout.paragraphs import headings
from ingestion.readers.layout.pieces import Piece
from ingestion.readers.layout.profile import Profile

_BIG: Final = 1.2  # times the body's size, from which a heading may be the title
_NO_TITLE: Final = re.compile(
    r"^(?:microsoft (?:word|powerpoint|excel)|untitled|document\d*$|presentation\d*$|print|title$|pdf|form \S+$"
    r"|united states|securities and exchange|(?:table of )?contents$|for immediate release|confidential$|draft$)"
    r"|^\S*[/\\]\S*$|\.(?:docx?|pdf|indd|pptx?|xlsx?|qxd|rtf|txt|html?|tex|dvi|ps|cdr|eps)$|^[\W\d_]+$|^[^\w\s\"'“‘(]",
    re.I,
)


def ranked(profile: Profile, samples: Mapping[int, Sequence[Piece]]) -> Profile:
    """The profile with the styles of the headings on the sampled pages, the highest first."""
    styles = Counter(
        style
        for number, pieces in samples.items()
        for style in {style for style, _ in headings(profile.without_running(pieces, number), profile)}
    )
    often = 2 if profile.pages > 3 else 1  # what only a cover has is no level
    kept = [style for style, pages in styles.items() if pages >= often]
    return replace(profile, styles=tuple(sorted(kept, reverse=True)))


def title_of(pieces: Sequence[Piece], profile: Profile) -> str | None:
    """The first of the biggest headings of a page, if it is bigger than the text and reads as a title."""
    found = headings(pieces, profile)
    big = [(style[0], text) for style, text in found if style[0] > _BIG * profile.body_size]
    top = max((size for size, _ in big), default=0.0)
    return next((text for size, text in big if size == top and reads_as_title(text)), None)


def reads_as_title(text: str) -> bool:
    """Whether a text may be a document's title: not the name of a file or of a program, and no form's heading."""
    return 3 < len(text) <= 200 and not _NO_TITLE.search(text)
