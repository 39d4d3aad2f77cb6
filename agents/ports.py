"""The ports that only agents need; `app` implements those that look into the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from core.types import Answer, AnswerTrace, Document, Finding, Place, Principal, StoredChunk


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """A page of documents; `more` is the cursor of the next one, None at the end."""

    documents: tuple[Document, ...]
    more: str | None = None


class Library(Protocol):
    """The documents as a principal may read them, live versions only."""

    async def documents(
        self,
        principal: Principal,
        *,
        collections: Sequence[str] = (),
        title: str = "",
        limit: int = 20,
        after: str | None = None,
    ) -> Shelf:
        """Documents whose title or file name contains `title`, newest first. Raises `InvalidCursor`."""
        ...

    async def document(self, document_id: str, principal: Principal) -> Document:
        """One document. Raises `NotFound` where there is none, or none for this principal."""
        ...

    async def passages(
        self, document_id: str, principal: Principal, *, start: int = 0, limit: int = 50
    ) -> Sequence[StoredChunk]:
        """The document's passages in reading order from ordinal `start` on. Raises `NotFound` as `document` does."""
        ...

    async def readable(self, document_ids: Sequence[str], principal: Principal) -> Mapping[str, tuple[str, ...]]:
        """The groups of those of these documents that the principal may read now; the others are left out."""
        ...


Begun = Literal["new", "done", "unknown"]
"""Of an effect: it was never begun; it was done, and what it brought is known; it was begun, and nobody knows."""


class Ledger(Protocol):
    """Which effects were begun and done, so that none is done twice.

    `call_id` names a call for good: the same in every process that takes the run up again. Both calls are committed
    when they return.
    """

    async def begin(self, call_id: str, *, tool: str, arguments: Mapping[str, Any], again: int = 0) -> Begun:
        """Writes down that the effect is about to happen; only "new" allows it. `again` is how often a person has said
        that an unknown one is to be begun anew: each word holds once, also where a crash comes after it."""
        ...

    async def finish(self, call_id: str, result: Mapping[str, Any]) -> None:
        """Writes down that it happened, and what it brought (JSON)."""
        ...

    async def result(self, call_id: str) -> Mapping[str, Any]:
        """What a call that is done brought. Raises `NotFound`."""
        ...


class StepLog(Protocol):
    """Keeps what generators were sent for steps and what they wrote."""

    async def write(self, run_id: str, number: int, answer: Answer, trace: AnswerTrace) -> None:
        """Keeps how a step was written: `answer` has the task and all sources that could be cited. It raises
        nothing."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Screened:
    """A text after the rails: as it may go on, what was done to it, and why it may not go on at all."""

    text: str
    findings: tuple[Finding, ...] = ()
    blocked: str | None = None


class Screen(Protocol):
    """The rails that every text passes, whatever way it takes. One that fails closes: the text is blocked."""

    async def look(
        self,
        text: str,
        place: Place,
        principal: Principal,
        *,
        collections: Sequence[str] = (),
        document: str = "",
        scope: str = "",
    ) -> Screened:
        """Reads a text on its way. `collections` are those it came from, or that are asked; `document` is the id of the
        one that a passage stands in, whose collection alone counts then. `scope` names what texts have to do with one
        another, for example a run: what was masked or read in another one is unknown in it."""
        ...

    def shown(self, text: str, principal: Principal, *, scope: str = "") -> str:
        """A masked text as a person may see it."""
        ...
