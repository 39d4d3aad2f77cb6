"""What happens in a run, as LangGraph's clients read it: events of the modes they ask for.

A run's log holds little: `begin` with the values it starts from, what the graph tells (`step`, `sources`, `budget`,
`answer`, `state`), and `over`. Whole values are put together while the log is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

Mode = Literal["values", "updates", "custom", "messages", "messages-tuple"]
MODES: tuple[Mode, ...] = get_args(Mode)

BEGIN, OVER = "begin", "over"
_EPOCH = 1_000_000

Event = tuple[str, Any]
"""Name and data of an event on the wire."""


def event_id(attempt: int, number: int) -> int:
    """The id of an event on the wire: whoever comes back after a run was begun anew is told all of it again."""
    return attempt * _EPOCH + number


def attempt_of(event: int) -> int:
    """The attempt that an event's id is of; 0 for none."""
    return event // _EPOCH


def number_of(event: int) -> int:
    """The place in its attempt's log that an event's id is of."""
    return event % _EPOCH


class Told:
    """A reader's view of one run: what it has been told so far, and what it wants to be told."""

    def __init__(self, modes: Sequence[Mode]) -> None:
        self._modes = frozenset(modes)
        self._values: dict[str, Any] = {}
        self._interrupts: list[Any] = []

    @property
    def values(self) -> Mapping[str, Any]:
        """The thread's values as far as they were told; `__interrupt__` says what a person is asked."""
        return {**self._values, **({"__interrupt__": self._interrupts} if self._interrupts else {})}

    def take(self, name: str, data: Mapping[str, Any]) -> Iterator[Event]:
        """Takes an event of the log in, and gives out those that it becomes for this reader."""
        match name:
            case "begin":
                self._values = dict(data["values"])
                yield "metadata", {"run_id": data["run_id"], "thread_id": data["thread_id"], "attempt": data["attempt"]}
                yield from self._whole()
            case "step":
                yield from self._step(data["step"])
            case "sources":
                self._upsert("sources", data["sources"], "id")
                yield from self._wanted("custom", {"type": "sources", **data})
            case "budget":
                self._values["budget"] = data["budget"]
                yield from self._wanted("custom", {"type": "budget", **data})
            case "answer":
                self._values |= {"answer": data["answer"], "incomplete": data.get("incomplete")}
                yield from self._wanted("updates", {"answer": dict(data)})
                yield from self._wanted("custom", {"type": "answer", **data})
            case "state":
                yield from self._state(data)
            case "over":
                yield from _over(data)

    def _step(self, step: Mapping[str, Any]) -> Iterator[Event]:
        # In whole values a step is as the thread keeps it: its data is told once, in its own event.
        self._upsert("steps", [{**step, "data": {}}], "number")
        yield from self._wanted("updates", {_node(step): {"steps": [step]}})
        yield from self._wanted("custom", {"type": "step", "step": step})
        if step.get("status") != "running":
            yield from self._whole()

    def _state(self, data: Mapping[str, Any]) -> Iterator[Event]:
        said = {message.get("id") for message in self._values.get("messages", ())}
        self._values = dict(data["values"])
        self._interrupts = list(data["interrupts"])
        new = [
            message
            for message in self._values.get("messages", ())
            if message.get("type") == "ai" and message.get("id") not in said
        ]
        for message in new:
            yield from self._wanted("messages", [message], "messages/complete")
            yield from self._wanted("messages-tuple", [message, {"langgraph_node": "answer"}], "messages")
        if self._interrupts:
            yield from self._wanted("updates", {"__interrupt__": self._interrupts})
            yield from self._wanted("custom", {"type": "interrupt", "interrupts": self._interrupts})
        yield from self._whole()

    def _whole(self) -> Iterator[Event]:
        yield from self._wanted("values", dict(self.values))

    def _wanted(self, mode: Mode, data: Any, name: str | None = None) -> Iterator[Event]:
        if mode in self._modes:
            yield name or mode, data

    def _upsert(self, name: str, new: Sequence[Mapping[str, Any]], key: str) -> None:
        known = {each[key]: each for each in self._values.get(name, ())}
        self._values[name] = list((known | {each[key]: each for each in new}).values())


def _over(data: Mapping[str, Any]) -> Iterator[Event]:
    error = data.get("error")
    if error is not None:
        yield "error", {"error": error["code"], "message": error["message"]}
    else:
        yield "end", None


def _node(step: Mapping[str, Any]) -> str:
    """The node of the graph that a step's change comes from."""
    if step.get("tool") == "answer":
        return "answer"
    return {"running": "reason", "waiting": "guard"}.get(str(step.get("status")), "observe")


def dump(data: Any) -> str:
    """An event's data as JSON text."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str)


__all__ = ["BEGIN", "MODES", "OVER", "Event", "Mode", "Told", "attempt_of", "dump", "event_id", "number_of"]
