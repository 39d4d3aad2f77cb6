"""Rows that say the same, and rows that say the opposite. The door to datasketch.

Near-duplicates are found by MinHash with locality-sensitive hashing (Broder 1997; Indyk and Motwani 1998) and told by
their true Jaccard likeness. Two texts with different numbers in them are never one: "28 days" is not "30 days".
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.terms import numbers, squeezed
from core.types import Example
from finetune.report import Report
from finetune.rows import digest
from finetune.target import plain

LETTERS = 5
PERMUTATIONS = 128


@dataclass(frozen=True, slots=True)
class _Looks:
    """What a text is compared by: its letters, their runs, its numbers, and a sketch of the runs."""

    said: str
    pieces: frozenset[str]
    figures: frozenset[str]
    sketch: Any


class Alike:
    """Texts that were added, and which of them another text is like."""

    def __init__(self, threshold: float) -> None:
        from datasketch import MinHash, MinHashLSH

        self._threshold = threshold
        self._exact: dict[str, str] = {}
        self._known: list[_Looks] = []
        self._looked: tuple[str, _Looks] | None = None
        # 32 bits of a checksum are spread by the sketch itself; one set of permutations serves all.
        self._empty: Any = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=zlib.crc32)
        # Asked for a little less than wanted, so that hardly one is missed; the true likeness decides.
        self._index: Any = MinHashLSH(num_perm=PERMUTATIONS, params=bands(threshold - 0.15))

    def find(self, text: str) -> str | None:
        """The key of the first text added that this one is like."""
        looks = self._look(text)
        if looks.said in self._exact:
            return self._exact[looks.said]
        for key in sorted(self._index.query(looks.sketch), key=int):
            known = self._known[int(key)]
            shared, all_of = len(looks.pieces & known.pieces), len(looks.pieces | known.pieces)
            if looks.figures == known.figures and shared >= self._threshold * all_of:
                return str(key)
        return None

    def add(self, text: str) -> str:
        """Adds a text under a key of its own: "0", "1", …"""
        looks, key = self._look(text), str(len(self._known))
        self._exact.setdefault(looks.said, key)
        self._known.append(looks)
        self._index.insert(key, looks.sketch)
        return key

    def _look(self, text: str) -> _Looks:
        """What was looked for is added next, as a rule: the last one is kept."""
        if self._looked is None or self._looked[0] != text:
            said = squeezed(text)
            pieces = frozenset(said[i : i + LETTERS] for i in range(max(1, len(said) - LETTERS + 1)))
            sketch = self._empty.copy()
            sketch.update_batch([piece.encode("utf-8", "replace") for piece in sorted(pieces)])
            self._looked = (text, _Looks(said, pieces, numbers(text), sketch))
        return self._looked[1]


def bands(threshold: float) -> tuple[int, int]:
    """How many bands of how many rows a sketch is cut into, so that two texts as alike as this share a band more often
    than not: the most rows for which (1/bands)^(1/rows), the middle of the curve, is not above the threshold."""
    fitting = [rows for rows in range(1, PERMUTATIONS + 1) if (rows / PERMUTATIONS) ** (1 / rows) <= threshold]
    rows = max(fitting, default=1)
    return PERMUTATIONS // rows, rows


def distinct(examples: Sequence[Example], threshold: float, report: Report) -> list[Example]:
    """Each said once: of those that are alike in kind, question and answer, the oldest stays."""
    shelves: dict[tuple[Any, ...], Alike] = {}
    kept: dict[tuple[Any, ...], str] = {}
    ids: set[str] = set()
    found = []
    for example in sorted(examples, key=age):
        shelf_key = (example.kind, example.label, _offered(example))
        if shelf_key not in shelves:
            shelves[shelf_key] = Alike(threshold)
        shelf = shelves[shelf_key]
        text = _text(example)
        like = shelf.find(text)
        if example.id in ids or like is not None:
            reason = "duplicate" if example.id in ids else "near_duplicate"
            same = example.id if example.id in ids else kept[(*shelf_key, like)]
            report.refuse(f"example:{example.id}", "check", reason, f"It says what example:{same} says.")
            continue
        ids.add(example.id)
        kept[(*shelf_key, shelf.add(text))] = example.id
        found.append(example)
    return found


def uncontradicted(examples: Sequence[Example], report: Report) -> list[Example]:
    """Without judgements that others contradict: where one is told good and bad, or two the other way round, the side
    that more people took stays; where they are even, the one with more corrections, which sources carry; else none."""
    sides: dict[str, dict[str, tuple[set[str], set[str]]]] = {}
    for example in examples:
        if (key := _question_of(example)) is not None:
            people, correctors = sides.setdefault(key[0], {}).setdefault(key[1], (set(), set()))
            people.add(example.lineage.person or example.id)
            if example.lineage.maker == "correction":
                correctors.add(example.lineage.person or example.id)
    found = []
    for example in examples:
        key = _question_of(example)
        if key is not None:
            weights = {side: (len(people), len(correctors)) for side, (people, correctors) in sides[key[0]].items()}
            mine = weights.pop(key[1])
            others = max(weights.values(), default=(0, 0))
            if others >= mine:
                detail = f"{others[0]} found the opposite, {mine[0]} found this."
                report.refuse(f"example:{example.id}", "check", "contradicted", detail)
                continue
        found.append(example)
    return found


def age(example: Example) -> tuple[str, str]:
    """What the oldest comes first by; rows without a time come last."""
    at = example.lineage.at
    return (at.isoformat() if at else "~", example.id)


def _question_of(example: Example) -> tuple[str, str] | None:
    """What is judged, and the side taken."""
    where = squeezed(example.question)
    if example.kind == "kto":
        return digest([where, squeezed(example.completion)]), str(example.label)
    if example.kind == "preference":
        pair = sorted([squeezed(example.completion), squeezed(example.rejected)])
        return digest([where, pair]), squeezed(example.completion)
    return None


def _text(example: Example) -> str:
    """What makes a row: its question, and what is said to it."""
    if example.kind == "retrieval":
        return " ".join([example.question, *example.positives])
    asked = example.question or example.prompt[-1].content
    return " ".join([asked, plain(example.completion), plain(example.rejected)]) if example.completion else asked


def _offered(example: Example) -> str:
    """The sources that a prompt offers: asked of others, the same question is another row."""
    return digest([source.text for source in example.sources]) if example.kind == "prompt" else ""
