"""What agents are made of once they are open, and which of them a caller may set to work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import NotFound
from core.types import Permission, Principal

if TYPE_CHECKING:
    from agents.declared import AgentSpec
    from agents.runner import Agents


async def _at_once() -> None: ...


@dataclass(frozen=True, kw_only=True)
class AgentParts:
    """`agents` runs them, `default` works where none is asked for, and `permitted` says of each of an agent's tools
    what the policy allows a principal; `absent` says which tools cannot be offered, and why. `tried` returns when each
    tool was tried once: a run that went on before would be told that there is none."""

    agents: Agents
    default: str
    permitted: Callable[[AgentSpec, Principal], Mapping[str, Permission]]
    absent: Callable[[], Mapping[str, str]] = dict
    tried: Callable[[], Awaitable[None]] = _at_once

    def offered(self, principal: Principal) -> list[AgentSpec]:
        """The agents that can do something for a principal, by name: those that have a tool that is not denied, or
        others to set to work that have."""
        known = self.agents.agents()
        return [known[name] for name in sorted(known) if self._is_offered(known[name], principal)]

    def require(self, named: Callable[[str], bool], principal: Principal) -> AgentSpec:
        """The agent that is meant. Raises `NotFound` where there is none for this principal."""
        for spec in self.offered(principal):
            if named(spec.name):
                return spec
        raise NotFound("There is no such assistant for you; POST /v1/assistants/search tells which there are.")

    def reached(self, spec: AgentSpec) -> list[AgentSpec]:
        """An agent with all that it may set to work, and their critics."""
        known, found, ahead = self.agents.agents(), {spec.name: spec}, [spec]
        while ahead:  # a critic may look over its own answers, so this may go round in a circle
            last = ahead.pop()
            new = {*last.agents, *filter(None, [last.critic])} - found.keys()
            found |= {name: known[name] for name in new}
            ahead += [known[name] for name in new]
        return list(found.values())

    def _is_offered(self, spec: AgentSpec, principal: Principal) -> bool:
        if any(permission != "deny" for permission in self.permitted(spec, principal).values()):
            return True
        known = self.agents.agents()
        return any(self._is_offered(known[name], principal) for name in spec.agents)


__all__ = ["AgentParts"]
