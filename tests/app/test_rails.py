"""What the rails need of the store, and what training needs of the rails."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.ports import Screened
from agents.rails.personal import PersonalRail
from agents.rails.pipeline import Way
from agents.rails.screen import Rails
from agents.rails.vault import Span
from app.rails import StorePolicies, TrainingMasker
from app.store.store import Store
from core.errors import NotFound
from core.types import Principal

ROOT = Principal(id="root", admin=True)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'footnote.sqlite'}")
    yield opened
    await opened.close()


class MailFinder:
    """Finds what has an @ in it."""

    def find(self, text: str) -> list[Span]:
        return [Span(start=m.start(), end=m.end(), type="EMAIL_ADDRESS") for m in re.finditer(r"\S+@\S+", text)]


class Broken:
    """A rail that fails."""

    name = "broken"

    async def look(self, text: str, way: Way) -> Screened:
        raise RuntimeError("out of order")


async def test_policies_are_the_collections_and_change_within_a_second(store: Store) -> None:
    now = 0.0
    policies = StorePolicies(store.collections, clock=lambda: now)
    await store.collections.create("staff", personal="mask")
    assert await policies.of_collections(()) == {"allow", "mask"}
    assert await policies.of_collections(("default",)) == {"allow"}
    assert await policies.of_document("nowhere") == "block"
    await store.collections.change("staff", personal="allow")
    now = 1.5
    assert await policies.of_collections(()) == {"allow"}
    assert await policies.of_document("nowhere") == "allow"  # where no collection says otherwise
    with pytest.raises(NotFound):
        await store.collections.change("nowhere", personal="mask")


async def test_an_example_is_masked_alike_in_all_its_texts(store: Store) -> None:
    await store.collections.change("default", personal="mask")
    rails = Rails([PersonalRail(MailFinder)], StorePolicies(store.collections))
    masked = await TrainingMasker(rails, ROOT).mask(["a@x.org asks", "b@x.org and a@x.org", "nobody"])
    assert masked.texts == ("[EMAIL_ADDRESS_1] asks", "[EMAIL_ADDRESS_2] and [EMAIL_ADDRESS_1]", "nobody")
    assert (masked.count, masked.blocked) == (3, None)


@pytest.mark.parametrize("rails", [[PersonalRail(MailFinder)], [Broken()]])
async def test_an_example_that_is_blocked_or_cannot_be_looked_at_is_refused(store: Store, rails: list[object]) -> None:
    await store.collections.change("default", personal="block")
    masked = await TrainingMasker(Rails(rails, StorePolicies(store.collections)), ROOT).mask(["a@x.org asks"])
    assert masked.texts == ()
    assert masked.blocked
