"""The rail for personal data: does nothing, masks, or blocks, as the collection says."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from agents.ports import Screened
from agents.rails.pipeline import Way
from agents.rails.vault import Span
from core.types import Finding, Place

_REMEMBERED = 10_000
_OTHERS: frozenset[Place] = frozenset({"passage", "tool_result"})
"""Where texts are others', who may have written placeholders into them for something to be put there."""


class Finder(Protocol):
    """Finds personal data in a text."""

    def find(self, text: str) -> list[Span]:
        """Spans in reading order that do not overlap."""
        ...


class PersonalRail:
    """Looks for personal data where a policy asks for it. `load` makes the finder, in a thread, on first use."""

    name = "personal"

    def __init__(self, load: Callable[[], Finder]) -> None:
        self._load = load
        self._finder: Finder | None = None
        self._lock = asyncio.Lock()
        self._known: dict[bytes, list[Span]] = {}

    @property
    def loaded(self) -> bool:
        """Whether any text was looked at yet."""
        return self._finder is not None

    async def look(self, text: str, way: Way) -> Screened:
        """The text with placeholders, or blocked. Raises what the finder raises."""
        if way.place in _OTHERS:
            text = way.vault.apart(text)
        if way.personal == "allow":
            return Screened(text=text)
        finder = self._finder or await self._made()
        spans = await self._spans(finder, text)
        way.vault.note(text)
        if not spans:
            return Screened(text=text)
        counts = Counter(span.type for span in spans)
        blocks = way.personal == "block"
        findings = tuple(
            Finding(rail=self.name, place=way.place, action="blocked" if blocks else "masked", what=what, count=count)
            for what, count in sorted(counts.items())
        )
        if blocks:
            kinds = ", ".join(sorted(counts))
            return Screened(text="", findings=findings, blocked=f"It holds personal data ({kinds}).")
        return Screened(text=way.vault.mask(text, spans), findings=findings)

    async def _spans(self, finder: Finder, text: str) -> list[Span]:
        """What was found in a text before is remembered by its digest: the same passages are found again and again."""
        key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        spans = self._known.get(key)
        if spans is None:
            spans = self._known[key] = await asyncio.to_thread(finder.find, text)
            while len(self._known) > _REMEMBERED:
                self._known.pop(next(iter(self._known)))
        return spans

    async def _made(self) -> Finder:
        async with self._lock:
            if self._finder is None:
                self._finder = await asyncio.to_thread(self._load)
            return self._finder
