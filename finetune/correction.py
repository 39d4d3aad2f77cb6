"""Reads what a person wrote as the answer that should have been: statements, and the sources that carry each.

People keep the marks of an answer they edit ("28 days. [1][3]"), leave them out, or paste the JSON of an answer. A
statement keeps the sources it is marked with where they carry it; else the offered ones are looked through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.terms import terms
from core.types import Source, Statement
from finetune.ports import Support
from finetune.target import Said, parsed, statements

LOOKED_AT = 4
"""Sources that a statement without marks is held against: those that share most words with it."""
_MARKS = re.compile(r"\s*((?:\[[^\[\]\s]{1,16}\]\s?)+)\s*([.!?…。！？]?)")
_UNKNOWN = re.compile(r"\s?\[\d{1,3}\]")
_SENTENCE = re.compile(r"(?<=[.!?…。！？؟])[\"'”’»)\]]*\s+|(?<=[。！？])|\n+")


def read(text: str, ids: Sequence[str], max_chars: int) -> list[Said]:
    """The statements of a correction, each with those of its marks that are ids of sources."""
    found = statements(parsed(text))
    if found is not None:
        return [Said(text=each.text.strip(), sources=_known(each.sources, ids)) for each in found if each.text.strip()]
    text = "\n".join(line for part in text.splitlines() if (line := " ".join(part.split())))
    pieces: list[Said] = []
    start = 0
    for mark in _MARKS.finditer(text):
        named = _known(re.findall(r"\[([^\[\]\s]+)\]", mark[1]), ids)
        if not named:
            continue
        pieces.append(Said(text=text[start : mark.start()].strip() + mark[2], sources=named))
        start = mark.end()
    pieces += [Said(text=sentence, sources=()) for sentence in _sentences(text[start:])]
    return [each for piece in pieces for each in _bounded(piece, max_chars)]


async def attribute(said: Sequence[Said], sources: Sequence[Source], support: Support, least: float, most: int) -> list[
    Statement
]:  # fmt: skip
    """Each statement with the sources that carry it, at most `most`; unsupported where none do as far as `least`."""
    return [await _attributed(each, sources, support, least, most) for each in said]


def max_statement_chars(schema: Mapping[str, Any]) -> int:
    """The longest statement that the schema of an answer allows."""
    statement = schema.get("properties", {}).get("statements", {}).get("items", {})
    found = statement.get("properties", {}).get("text", {}).get("maxLength", 10_000)
    return int(found)


async def _attributed(said: Said, sources: Sequence[Source], support: Support, least: float, most: int) -> Statement:
    marked = [source for source in sources if source.id in said.sources][:most]
    if marked:
        carried = await support.support(said.text, marked)
        if carried >= least:
            return _statement(said.text, marked, carried, least)
    best: list[Source] = []
    highest = 0.0
    nearest = _nearest(said.text, sources)
    for chosen in [*([each] for each in nearest), nearest[: min(2, most)]]:
        carried = await support.support(said.text, chosen)
        if carried > highest:
            best, highest = chosen, carried
    return _statement(said.text, best, highest, least)


def _statement(text: str, sources: Sequence[Source], support: float, least: float) -> Statement:
    ids = tuple(source.id for source in sources)
    return Statement(text=text, sources=ids, support=support, supported=bool(ids) and support >= least)


def _nearest(text: str, sources: Sequence[Source]) -> list[Source]:
    said = set(terms(text))
    shared = {source.id: len(said & set(terms(f"{source.title} {source.text}"))) for source in sources}
    return sorted(sources, key=lambda source: -shared[source.id])[:LOOKED_AT]


def _known(named: Sequence[str], ids: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in named if name in ids))


def _sentences(text: str) -> list[str]:
    unmarked = _UNKNOWN.sub("", text)
    return [sentence.strip() for sentence in _SENTENCE.split(unmarked) if re.search(r"\w", sentence)]


def _bounded(said: Said, max_chars: int) -> list[Said]:
    if not re.search(r"\w", said.text):
        return []
    if len(said.text) <= max_chars:
        return [said]
    return [Said(text=sentence, sources=said.sources) for sentence in _sentences(said.text)]
