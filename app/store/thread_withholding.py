"""What agents found in documents stands in their threads. What a reader may no longer see of it is blanked when the
thread is read, as in old answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.access import readable
from app.store.run_records import RunRecord, ThreadRecord
from app.store.tables import documents
from app.store.withholding import WITHHELD
from core.types import Principal

RESTS_ON = "documents"
"""Where a message of a thread says which documents it rests on: `additional_kwargs.documents`."""


async def withhold(connection: AsyncConnection, record: ThreadRecord, principal: Principal) -> ThreadRecord:
    """The same thread with everything blanked that rests on documents the principal may not read now."""
    hidden = await hidden_documents(connection, record.values, principal)
    if not hidden:
        return record
    values = without(record.values, hidden)
    return replace(
        record,
        values=values,
        blanked=True,
        interrupts=tuple(unasked(each) for each in record.interrupts),
        withheld=tuple(source["id"] for source in values.get("sources", ()) if source.get("withheld")),
    )


async def withhold_output(connection: AsyncConnection, record: RunRecord, principal: Principal) -> RunRecord:
    """The same run, without what its answer says of documents that the principal may not read now."""
    if not record.output:
        return record
    output = {**record.output, "sources": record.output.get("sources") or ()}
    hidden = await hidden_documents(connection, output, principal)
    if not hidden:
        return record
    blanked = without(output, hidden)
    return replace(record, output={name: blanked.get(name) for name in record.output})


async def hidden_documents(
    connection: AsyncConnection, values: Mapping[str, Any], principal: Principal
) -> frozenset[str]:
    """The documents that these values rest on and that the principal may not read now."""
    named = _named(values)
    if not named:
        return frozenset()
    statement = select(documents.c.id).where(documents.c.id.in_(sorted(named)), readable(principal))
    return named - frozenset((await connection.execute(statement)).scalars())


def without(values: Mapping[str, Any], hidden: Collection[str]) -> dict[str, Any]:
    """A thread's values without what rests on these documents, or came about after they were read."""
    sources = _sources(values.get("sources") or (), hidden)
    gone = {source["id"] for source in sources if source.get("withheld")}
    blanked: dict[str, Any] = {**values, "sources": sources}
    blanked["steps"] = blank_steps(values.get("steps") or (), gone)
    # What one agent told another to do are an agent's words; the first task is the person's own.
    first, *others = values.get("frames") or ({},)
    if gone and others:
        blanked["frames"] = [first, *({**frame, "task": WITHHELD} for frame in others)]
    blanked["messages"] = [
        {**message, "content": WITHHELD} if set(rests_on(message)) & set(hidden) else message
        for message in values.get("messages") or ()
    ]
    if answer := values.get("answer"):
        # One that cites nothing of them was still written after a conversation that told of them.
        after = not gone and bool(set(_conversed(values)) & set(hidden))
        blanked["answer"] = _answer(answer, gone, whole=after)
        if gone & _cited(answer) and blanked["messages"] and blanked["messages"][-1].get("type") == "ai":
            blanked["messages"][-1] = {**blanked["messages"][-1], "content": WITHHELD}
    return blanked


def blank_steps(steps: Sequence[Mapping[str, Any]], gone: Collection[str]) -> list[Mapping[str, Any]]:
    """Steps without what these sources said: the step that brought the first of them, those that it was taken for, and
    all after it, whose agents had read it."""
    first = next((step["number"] for step in steps if set(gone) & set(step.get("sources") or ())), None)
    if first is None:
        return list(steps)
    above = {step["number"]: step.get("parent") for step in steps}
    taken_for = set()
    number = above.get(first)
    while number is not None and number not in taken_for:
        taken_for.add(number)
        number = above.get(number)
    told: list[Mapping[str, Any]] = []
    for step in steps:
        blank = {**step, "observation": WITHHELD, "rest": None, "data": {}}
        if step["number"] > first:
            told.append({**blank, "arguments": {}, "thought": "", "reasons": []})
        else:
            told.append(blank if step["number"] == first or step["number"] in taken_for else step)
    return told


def is_withheld(output: Mapping[str, Any] | None) -> bool:
    """Whether anything of what a run ended with is withheld."""
    return any(source.get("withheld") for source in (output or {}).get("sources") or ())


def unasked(interrupt: Mapping[str, Any]) -> dict[str, Any]:
    """A question may quote what was read; whoever may not read it any more is told the tool and no more."""
    value = {**(interrupt.get("value") or {}), "reasons": []}
    value["action_requests"] = [
        {**each, "args": {}, "description": WITHHELD} for each in value.get("action_requests") or ()
    ]
    return {**interrupt, "value": value}


def rests_on(message: Mapping[str, Any]) -> list[str]:
    """The documents that a thread's message rests on."""
    kept = message.get("additional_kwargs") or {}
    return list(kept.get(RESTS_ON) or ())


def _conversed(values: Mapping[str, Any]) -> list[str]:
    """The documents that an answer rests on, those of the conversation before it included."""
    messages = values.get("messages") or ()
    return list(values.get(RESTS_ON) or (rests_on(messages[-1]) if messages else ()))


def _named(values: Mapping[str, Any]) -> frozenset[str]:
    found = {source["document_id"] for source in values.get("sources", ()) if source.get("document_id")}
    found.update(values.get(RESTS_ON) or ())
    for message in values.get("messages", ()):
        found.update(rests_on(message))
    return frozenset(found)


def _sources(sources: Sequence[Mapping[str, Any]], hidden: Collection[str]) -> list[Mapping[str, Any]]:
    """Sources in the order they came: after the first that is hidden, what tools brought may rest on it."""
    told: list[Mapping[str, Any]] = []
    seen = False
    for source in sources:
        seen = seen or source.get("document_id") in hidden
        own = bool(source.get("document_id")) and source["document_id"] not in hidden
        told.append(_empty(source) if seen and not own else source)
    return told


def _empty(source: Mapping[str, Any]) -> dict[str, Any]:
    return {**source, "title": WITHHELD, "text": "", "page": None, "boxes": [], "heading_path": [], "withheld": True}


def _cited(answer: Mapping[str, Any]) -> set[str]:
    return {source for statement in answer.get("statements", ()) for source in statement.get("sources", ())}


def _answer(answer: Mapping[str, Any], gone: Collection[str], *, whole: bool) -> dict[str, Any]:
    told = dict(answer)
    told["statements"] = [
        {**statement, "text": WITHHELD} if whole or set(gone) & set(statement.get("sources", ())) else statement
        for statement in answer.get("statements", ())
    ]
    if "sources" in answer:
        told["sources"] = [_empty(source) if source.get("id") in gone else source for source in answer["sources"]]
    return told
