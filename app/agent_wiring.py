"""Where agents are put together: tools, policy, ledger and checkpoints. Their modules load LangGraph and more: all that
is imported once the server listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from app.agent_parts import AgentParts
from app.library import StoreLibrary
from core.ports import Embedder, PromptWindow
from core.types import Permission, Principal

if TYPE_CHECKING:
    from agents.declared import AgentSpec, Declared
    from agents.judging import Judge
    from app.services import Services
    from app.settings import Settings

_ASK_PERSON = "ask_person"


def declared_agents(settings: Settings) -> Declared:
    """The packaged agents with the owner's. Raises `ConfigurationError` that names file and place."""
    from agents.declared import declared

    return declared(settings.agents.file, base=settings.agents.budget)


@asynccontextmanager
async def open_agents(
    services: Services,
    *,
    declared: Declared,
    checkpoints_url: str,
    embed: Embedder,
    window: PromptWindow | None,
    judge: Judge | None,
) -> AsyncIterator[AgentParts]:
    """The agents over a server's parts, ready for their first task."""
    for module in ("agents.toolbox", "agents.graph"):  # the slow ones, while others are answered
        await asyncio.to_thread(import_module, module)
    from agents.checkpoints import open_checkpoints
    from agents.policy import Policy
    from agents.runner import Agents
    from agents.toolbox import Toolbox

    settings = services.settings.agents
    library = StoreLibrary(services.store)
    toolbox = Toolbox(settings, searcher=services.searcher, library=library)
    try:
        await toolbox.start()
        policy = Policy(
            library,
            tools=declared.tools,
            roles=declared.roles,
            agents={name: spec.policy for name, spec in declared.agents.items()},
            hosts=settings.http.hosts,
        )

        def permitted(spec: AgentSpec, principal: Principal) -> Mapping[str, Permission]:
            has = {name: tool for name, tool in toolbox.tools().items() if spec.has(name)}
            said = {
                name: policy.offered(tool, principal=principal, agent=spec.name) for name, tool in sorted(has.items())
            }
            return {**said, **({_ASK_PERSON: "always"} if spec.has(_ASK_PERSON) else {})}

        async with open_checkpoints(checkpoints_url) as checkpoints:
            agents = Agents(
                generator=services.rollout.written(services.generator),
                embedder=embed,
                settings=settings,
                declared=declared,
                tools=toolbox.tools,
                policy=policy,
                ledger=services.store.effects,
                log=services.store.step_prompts,
                checkpoints=checkpoints,
                screen=services.rails,
                window=window,
                judge=judge,
            )
            yield AgentParts(
                agents=agents,
                default=declared.default,
                permitted=permitted,
                absent=toolbox.absent,
                tried=toolbox.tried,
            )
    finally:
        await toolbox.close()


__all__ = ["declared_agents", "open_agents"]
