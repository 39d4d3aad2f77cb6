"""What the rails need of the store, and what training needs of the rails."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from app.store.collections import Collections
from core.types import PersonalPolicy, Principal
from finetune.ports import Masked

if TYPE_CHECKING:
    from agents.rails.screen import Rails

_FRESH = 1.0
"""Seconds for which policies are believed: a change holds everywhere within them."""


class StorePolicies:
    """The `Policies` port over the store. For one event loop."""

    def __init__(self, collections: Collections, clock: Callable[[], float] = time.monotonic) -> None:
        self._collections = collections
        self._clock = clock
        self._known: dict[str, PersonalPolicy] = {}
        self._until = float("-inf")

    async def of_collections(self, names: Sequence[str]) -> frozenset[PersonalPolicy]:
        """See `Policies.of_collections`. Raises `StoreUnavailable`."""
        known = await self._policies()
        return frozenset(known[name] for name in (names or known) if name in known)

    async def of_document(self, document_id: str) -> PersonalPolicy:
        """See `Policies.of_document`. Raises `StoreUnavailable`."""
        known = await self._policies()
        if set(known.values()) <= {"allow"}:
            return "allow"
        found = await self._collections.of_documents([document_id])
        return known.get(found.get(document_id, ""), "block")

    async def _policies(self) -> dict[str, PersonalPolicy]:
        if self._clock() >= self._until:
            self._known = await self._collections.policies()
            self._until = self._clock() + _FRESH
        return self._known


class TrainingMasker:
    """The `Masker` port of training over the rails. An example's texts may come from any collection: they are masked
    where any collection masks or blocks, and refused where all block."""

    def __init__(self, rails: Rails, principal: Principal) -> None:
        self._rails = rails
        self._principal = principal

    async def mask(self, texts: Sequence[str]) -> Masked:
        """See `Masker.mask`. A rail that fails refuses the example."""
        watch = self._rails.watch(self._principal)
        found = []
        for text in texts:
            screened = await watch.look(text, "training")
            if screened.blocked is not None:
                return Masked(texts=(), blocked=screened.blocked)
            found.append(screened.text)
        count = sum(finding.count for finding in watch.findings if finding.action == "masked")
        return Masked(texts=tuple(found), count=count)


__all__ = ["StorePolicies", "TrainingMasker"]
