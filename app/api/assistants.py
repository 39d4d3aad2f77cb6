"""Assistants: the agents that a caller may set to work, as LangGraph's clients look for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse

from app.agent_runs import RunService
from app.api.agents_examples import ASSISTANT, GRAPH, SCHEMAS
from app.api.agents_requests import AssistantFilter, AssistantSearch, AssistantVersions, Configurable
from app.api.agents_schemas import INPUT, OUTPUT, Graph, Schemas
from app.api.agents_shapes import Assistant, assistant_id, selected, shown_assistant
from app.api.deps import AgentsAtWork, Wired
from app.api.shapes import problems, shown
from app.auth import Caller
from core.types import Principal

if TYPE_CHECKING:
    from agents.declared import AgentSpec

router = APIRouter(prefix="/v1/assistants", tags=["agents"])

AssistantId = Annotated[str, Path(max_length=128, description="An assistant's id, or the agent's name.")]


@router.post(
    "/search",
    summary="Find assistants",
    operation_id="search_assistants",
    response_model=list[Assistant],
    responses={**shown([ASSISTANT]), **problems()},
)
async def search_assistants(
    body: AssistantSearch, services: Wired, service: AgentsAtWork, caller: Caller
) -> JSONResponse:
    """Those that can do something for the caller: the policy decides. Agents are declared in a file, not here."""
    found = _found(service, caller, body)
    found.sort(key=lambda each: getattr(each, body.sort_by), reverse=body.sort_order == "desc")
    page = found[body.offset : body.offset + body.limit]
    more = body.offset + body.limit < len(found)
    headers = {"X-Pagination-Next": str(body.offset + body.limit)} if more else {}
    return JSONResponse(selected(page, body.select), headers=headers)


@router.post(
    "/count",
    summary="Count assistants",
    operation_id="count_assistants",
    responses={**shown(3), **problems()},
)
async def count_assistants(body: AssistantFilter, services: Wired, service: AgentsAtWork, caller: Caller) -> int:
    """How many there are for the caller."""
    return len(_found(service, caller, body))


@router.get(
    "/{id}",
    summary="One assistant",
    operation_id="get_assistant",
    responses={**shown(ASSISTANT), **problems(404)},
)
async def get_assistant(id: AssistantId, services: Wired, service: AgentsAtWork, caller: Caller) -> Assistant:
    """Its tools with what the caller is permitted, and the agents that it sets to work."""
    return _shown(service, _required(service, id, caller), caller)


@router.get(
    "/{id}/graph",
    summary="An assistant's graph",
    operation_id="get_assistant_graph",
    responses={**shown(GRAPH), **problems(404)},
)
async def get_assistant_graph(
    id: AssistantId,
    services: Wired,
    service: AgentsAtWork,
    caller: Caller,
    xray: Annotated[str, Query(max_length=8, description="Accepted; there are no graphs within.")] = "",
) -> Graph:
    """The loop that every agent goes through, those that it sets to work too."""
    from agents.drawing import drawing

    _required(service, id, caller)
    return Graph.model_validate(drawing())


@router.get(
    "/{id}/schemas",
    summary="What an assistant takes and gives",
    operation_id="get_assistant_schemas",
    responses={**shown(SCHEMAS), **problems(404)},
)
async def get_assistant_schemas(id: AssistantId, services: Wired, service: AgentsAtWork, caller: Caller) -> Schemas:
    """JSON schemas of a run's input, of a thread's values, and of what a run is narrowed to."""
    spec = _required(service, id, caller)
    narrowed = Configurable.model_json_schema()
    return Schemas(
        graph_id=spec.name,
        input_schema=INPUT,
        output_schema=OUTPUT,
        state_schema=OUTPUT,
        config_schema=narrowed,
        context_schema=narrowed,
    )


@router.get(
    "/{id}/subgraphs",
    summary="Graphs within an assistant's",
    operation_id="get_assistant_subgraphs",
    responses={**shown({}), **problems(404)},
)
async def get_assistant_subgraphs(
    id: AssistantId,
    services: Wired,
    service: AgentsAtWork,
    caller: Caller,
    recurse: Annotated[str, Query(max_length=8, description="Accepted.")] = "",
) -> dict[str, Any]:
    """None: agents that it sets to work go through the same graph, and are in the same state."""
    _required(service, id, caller)
    return {}


@router.get("/{id}/subgraphs/{namespace:path}", include_in_schema=False)
async def get_assistant_subgraph(
    id: AssistantId, namespace: str, services: Wired, service: AgentsAtWork, caller: Caller
) -> dict[str, Any]:
    """None of any name either."""
    _required(service, id, caller)
    return {}


@router.post(
    "/{id}/versions",
    summary="An assistant's versions",
    operation_id="list_assistant_versions",
    response_model=list[Assistant],
    responses={**shown([ASSISTANT]), **problems(404)},
)
async def list_assistant_versions(
    id: AssistantId, body: AssistantVersions, services: Wired, service: AgentsAtWork, caller: Caller
) -> list[Assistant]:
    """The one that the agents' file declares."""
    own = _shown(service, _required(service, id, caller), caller)
    fits = all(own.metadata.get(name) == value for name, value in body.metadata.items())
    return [own][body.offset :] if fits else []


def _required(service: RunService, id: str, caller: Principal) -> AgentSpec:
    return service.parts.require(lambda name: id in (name, assistant_id(name)), caller)


def _shown(service: RunService, spec: AgentSpec, caller: Principal) -> Assistant:
    parts = service.parts
    return shown_assistant(spec, service.began, dict(parts.permitted(spec, caller)), spec.name == parts.default)


def _found(service: RunService, caller: Principal, wanted: AssistantFilter) -> list[Assistant]:
    every = [_shown(service, spec, caller) for spec in service.parts.offered(caller)]
    return [each for each in every if _fits(each, wanted)]


def _fits(assistant: Assistant, wanted: AssistantFilter) -> bool:
    held: dict[str, Any] = assistant.metadata
    return (
        wanted.graph_id in (None, assistant.graph_id)
        and (wanted.name or "").lower() in assistant.name.lower()
        and all(held.get(name) == value for name, value in wanted.metadata.items())
    )
