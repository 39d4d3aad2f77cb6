"""On whose behalf a generator is asked."""

from __future__ import annotations

from dataclasses import dataclass

from core.types import Principal


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """What every generation request of an answer has in common; see `GenerationRequest`."""

    caller: str
    scope: str
    adapter: str | None = None

    @classmethod
    def of(cls, principal: Principal, adapter: str | None) -> Asker:
        """Those who may read the same share a scope."""
        groups = ["*"] if principal.admin else sorted(principal.groups)
        return cls(caller=principal.id, scope="\n".join(groups), adapter=adapter)
