"""Sources into a model's window: how many fit, and in which order they are read.

Models read the beginning and the end of a long prompt best (Liu et al. 2023, "Lost in the Middle"), so the best source
comes first and the second best last. Neighbouring passages of a document repeat one another's edges; they are put in
reading order, and what the one before has said already is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents.prompting import answer_messages
from core.errors import InvalidInput
from core.ports import PromptWindow
from core.types import Message, Source

LEAST_OVERLAP = 24
"""Characters that one passage's end and another's beginning must share to be neighbours."""
FRAME = 512
"""Tokens allowed for what a model's chat template puts around a prompt that is not counted."""
LEAST_TEXT = 200
"""Characters below which a passage is not cut any further."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """The sources that fit, best first, and whether anything was left out for want of room."""

    sources: tuple[Source, ...]
    cut: bool = False


async def fitting(
    question: str, sources: Sequence[Source], window: PromptWindow | None, max_tokens: int, *, marks: bool = False
) -> Packed:
    """As many of the best sources as the prompt has room for, at least one, cut where it alone is too long. `marks` as
    in `answer_messages`.

    Raises `InvalidInput` where the question leaves no room for any.
    """
    if window is None or not sources:
        return Packed(sources=tuple(sources))
    room = await window.room(max_tokens)

    async def fits(some: Sequence[Source]) -> bool:
        messages = answer_messages(question, arranged(some), marks=marks)
        return surely_fits(messages, room) or await window.count(messages) <= room

    if await fits(sources):
        return Packed(sources=tuple(sources))
    low, high = 0, len(sources) - 1  # `low` sources fit, or none was tried; more than `high` do not
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if await fits(sources[:middle]) else (low, middle - 1)
    if low:
        return Packed(sources=tuple(sources[:low]), cut=True)
    first = sources[0]
    while len(first.text) > LEAST_TEXT:
        first = _halved(first)
        if await fits([first]):
            return Packed(sources=(first,), cut=True)
    raise InvalidInput("The question leaves no room for a passage in the model's window. Shorten it.")


def surely_fits(messages: Sequence[Message], room: int) -> bool:
    """Whether a prompt need not be counted: byte-level tokenizers make no more tokens than there are bytes."""
    return sum(len(each.content.encode("utf-8", "replace")) for each in messages) + FRAME <= room


def arranged(sources: Sequence[Source]) -> list[Source]:
    """The sources as a prompt shows them: neighbours joined, the best first and the second best last."""
    runs = _runs(sources)
    return [source for run in (*runs[::2], *reversed(runs[1::2])) for source in run]


def _halved(source: Source) -> Source:
    kept = source.text[: len(source.text) // 2]
    return replace(source, text=kept, sentences=tuple(span for span in source.sentences if span[1] <= len(kept)))


def _runs(sources: Sequence[Source]) -> list[list[Source]]:
    """Runs of neighbours in reading order, each where its best member stands."""
    after: dict[str, tuple[Source, int]] = {}
    led: set[str] = set()
    for one in sources:
        for other in sources:
            if one.id not in after and other.id not in led and (shared := _overlap(one, other)):
                after[one.id] = (other, shared)
                led.add(other.id)
    runs = {source.id: _run(source, after) for source in sources if source.id not in led}
    reached = {source.id for run in runs.values() for source in run}
    runs |= {source.id: [source] for source in sources if source.id not in reached}  # those that lead to one another
    place = {source.id: number for number, source in enumerate(sources)}
    return sorted(runs.values(), key=lambda run: min(place[source.id] for source in run))


def _run(first: Source, after: dict[str, tuple[Source, int]]) -> list[Source]:
    run = [first]
    here = first
    while here.id in after:
        here, shared = after[here.id]
        run.append(replace(here, text=here.text[shared:].lstrip(), sentences=()))
    return run


def _overlap(one: Source, other: Source) -> int:
    """How many characters at the end of one passage stand at the beginning of the next; 0 where it is no neighbour."""
    if one.version_id != other.version_id or one.id == other.id or len(other.text) <= LEAST_OVERLAP:
        return 0
    head = other.text[:LEAST_OVERLAP]
    at = one.text.find(head, 1)
    while at > 0:
        shared = one.text[at:]
        if len(shared) < len(other.text) and other.text.startswith(shared):
            return len(shared)
        at = one.text.find(head, at + 1)
    return 0
