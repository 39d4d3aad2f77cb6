"""What an agent may write: the JSON schema of a step and of a critique, and the reading of what was written under them.

A step is a thought and one action: a call of a tool that is offered, a task for an agent that may be set to work, or
the answer, in the very schema of a chat's answer. Nothing else can be said, and what comes back is checked by the same
bounds, so that nothing depends on the engine having enforced them. A call's arguments are checked where it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agents.declared import ANSWER
from agents.schema import Output, answer_schema, read_answer
from agents.settings import OutputSettings, StepSettings
from core.errors import GenerationInvalid

TASK_CHARS = 2_000
"""The longest task that one agent may hand to another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A tool, or an agent, and what it is given."""

    thought: str
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """An agent's answer."""

    thought: str
    output: Output


@dataclass(frozen=True, kw_only=True, slots=True)
class Critique:
    """What a critic says of an answer; without a reason it accepts."""

    accept: bool
    reasons: tuple[str, ...] = ()


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Action(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    tool: str


class _Step(_Strict):
    thought: str
    action: _Action


class _Call(_Strict):
    tool: str
    arguments: dict[str, Any]


class _Answer(_Strict):
    tool: Literal["answer"]
    answer: dict[str, Any]


class _Critique(_Strict):
    accept: bool
    reasons: list[Annotated[str, Field()]]


_STEP, _CRITIQUE, _JSON = TypeAdapter(_Step), TypeAdapter(_Critique), TypeAdapter(dict[str, Any])

TASK_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "task": {
            "type": "string",
            "minLength": 1,
            "maxLength": TASK_CHARS,
            "description": "What is to be done, complete in itself.",
        }
    },
    "required": ["task"],
    "additionalProperties": False,
}
"""What an agent is given that is set to work."""


def step_schema(
    tools: Mapping[str, Mapping[str, Any]], ids: Sequence[str], output: OutputSettings, steps: StepSettings
) -> dict[str, Any]:
    """The JSON schema of a step.

    `tools` are the schemas of the arguments by name, agents among them with `TASK_SCHEMA`; `ids` are the sources that
    an answer may cite. The thought comes first: what is said before an action can bear on it.
    """
    actions = [_object(tool={"type": "string", "enum": [name]}, arguments=schema) for name, schema in tools.items()]
    actions.append(_object(tool={"type": "string", "enum": [ANSWER]}, answer=citing_schema(ids, output)))
    return _object(thought={"type": "string", "maxLength": steps.thought_chars}, action={"anyOf": actions})


def citing_schema(ids: Sequence[str], output: OutputSettings) -> dict[str, Any]:
    """The schema of an answer; without a source only of one that answers nothing."""
    if ids:
        return answer_schema(ids, output)
    empty = answer_schema(["none"], output)  # the same shape for those who read bounds out of it
    empty["properties"]["answerable"] = {"type": "boolean", "enum": [False]}
    empty["properties"]["statements"]["maxItems"] = 0
    return empty


def critique_schema(steps: StepSettings) -> dict[str, Any]:
    """The JSON schema of a critique."""
    reason = {"type": "string", "minLength": 1, "maxLength": steps.reason_chars}
    return _object(
        accept={"type": "boolean"}, reasons={"type": "array", "items": reason, "maxItems": steps.critique_reasons}
    )


def read_step(
    text: str, tools: Mapping[str, Any], ids: Sequence[str], output: OutputSettings, steps: StepSettings
) -> Call | Said:
    """A step out of JSON text. Raises `GenerationInvalid` where it leaves `step_schema`; what a call is given is not
    looked at."""
    try:
        step = _STEP.validate_json(text)
        if len(step.thought) > steps.thought_chars:
            raise GenerationInvalid("The generator wrote an over-long thought. Ask again.")
        action = {"tool": step.action.tool, **(step.action.model_extra or {})}
        if step.action.tool == ANSWER:
            answer = _JSON.dump_json(_Answer.model_validate(action).answer).decode()
            return Said(thought=step.thought.strip(), output=read_answer(answer, ids, output))
        call = _Call.model_validate(action)
    except ValidationError as error:
        raise _invalid(error) from None
    if call.tool not in tools:
        raise GenerationInvalid(f"The generator called a tool that was not offered ({call.tool[:20]!r}). Ask again.")
    return Call(thought=step.thought.strip(), tool=call.tool, arguments=call.arguments)


def read_critique(text: str, steps: StepSettings) -> Critique:
    """A critique out of JSON text. Raises `GenerationInvalid` where it leaves `critique_schema`."""
    try:
        found = _CRITIQUE.validate_json(text)
    except ValidationError as error:
        raise _invalid(error) from None
    if len(found.reasons) > steps.critique_reasons or any(len(each) > steps.reason_chars for each in found.reasons):
        raise GenerationInvalid("The critic gave too many or over-long reasons. Ask again.")
    reasons = tuple(each.strip() for each in found.reasons if each.strip())
    return Critique(accept=found.accept or not reasons, reasons=() if found.accept else reasons)


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _invalid(error: ValidationError) -> GenerationInvalid:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    return GenerationInvalid(f"The generator's step broke its schema at {place}: {first['msg']}. Ask again.")
