"""Masks that can be taken off again: a placeholder for each value, the same wherever the value stands."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

PLACEHOLDER = re.compile(r"\[[A-Z][A-Z_]*_[0-9a-z]+\]")
_MOST = 10_000
_KEY = secrets.token_bytes(16)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Span:
    """Where something personal stands in a text, of which type, and how sure that is."""

    start: int
    end: int
    type: str
    score: float = 1.0


Naming = Callable[["Vault", str, str], str]


def numbered(vault: Vault, type: str, value: str) -> str:
    """EMAIL_ADDRESS_1, EMAIL_ADDRESS_2, … in the order of their coming; names in use already are passed over."""
    number = vault.counts.get(type, 0) + 1
    while f"[{type}_{number}]" in vault.taken:
        number += 1
    vault.counts[type] = number
    return f"[{type}_{number}]"


def drawn(vault: Vault, type: str, value: str) -> str:
    """EMAIL_ADDRESS_3f9ac2d1e0: by the value and a key of this process, so that a name never stands for another value,
    after a restart either. Names that a text brought are passed over."""
    name = ""
    while not name or name in vault.taken:
        digest = hashlib.blake2b(f"{type} {value}{name}".encode("utf-8", "replace"), key=_KEY, digest_size=5)
        name = f"[{type}_{digest.hexdigest()}]"
    return name


@dataclass(kw_only=True)
class Vault:
    """What placeholders stand for, in one answer or for one person. It holds personal data: it is never written down.

    `taken` are placeholders that texts brought with them, which stand for nothing here.
    """

    naming: Naming = numbered
    values: dict[str, str] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def mask(self, text: str, spans: Sequence[Span]) -> str:
        """The text with a placeholder in the place of each span; spans do not overlap."""
        self.note(text)
        parts, at = [], 0
        for span in sorted(spans):
            parts += [text[at : span.start], self._name(span.type, text[span.start : span.end])]
            at = span.end
        return "".join([*parts, text[at:]])

    def restore(self, text: str) -> str:
        """The text with what its placeholders stand for; unknown ones stay."""
        return PLACEHOLDER.sub(lambda found: self.values.get(found[0], found[0]), text)

    def apart(self, text: str) -> str:
        """A text of others as it may go on: what looks like a placeholder that stands for something is none any more,
        and what looks like one otherwise never will be one."""
        self.note(text)
        if "[" not in text:
            return text
        return PLACEHOLDER.sub(lambda found: f"({found[0][1:-1]})" if found[0] in self.values else found[0], text)

    def note(self, text: str) -> None:
        """Notes placeholders that a text brought with it."""
        if "[" in text:
            self.taken.update(name for name in PLACEHOLDER.findall(text) if name not in self.values)

    def _name(self, type: str, value: str) -> str:
        name = self.names.get((type, value))
        if name is None:
            name = self.names[type, value] = self.naming(self, type, value)
            self.values[name] = value
            while len(self.values) > _MOST:
                oldest = next(iter(self.values))
                self.names = {key: each for key, each in self.names.items() if each != oldest}
                del self.values[oldest]
        return name
