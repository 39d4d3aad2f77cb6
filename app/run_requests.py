"""What is asked of agents: a task out of messages, and a decision out of what a client resumes with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from app.store.run_records import ApprovalRecord, Decision

ALLOWED = ("approve", "edit", "reject", "respond")
_LONGEST = 20_000


def task_of(given: Mapping[str, Any]) -> tuple[str, list[dict[str, str]]]:
    """The task in a run's input, and what was said before it. Raises `InvalidInput`.

    Input is {"task": "…"}, or {"messages": […]} in LangChain's shape or OpenAI's, the task last.
    """
    unknown = set(given) - {"task", "messages"}
    if unknown:
        raise InvalidInput(f"`input` has no {', '.join(sorted(unknown))[:200]}; send `messages` or `task`.")
    if isinstance(given.get("task"), str) and "messages" not in given:
        return _text(given["task"]), []
    messages = given.get("messages")
    if isinstance(messages, Mapping | str):
        messages = [messages]
    if not isinstance(messages, Sequence) or not messages or "task" in given:
        raise InvalidInput('Send `input` as {"messages": [{"role": "user", "content": "…"}]}, or as {"task": "…"}.')
    said = [_message(each) for each in messages]
    if said[-1]["role"] != "user":
        raise InvalidInput("The last of `input.messages` must be the person's: it is the task.")
    return _text(said[-1]["content"]), said[:-1]


def _message(given: Any) -> dict[str, str]:
    if isinstance(given, str):
        return {"role": "user", "content": given}
    if not isinstance(given, Mapping):
        raise InvalidInput("Each of `input.messages` needs a role and a content.")
    role = {"human": "user", "user": "user", "ai": "assistant", "assistant": "assistant"}.get(
        str(given.get("role") or given.get("type"))
    )
    if role is None:
        raise InvalidInput("The role of a message is user or assistant; agents have their own instructions.")
    content = given.get("content")
    if isinstance(content, Sequence) and not isinstance(content, str):
        parts = [part.get("text") for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
        if len(parts) != len(content) or not all(isinstance(part, str) for part in parts):
            raise InvalidInput("A message's content is text; pictures and files are uploaded as documents.")
        content = "\n".join(map(str, parts))
    if not isinstance(content, str):
        raise InvalidInput("A message's content is text.")
    return {"role": role, "content": content}


def _text(text: str) -> str:
    if not text.strip():
        raise InvalidInput("The task is empty; say what is to be done.")
    return text.strip()


def decision_of(waiting: Sequence[ApprovalRecord], given: Any, by: str) -> Decision:
    """What a person decided of what their thread waits for.

    `given` is {"decisions": […]}, one decision by itself, a text that answers a question, or one of these by the
    interrupt's id. Raises `Conflict` where the thread waits for nothing, `InvalidInput` for what cannot be decided.
    """
    from app.store.approvals import asked_arguments
    from app.store.run_records import Decision

    record, said = _meant(waiting, given)
    decisions = _decisions(said)
    requests = record.request.get("action_requests") or []
    if len(decisions) != max(1, len(requests)):
        raise InvalidInput(f"{max(1, len(requests))} decisions are asked for, one for each of `action_requests`.")
    checked = [_checked(record, number, each) for number, each in enumerate(decisions)]
    first = checked[0]
    edited = first.get("edited_action") or {}
    return Decision(
        approval_id=record.id,
        verdict=first["type"],
        by=by,
        resume=resume_of(record, checked, by),
        arguments=edited.get("args") or asked_arguments(record.request),
        detail=str(first.get("message") or ""),
    )


def resume_of(record: ApprovalRecord, decisions: Sequence[Mapping[str, Any]], by: str) -> dict[str, Any]:
    """What the graph is given: with the place that was decided about, so that it answers no other question."""
    return {
        "decisions": [dict(each) for each in decisions],
        "decided_by": by,
        "interrupt": record.id,
        "step": record.step,
        "kind": record.request.get("kind"),
        **({"again": again} if (again := record.request.get("again")) else {}),
    }


def _meant(waiting: Sequence[ApprovalRecord], given: Any) -> tuple[ApprovalRecord, Any]:
    """The question that is answered, and the answer."""
    if not waiting:
        raise Conflict("This thread waits for no decision; it was decided, or its time was over. Read it again.")
    if isinstance(given, Mapping) and len(given) == 1 and not given.keys() & {"decisions", "type"}:
        [(named, said)] = given.items()
        for record in waiting:
            if record.id == named:
                return record, said
        raise Conflict("That question was settled meanwhile, and another one may be asked. Read the thread again.")
    return waiting[0], given


def _decisions(said: Any) -> list[Mapping[str, Any]]:
    if isinstance(said, str):
        return [{"type": "respond", "message": said}]
    if isinstance(said, Mapping) and "type" in said:
        return [said]
    if isinstance(said, Mapping) and set(said) == {"decisions"}:
        said = said["decisions"]
    if isinstance(said, Sequence) and said and all(isinstance(each, Mapping) for each in said):
        return list(said)
    raise InvalidInput(
        'Resume with {"decisions": [{"type": "approve"}]}; a type is one of approve, edit, reject, respond.'
    )


def _checked(record: ApprovalRecord, number: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """A decision that this question may be answered with. Raises `InvalidInput`."""
    reviews = record.request.get("review_configs") or []
    allowed = reviews[number].get("allowed_decisions") if number < len(reviews) else None
    kind = given.get("type")
    if kind not in (allowed or ALLOWED):
        raise InvalidInput(f"The decision must be one of {', '.join(allowed or ALLOWED)}.")
    message = given.get("message")
    if message is not None and (not isinstance(message, str) or len(message) > _LONGEST):
        raise InvalidInput(f"A decision's `message` is a text of at most {_LONGEST:,} characters.")
    if kind == "respond" and not (message or "").strip():
        raise InvalidInput("To respond, write a `message`: the agent is told it in place of what the call would bring.")
    checked: dict[str, Any] = {"type": kind, **({"message": message} if message else {})}
    if kind == "edit":
        checked["edited_action"] = _edited(record, number, given.get("edited_action"))
    return checked


def _edited(record: ApprovalRecord, number: int, given: Any) -> dict[str, Any]:
    asked = (record.request.get("action_requests") or [{}])[number]
    if not isinstance(given, Mapping) or not isinstance(given.get("args"), Mapping):
        raise InvalidInput('To edit, send `edited_action`: {"name": "…", "args": {…}}, with all arguments.')
    if given.get("name", asked.get("name")) != asked.get("name"):
        raise InvalidInput("Only the arguments can be edited; to have another tool called, respond and say so.")
    return {"name": asked.get("name"), "args": dict(given["args"])}


__all__ = ["ALLOWED", "decision_of", "resume_of", "task_of"]
