"""What this room is given to work with; `app` hands it over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from core.types import Source
from finetune.registry import Version, VersionKind

Languages = Callable[[str], str | None]
"""The language of a text as a two-letter code; None where it cannot be told."""


class Support(Protocol):
    """Says how far sources carry a statement."""

    async def support(self, statement: str, sources: Sequence[Source]) -> float:
        """In [0, 1]; 0 without sources. Raises `EmbedderUnavailable`."""
        ...


class Evidence(Protocol):
    """Searches the documents as they are now."""

    async def passages(self, query: str, principal_id: str, limit: int) -> Sequence[Source]:
        """Passages of live documents that this person may read, best first. Raises `IndexUnavailable`."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Masked:
    """Texts without personal data, in order, and how much was masked; `blocked` says why they may not be used."""

    texts: tuple[str, ...]
    count: int = 0
    blocked: str | None = None


class Masker(Protocol):
    """Masks personal data."""

    async def mask(self, texts: Sequence[str]) -> Masked:
        """The texts of one example: what is the same in two of them gets the same mask."""
        ...


class Versions(Protocol):
    """Where versions of what was trained are kept: a folder (`finetune/registry.py`), or a bucket of S3
    (`finetune/bucket_registry.py`). Everything takes files and moments: call it in a thread. A bucket that does not
    answer is `StoreUnavailable` from each of these."""

    def publish(
        self, title: str, kind: VersionKind, source: Path, card: Mapping[str, Any], text: str, now: float | None = None
    ) -> Version:
        """Keeps what was trained: whole, or not at all. The same files under the same title are one version, with the
        card of the first. Raises `InvalidInput` for a title that cannot be one, `ConfigurationError` for files that
        are not what the kind needs."""
        ...

    def versions(self, title: str | None = None) -> list[Version]:
        """All there are, the newest first; or those of a title."""
        ...

    def get(self, name: str) -> Version:
        """What is known of one. Raises `NotFound`."""
        ...

    def verify(self, name: str) -> list[str]:
        """What is wrong with its files where they are kept; nothing where they are whole. Raises `NotFound`."""
        ...

    def sound(self, name: str) -> Version:
        """One whose files lie in its folder on this machine and are whole. Raises `ConfigurationError` where they are
        not, `NotFound`."""
        ...

    def remove(self, name: str) -> None:
        """Forgets one. Raises `NotFound`."""
        ...

    def pins(self) -> dict[str, str]:
        """Who pinned which version."""
        ...

    def pin(self, name: str, who: str) -> None:
        """Has a version stay whatever the rule says. Raises `NotFound`."""
        ...

    def unpin(self, name: str) -> None:
        """Leaves a version to the rule again. Raises `NotFound`."""
        ...

    def sweep(self) -> None:
        """Removes what is left of publications that never came to their end."""
        ...

    def check(self) -> str:
        """Says where versions are kept, once that has answered."""
        ...
