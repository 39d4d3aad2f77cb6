"""Rails over policies that are given, and over a finder that knows mail addresses by their form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from agents.rails.output import OutputRail
from agents.rails.personal import PersonalRail
from agents.rails.screen import Rails
from agents.rails.settings import OutputRailSettings
from agents.rails.vault import Span
from core.types import PersonalPolicy

_MAIL = re.compile(r"[\w.]+@[\w.]+\w")


class MailFinder:
    """Finds what has an @ in it."""

    def find(self, text: str) -> list[Span]:
        return [Span(start=m.start(), end=m.end(), type="EMAIL_ADDRESS") for m in _MAIL.finditer(text)]


class GivenPolicies:
    """Policies by collection, and collections by document."""

    def __init__(self, policies: Mapping[str, PersonalPolicy], documents: Mapping[str, str]) -> None:
        self.policies = dict(policies)
        self.documents = dict(documents)

    async def of_collections(self, names: Sequence[str]) -> frozenset[PersonalPolicy]:
        return frozenset(self.policies[name] for name in (names or self.policies))

    async def of_document(self, document_id: str) -> PersonalPolicy:
        return self.policies[self.documents[document_id]]


@pytest.fixture
def finder() -> MailFinder:
    return MailFinder()


@pytest.fixture
def rails_of(finder: MailFinder) -> Callable[..., Rails]:
    def make(
        *rails: Any,
        policies: Mapping[str, PersonalPolicy] | None = None,
        documents: Mapping[str, str] | None = None,
        reveal_to: Sequence[str] = ("everyone",),
        hosts: Sequence[str] = (),
    ) -> Rails:
        usual = (OutputRail(OutputRailSettings(hosts=tuple(hosts))), PersonalRail(lambda: finder))
        given = GivenPolicies(policies or {"default": "allow"}, documents or {})
        return Rails((*rails, *usual), given, reveal_to=reveal_to)

    return make
