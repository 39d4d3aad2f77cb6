"""What an extractive answer can be made of: the sentences and table rows of a request's sources, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.terms import squeezed, terms, unnumbered
from core.types import Source
from serving.pieces import LIST_CHARS, line, pieces

HEADING_CHARS = 120
"""Characters of a heading that are embedded with its sentences."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A sentence that could be said, and the terms it is judged by.

    `embedded` is the text behind its heading, without which "Up to 140 euros a night." means little. `sources` are
    the ids of all sources that contain it, the first one first. `position` orders candidates as they are read: the
    source's place, then the sentence's. `near` adds what gives a sentence its sense: the one before, the heading, a
    table's header; `around` adds the whole passage, its title and headings. `whole` is the list that it is an item of.
    """

    text: str
    embedded: str
    sources: tuple[str, ...]
    position: tuple[int, int]
    own: frozenset[str]
    near: frozenset[str]
    around: frozenset[str]
    whole: Candidate | None = None


def candidates(sources: Sequence[Source], max_chars: int) -> list[Candidate]:
    """Every sentence and row once, in reading order, none longer than `max_chars`."""
    found: dict[str, Candidate] = {}
    wholes: dict[str, str] = {}
    for place, source in enumerate(sources):
        heading = bounded(unnumbered(line(source.heading_path[-1])), HEADING_CHARS) if source.heading_path else ""
        cut = list(pieces(source, min(LIST_CHARS, max_chars)))
        around = frozenset(terms(line(" ".join([source.title, *source.heading_path])))).union(
            *(terms(part) for piece in cut for part in (piece.text, piece.beside))
        )
        for number, piece in enumerate(cut):
            key = squeezed(piece.text)
            if not key:
                continue
            if piece.whole:
                wholes[key] = squeezed(piece.whole)
            if key in found:
                found[key] = _also(found[key], source.id)
                continue
            own = frozenset(terms(piece.text))
            text = bounded(piece.text, max_chars)
            found[key] = Candidate(
                text=text,
                embedded=f"{heading}: {text}" if heading and not text.startswith(heading) else text,
                sources=(source.id,),
                position=(place, number),
                own=own,
                near=own | frozenset(terms(piece.beside)) | frozenset(terms(heading)),
                around=around | own,
            )
    return [replace(each, whole=found.get(wholes.get(key, ""))) for key, each in found.items()]


def bounded(text: str, max_chars: int) -> str:
    """The text, cut after a word with an ellipsis where it is longer than `max_chars`."""
    if len(text) <= max_chars:
        return text
    cut = text[: max_chars - 1]
    space = cut.rfind(" ", max_chars // 2)
    return cut[: space if space > 0 else None].rstrip() + "…"


def _also(candidate: Candidate, source: str) -> Candidate:
    if source in candidate.sources:
        return candidate
    return replace(candidate, sources=(*candidate.sources, source))
