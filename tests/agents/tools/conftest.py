"""A library in memory, and the context of a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents.tools.base import ToolContext
from core.types import EVERYONE, Principal
from tests.agents.library import ShelfLibrary


@pytest.fixture
def library() -> ShelfLibrary:
    return ShelfLibrary()


@pytest.fixture
def context_of() -> Callable[..., ToolContext]:
    """A context; `groups` are the principal's beside everyone's."""

    def make(*groups: str, **said: Any) -> ToolContext:
        principal = Principal(id="ana", groups=frozenset({EVERYONE, *groups}))
        return ToolContext(**{"principal": principal, "run_id": "run-1"} | said)

    return make
