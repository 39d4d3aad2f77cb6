"""What a rail is, and what it is told of a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agents.ports import Screened
from agents.rails.vault import Vault
from core.types import PersonalPolicy, Place

_MOST_TEXTS = 2_000


@dataclass(kw_only=True)
class Links:
    """The addresses that stand in what was read; looked for only once one is asked about."""

    texts: list[str] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def note(self, text: str) -> None:
        """Notes a text that was read; the oldest are forgotten."""
        self.texts.append(text)
        if len(self.texts) > _MOST_TEXTS:
            self.texts.clear()
            self._known.clear()

    def has(self, address: str, addresses: Callable[[str], Iterable[str]]) -> bool:
        """Whether one of the texts has the address, to the letter."""
        while self.texts:
            self._known.update(addresses(self.texts.pop()))
        return address in self._known


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """Where a text is going. `vault` keeps what is masked, and `links` what addresses were read, as long as the answer
    or the person is the same."""

    place: Place
    personal: PersonalPolicy = "allow"
    vault: Vault = field(default_factory=Vault)
    links: Links = field(default_factory=Links)


class Rail(Protocol):
    """Looks at texts for one thing."""

    @property
    def name(self) -> str:
        """Names it in findings and metrics."""
        ...

    async def look(self, text: str, way: Way) -> Screened:
        """The text as it may go on. Whatever is raised holds the text back."""
        ...


class Policies(Protocol):
    """What collections say of personal data."""

    async def of_collections(self, names: Sequence[str]) -> frozenset[PersonalPolicy]:
        """The policies of these collections, or of all where none is named."""
        ...

    async def of_document(self, document_id: str) -> PersonalPolicy:
        """The policy of the collection that a document is in; "block" where it is in none any more."""
        ...


def governing(found: frozenset[PersonalPolicy]) -> PersonalPolicy:
    """What holds for a text that may come from any of several collections: blocked only where all would block it."""
    if found <= {"allow"}:
        return "allow"
    return "block" if found == {"block"} else "mask"
