"""What LangGraph's clients can ask for and this server does not do: refused by name, with the reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_STOPS = "where an agent stops for a person is for the policy to say (`ask`), not for a run."
_PLACE = "a run begins where its thread is, not at an earlier checkpoint; to try again, begin a new thread."
_CRONS = "Footnote begins no runs by the clock: have your scheduler POST them, or give one `after_seconds`."
_STORE = "There is no store for agents: what they are to know is uploaded as documents."
_FILE = "Agents are declared in a file that is read at the start (FOOTNOTE_AGENTS__FILE), and not over HTTP."

RUN: Mapping[str, str] = {
    "interrupt_before": _STOPS,
    "interrupt_after": _STOPS,
    "checkpoint_id": _PLACE,
    "webhook": "nothing is sent to an address of the caller's. Follow the run with /stream, or wait for it with /join.",
    "feedback_keys": "steps are rated at /steps/{n}/feedback, which needs no keys.",
    "langsmith_tracer": "nothing is sent to LangSmith.",
}
"""Fields of a run, each with the reason why there is none. Null says nothing and is let through."""
THREAD: Mapping[str, str] = {
    "supersteps": "a thread's states are what its runs made; send what was said before as `input.messages` of a run."
}
"""Fields of a thread to be."""
THREAD_SEARCH: Mapping[str, str] = {"extract": "name the values that you want in `select`: `values.messages` is one."}
"""Fields of a search for threads."""
HISTORY: Mapping[str, str] = {"checkpoint": "there is one namespace, and its history is the thread's."}
"""Fields of a thread's history."""

ROUTES: tuple[tuple[str, str, str], ...] = (
    ("POST", "/v1/assistants", _FILE),
    ("PATCH", "/v1/assistants/{id}", _FILE),
    ("DELETE", "/v1/assistants/{id}", _FILE),
    ("POST", "/v1/assistants/{id}/latest", f"An assistant has one version. {_FILE}"),
    (
        "POST",
        "/v1/threads/{id}/state",
        "A thread's state is what its runs made, and what agents said cannot be written by others. Send what was said "
        "before as `input.messages` of a run, and a decision as `command.resume`.",
    ),
    ("GET", "/v1/threads/{id}/stream", "Follow one run: GET /v1/threads/{id}/runs/{run_id}/stream."),
    ("POST", "/v1/threads/{id}/stream/{rest:path}", "Follow one run: GET /v1/threads/{id}/runs/{run_id}/stream."),
    ("POST", "/v1/threads/{id}/commands", "POST /v1/threads/{id}/runs begins a run, and its /cancel stops it."),
    ("POST", "/v1/threads/{id}/runs/crons", _CRONS),
    *((method, "/v1/runs/crons", _CRONS) for method in ("GET", "POST")),
    *((method, "/v1/runs/crons/{rest:path}", _CRONS) for method in ("GET", "POST", "PATCH", "DELETE")),
    *((method, "/v1/store/{rest:path}", _STORE) for method in ("GET", "POST", "PUT", "DELETE")),
)
"""Routes of LangGraph's, each with the sentence that it is refused with."""


CHECKPOINT_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
"""What a checkpoint's id looks like. Nothing else is looked for."""


def without_left_out(data: Any, left_out: Mapping[str, str]) -> Any:
    """What was sent without fields that say nothing. Raises `ValueError` with the reason for one that is left out."""
    if not isinstance(data, Mapping):
        return data
    for name, reason in left_out.items():
        if data.get(name) not in (None, [], {}):
            raise ValueError(f"`{name}` is not offered: {reason}")
    given = data.get("checkpoint")
    if left_out is RUN and isinstance(given, Mapping) and given.get("checkpoint_id") is not None:
        raise ValueError(f"`checkpoint` is not offered: {_PLACE}")
    gone = {*left_out, *(("checkpoint",) if left_out is RUN else ())}
    return {name: value for name, value in data.items() if name not in gone}


def checkpoint_of(given: Any) -> Any:
    """The id of a checkpoint that is told by its id or as a state tells it. Raises `ValueError` for one of another
    namespace."""
    if not isinstance(given, Mapping):
        return given
    if given.get("checkpoint_ns"):
        raise ValueError("There is one namespace, without a name: sub-agents work in their thread's own state.")
    return given.get("checkpoint_id")


def no_pruned_states(strategy: Any) -> Any:
    """What becomes of a thread. Raises `ValueError` for what would take its states and leave it."""
    if strategy == "keep_latest":
        raise ValueError("`keep_latest` is not offered: states are kept as long as their thread; `delete` takes both.")
    return strategy


__all__ = [
    "CHECKPOINT_ID",
    "HISTORY",
    "ROUTES",
    "RUN",
    "THREAD",
    "THREAD_SEARCH",
    "checkpoint_of",
    "no_pruned_states",
    "without_left_out",
]
