"""What an answer may hold: no images, links only to what was read or to allowed hosts, and nothing of our prompts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib import resources
from urllib.parse import urlsplit

from agents.ports import Screened
from agents.rails.markup import PLACED, SUSPICIOUS, addresses, bare, cleaned
from agents.rails.pipeline import Links, Way
from agents.rails.settings import OutputRailSettings
from core.types import Finding

_WORDS = re.compile(r"\w+")


class OutputRail:
    """Reads statements of answers. Links stay where they stand in what was read, to the letter."""

    name = "output"

    def __init__(self, settings: OutputRailSettings, prompts: Sequence[str] = ()) -> None:
        self._own = tuple(prompts)
        self._hosts = tuple(host.lower() for host in settings.hosts)
        self._words = settings.prompt_words

    async def look(self, text: str, way: Way) -> Screened:
        """Images and links that are not allowed are taken out; a text with a piece of a prompt is blocked."""
        if way.place in ("passage", "tool_result"):
            way.links.note(text)
            return Screened(text=text)
        if way.place != "answer":
            return Screened(text=text)
        if self.leaks(text):
            finding = Finding(rail=self.name, place=way.place, action="blocked", what="prompt")
            return Screened(text="", findings=(finding,), blocked="It repeats the instructions of this system.")
        return self._cleaned(text, way)

    def holds_back(self, text: str) -> bool:
        """Whether a statement that has grown so far is shown only once it is whole and was looked at."""
        return SUSPICIOUS.search(text) is not None or self.leaks(text)

    def leaks(self, text: str) -> bool:
        """Whether so many words in a row stand in one of the prompts."""
        return any(run in self._prompts for run in _runs(text, self._words))

    @cached_property
    def _prompts(self) -> frozenset[tuple[str, ...]]:
        files = (file for file in resources.files("agents.prompts").iterdir() if file.name.endswith(".md"))
        texts = (*self._own, *(file.read_text("utf-8") for file in files))
        return frozenset(run for text in texts for run in _runs(text, self._words))

    def _cleaned(self, text: str, way: Way) -> Screened:
        said, images, links = cleaned(text, lambda address: self._allowed(address, way.links))
        findings = tuple(
            Finding(rail=self.name, place=way.place, action="masked", what=what, count=count)
            for what, count in (("image", images), ("link", links))
            if count
        )
        return Screened(text=said, findings=findings)

    def _allowed(self, address: str, read: Links) -> bool:
        if not PLACED.search(address) and read.has(bare(address), addresses):
            return True
        try:
            parts = urlsplit(address if "//" in address else f"//{address}")
            host = (parts.hostname or "").rstrip(".")
        except ValueError:
            return False
        if parts.scheme not in ("http", "https", "") or "@" in parts.netloc or "\\" in address:
            return False
        return any(host == each or (each.startswith("*.") and host.endswith(each[1:])) for each in self._hosts)


def _runs(text: str, length: int) -> Iterable[tuple[str, ...]]:
    words = [word.lower() for word in _WORDS.findall(text)]
    return (tuple(words[at : at + length]) for at in range(len(words) - length + 1))
