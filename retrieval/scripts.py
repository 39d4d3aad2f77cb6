"""Which scripts a text is written in, and whether an embedder was trained on them.

A model that never saw a script gives vectors that say nothing, and fused with good word matches they do harm: on
XQuAD's Arabic paragraphs (477 questions, nDCG@10) words alone reach 0.944, MiniLM alone 0.065, both fused 0.462.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

Reads = Callable[[str], bool]


def reader_of(scripts: Sequence[str]) -> Reads:
    """Whether most letters of a text are of one of these scripts, by their Unicode names (LATIN, ARABIC, CJK, …).

    No scripts at all means every script. A text without letters counts as readable.
    """
    known = frozenset(script.upper() for script in scripts)

    def reads(text: str) -> bool:
        if not known:
            return True
        letters = [unicodedata.name(character, "").partition(" ")[0] for character in text if character.isalpha()]
        return 2 * sum(name in known for name in letters) >= len(letters)

    return reads
