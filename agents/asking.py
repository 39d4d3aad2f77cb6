"""What a person is asked while a run waits, in LangChain's shape, and what they decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agents.state import Json, writable
from core.types import Step

Kind = Literal["approval", "question", "unknown_outcome"]
Said = Literal["approve", "edit", "reject", "respond"]
_ALLOWED: Mapping[Kind, tuple[Said, ...]] = {
    "approval": ("approve", "edit", "reject", "respond"),
    "question": ("respond", "reject"),
    "unknown_outcome": ("approve", "reject", "respond"),
}
MOST_CHARS = 20_000
"""Characters of a person's message that are read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What a person said. `arguments` are an edited call's."""

    said: Said
    message: str = ""
    arguments: Mapping[str, Any] | None = None


def asked(kind: Kind, step: Step, *, effect: str, reasons: Sequence[str], again: int = 0) -> Json:
    """The value of an interrupt: the exact call, why it is asked, and what may be said. `again` is how often it was let
    be done once more."""
    return {
        "kind": kind,
        "action_requests": [
            {"name": step.tool, "args": dict(step.arguments), "description": _description(kind, step, reasons)}
        ],
        "review_configs": [{"action_name": step.tool, "allowed_decisions": list(_ALLOWED[kind])}],
        "step": step.number,
        "agent": step.agent,
        "effect": effect,
        "reasons": list(reasons),
        "thought": step.thought,
        **({"again": again} if again else {}),
    }


def decided(kind: Kind, step: Step, resume: Any) -> Decision:
    """The decision in what a run is resumed with; what is not allowed here, or is no decision at all, is a refusal."""
    given = resume if isinstance(resume, Mapping) else {}
    listed = given.get("decisions")
    first = listed[0] if isinstance(listed, Sequence) and listed and isinstance(listed[0], Mapping) else given
    said = first.get("type")
    message = writable(str(first.get("message") or "")[:MOST_CHARS])
    if said not in _ALLOWED[kind]:
        return Decision(said="reject", message=message or "The decision could not be read.")
    if said != "edit":
        return Decision(said=said, message=message)
    action = first.get("edited_action")
    arguments = action.get("args") if isinstance(action, Mapping) else None
    if not isinstance(action, Mapping) or action.get("name") != step.tool or not isinstance(arguments, Mapping):
        return Decision(said="reject", message="Only the arguments of a call can be edited.")
    return Decision(said="edit", arguments=dict(arguments))


def waits_at(value: Any, resume: Mapping[str, Any]) -> bool:
    """Whether a decision is for this interrupt, and not for an earlier one of the same run, or of the same step."""
    places = ("step", "kind", "again")
    return isinstance(value, Mapping) and all(resume.get(name, value.get(name)) == value.get(name) for name in places)


def _description(kind: Kind, step: Step, reasons: Sequence[str]) -> str:
    if kind == "question":
        return str(step.arguments.get("question", ""))
    if kind == "unknown_outcome":
        return f"{step.tool} was begun, and nobody knows whether it happened. Is it to be done again?"
    return " ".join(reasons) or f"May {step.agent} call {step.tool}?"
