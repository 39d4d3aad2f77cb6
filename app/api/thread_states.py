"""A thread's states as LangGraph's clients read them, without what may no longer be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.api.agents_left_out import CHECKPOINT_ID
from app.api.agents_shapes import Checkpoint, Interrupt, Task, ThreadState
from core.errors import NotFound
from core.types import Principal

if TYPE_CHECKING:
    from agents.runner import Agents
    from agents.runner import ThreadState as Kept
    from app.api.agents_requests import StateHistory
    from app.store.run_records import ThreadRecord
    from app.store.store import Store


async def at_rest(store: Store, agents: Agents, thread: ThreadRecord, reader: Principal) -> ThreadState:
    """The thread now. One that no agent has worked in has the values of its record, and no checkpoint."""
    kept = await agents.state(thread.checkpoints)
    if kept is None:
        return _told(thread, dict(thread.values), None, thread.interrupts)
    return _told(thread, (await _readable(store, thread, kept.values, reader))[0], kept, thread.interrupts)


async def at_checkpoint(
    store: Store, agents: Agents, thread: ThreadRecord, reader: Principal, checkpoint_id: str | None
) -> ThreadState:
    """The thread as a checkpoint has it, the last one if none is named. Raises `NotFound`."""
    if checkpoint_id is None:
        return await at_rest(store, agents, thread, reader)
    known = CHECKPOINT_ID.fullmatch(checkpoint_id) is not None
    kept = await agents.state(thread.checkpoints, checkpoint_id) if known else None
    if kept is None:
        raise NotFound("This thread has no such checkpoint; POST /v1/threads/{id}/history tells which it has.")
    return await _then(store, thread, kept, reader)


async def earlier(
    store: Store, agents: Agents, thread: ThreadRecord, reader: Principal, wanted: StateHistory
) -> Sequence[ThreadState]:
    """The thread's checkpoints, the newest first."""
    kept = await agents.history(thread.checkpoints, wanted.limit, before=wanted.before, metadata=wanted.metadata)
    return [await _then(store, thread, each, reader) for each in kept]


async def _then(store: Store, thread: ThreadRecord, kept: Kept, reader: Principal) -> ThreadState:
    """An earlier state, as it may be read now."""
    from app.store.thread_withholding import unasked

    values, blanked = await _readable(store, thread, kept.values, reader)
    asked = [unasked(one) for one in kept.interrupts] if blanked or thread.blanked else kept.interrupts
    return _told(thread, values, kept, asked)


async def _readable(
    store: Store, thread: ThreadRecord, values: Mapping[str, Any], reader: Principal
) -> tuple[dict[str, Any], bool]:
    """The values, and whether anything was left out of them. Which documents a message rests on the record has noted,
    and no checkpoint."""
    told = thread.values.get("messages", ())
    noted = {f"history:{place}": each for place, each in enumerate(told)} | {each.get("id"): each for each in told}
    messages = [
        {**each, **({"additional_kwargs": known["additional_kwargs"]} if "additional_kwargs" in known else {})}
        for each in values.get("messages", ())
        for known in [noted.get(each.get("id"), {})]
    ]
    return await store.threads.readable({**values, "messages": messages}, reader)


def _told(
    thread: ThreadRecord, values: dict[str, Any], kept: Kept | None, asked: Sequence[Mapping[str, Any]]
) -> ThreadState:
    interrupts = [Interrupt(id=each["id"], value=dict(each["value"])) for each in asked]
    following = list(kept.next) if kept else []
    return ThreadState(
        values=values,
        next=following,
        checkpoint=Checkpoint(thread_id=thread.id, checkpoint_id=kept.checkpoint_id if kept else None),
        metadata=dict(kept.metadata) if kept else {},
        created_at=kept.at if kept else None,
        parent_checkpoint=(
            Checkpoint(thread_id=thread.id, checkpoint_id=kept.parent_checkpoint_id)
            if kept and kept.parent_checkpoint_id
            else None
        ),
        tasks=[Task(id=f"{thread.id}:{name}", name=name, interrupts=interrupts) for name in following],
        interrupts=interrupts,
    )


__all__ = ["at_checkpoint", "at_rest", "earlier"]
