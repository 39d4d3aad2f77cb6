"""Threads: a caller's own tasks for agents, one after another."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi import Response as HttpResponse
from fastapi.responses import JSONResponse

from app.agent_runs import RunService
from app.api.agents_examples import STATE, THREAD
from app.api.agents_requests import (
    ChangedThread,
    NewThread,
    PrunedThreads,
    StateAt,
    StateHistory,
    ThreadFilter,
    ThreadSearch,
)
from app.api.agents_shapes import Pruned, Thread, ThreadState, selected, shown_thread
from app.api.deps import AgentsAtWork, Parts, Wired
from app.api.idempotency import Key, once
from app.api.shapes import Response, problems, shown
from app.api.thread_states import at_checkpoint, at_rest, earlier
from app.auth import Caller
from core.errors import NotFound
from core.types import Principal

router = APIRouter(prefix="/v1/threads", tags=["agents"])

ThreadId = Annotated[str, Path(max_length=64, description="A thread's id.")]
Select = Annotated[list[str] | None, Query(max_length=64, description="Only these fields; `values.messages` is one.")]


@router.post(
    "",
    summary="Begin a thread",
    operation_id="create_thread",
    response_model=Thread,
    responses={**shown({**THREAD, "values": {}, "metadata": {}}), **problems(409)},
)
async def create_thread(body: NewThread, services: Wired, caller: Caller, key: Key = None) -> HttpResponse:
    """Nobody sees another's threads, administrators included."""

    async def create() -> tuple[int, Response, dict[str, str]]:
        made = await services.store.threads.create(
            caller,
            body.metadata,
            thread_id=body.thread_id,
            existing=body.if_exists == "do_nothing",
            ttl_minutes=body.ttl.minutes if body.ttl else None,
        )
        return 200, shown_thread(made), {}

    return await once(services.store, "threads", key, caller, body.model_dump_json(), create)


@router.post(
    "/search",
    summary="Find threads",
    operation_id="search_threads",
    response_model=list[Thread],
    responses={**shown([THREAD]), **problems()},
)
async def search_threads(body: ThreadSearch, services: Wired, caller: Caller) -> JSONResponse:
    """The caller's own, those last used first."""
    found = await services.store.threads.search(
        caller,
        ids=body.ids,
        status=body.status,
        metadata=body.metadata,
        values=body.values,
        sort_by="updated_at" if body.sort_by == "state_updated_at" else body.sort_by,
        ascending=body.sort_order == "asc",
        limit=body.limit,
        offset=body.offset,
    )
    return JSONResponse(selected([shown_thread(each) for each in found], body.select))


@router.post("/count", summary="Count threads", operation_id="count_threads", responses={**shown(3), **problems()})
async def count_threads(body: ThreadFilter, services: Wired, caller: Caller) -> int:
    """How many a search would find."""
    return int(
        await services.store.threads.count(caller, status=body.status, metadata=body.metadata, values=body.values)
    )


@router.get("/{id}", summary="One thread", operation_id="get_thread", responses={**shown(THREAD), **problems(404)})
async def get_thread(
    id: ThreadId,
    services: Wired,
    caller: Caller,
    include: Annotated[
        list[Literal["ttl"]] | None, Query(max_length=8, description="Accepted; `ttl` is told anyway.")
    ] = None,
) -> Thread:
    """What rests on documents that were deleted or are no longer the caller's to read is withheld."""
    return shown_thread(await services.store.threads.get(id, caller))


@router.patch(
    "/{id}", summary="Describe a thread", operation_id="update_thread", responses={**shown(THREAD), **problems(404)}
)
async def update_thread(id: ThreadId, body: ChangedThread, services: Wired, caller: Caller) -> Thread:
    """Adds to its metadata, or says for how long it is kept."""
    minutes = body.ttl.minutes if body.ttl else None
    return shown_thread(await services.store.threads.describe(id, caller, body.metadata, ttl_minutes=minutes))


@router.delete(
    "/{id}",
    status_code=204,
    summary="Delete a thread",
    operation_id="delete_thread",
    responses={204: {"description": "It is gone, with its runs; one that goes on is stopped."}, **problems(404)},
)
async def delete_thread(id: ThreadId, services: Wired, service: AgentsAtWork, caller: Caller) -> None:
    """What was decided in it stays in the audit log."""
    await _delete(services, service, id, caller)


async def _delete(services: Parts, service: RunService, id: str, caller: Principal) -> None:
    thread = await services.store.threads.get(id, caller)
    going_on = await services.store.runs.unfinished(id)
    await services.store.threads.delete(id, caller)
    for run_id in going_on:
        service.stop(run_id, "gone")
    if not going_on:  # else whoever works on it does so when it has stopped
        await service.agents.forget(thread.checkpoints)


@router.post(
    "/prune",
    summary="Delete several threads",
    operation_id="prune_threads",
    responses={**shown({"pruned_count": 2}), **problems()},
)
async def prune_threads(body: PrunedThreads, services: Wired, service: AgentsAtWork, caller: Caller) -> Pruned:
    """Those that there are of the caller's, with their runs."""
    pruned = 0
    for id in dict.fromkeys(body.thread_ids):
        with contextlib.suppress(NotFound):
            await _delete(services, service, id, caller)
            pruned += 1
    return Pruned(pruned_count=pruned)


@router.post(
    "/{id}/copy",
    summary="Copy a thread",
    operation_id="copy_thread",
    responses={**shown(THREAD), **problems(404)},
)
async def copy_thread(id: ThreadId, services: Wired, caller: Caller) -> Thread:
    """Its metadata, values and conversation as its last run left them, in a thread of its own that goes on from there.

    Runs, their steps, earlier states and open questions stay where they are.
    """
    return shown_thread(await services.store.threads.copy(id, caller))


@router.get(
    "/{id}/state",
    summary="A thread's state",
    operation_id="get_thread_state",
    response_model=ThreadState,
    responses={**shown(STATE), **problems(404)},
)
async def get_thread_state(
    id: ThreadId,
    services: Wired,
    service: AgentsAtWork,
    caller: Caller,
    select: Select = None,
    subgraphs: Annotated[bool, Query(description="Accepted; sub-agents are in the same state.")] = False,
) -> JSONResponse:
    """As its last checkpoint has it, while a run goes on too."""
    thread = await services.store.threads.get(id, caller)
    state = await at_rest(services.store, service.agents, thread, caller)
    return JSONResponse(selected([state], select)[0])


@router.get(
    "/{id}/state/{checkpoint_id}",
    summary="A thread's state at a checkpoint",
    operation_id="get_thread_state_at",
    response_model=ThreadState,
    responses={**shown(STATE), **problems(404)},
)
async def get_thread_state_at(
    id: ThreadId,
    checkpoint_id: Annotated[str, Path(max_length=64, description="A checkpoint's id, as states tell it.")],
    services: Wired,
    service: AgentsAtWork,
    caller: Caller,
    select: Select = None,
    subgraphs: Annotated[bool, Query(description="Accepted; sub-agents are in the same state.")] = False,
) -> JSONResponse:
    """As it was then, without what may no longer be read."""
    return await _state_at(services, service, id, checkpoint_id, caller, select)


@router.post(
    "/{id}/state/checkpoint",
    summary="A thread's state at a checkpoint, as a state tells it",
    operation_id="post_thread_state_at",
    response_model=ThreadState,
    responses={**shown(STATE), **problems(404)},
)
async def post_thread_state_at(
    id: ThreadId, body: StateAt, services: Wired, service: AgentsAtWork, caller: Caller
) -> JSONResponse:
    """The same for a `checkpoint` out of another state; without an id the last one."""
    return await _state_at(services, service, id, body.checkpoint, caller, body.select)


async def _state_at(
    services: Parts,
    service: RunService,
    thread_id: str,
    checkpoint_id: str | None,
    caller: Principal,
    select: list[str] | None,
) -> JSONResponse:
    thread = await services.store.threads.get(thread_id, caller)
    state = await at_checkpoint(services.store, service.agents, thread, caller, checkpoint_id)
    return JSONResponse(selected([state], select)[0])


@router.post(
    "/{id}/history",
    summary="A thread's earlier states",
    operation_id="list_thread_states",
    response_model=list[ThreadState],
    responses={**shown([STATE]), **problems(404)},
)
async def list_thread_states(
    id: ThreadId, body: StateHistory, services: Wired, service: AgentsAtWork, caller: Caller
) -> JSONResponse:
    """Its checkpoints, the newest first."""
    return JSONResponse(selected(await _history(services, service, id, body, caller), body.select))


async def _history(
    services: Parts, service: RunService, thread_id: str, body: StateHistory, caller: Principal
) -> list[Any]:
    thread = await services.store.threads.get(thread_id, caller)
    return list(await earlier(services.store, service.agents, thread, caller, body))
