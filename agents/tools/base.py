"""What a tool is, and how one is called: whatever happens, an observation comes back, and in time."""

from __future__ import annotations

import asyncio
import copy
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import ConfigurationError, FootnoteError
from core.types import Filters, Hit, Principal

Effect = Literal["reads_inside", "reads_outside", "writes", "sends"]
"""What a tool does to the world; the policy goes by it. Reading outside tells the outside what is read."""

Failure = Literal["invalid_arguments", "refused", "timeout", "failed"]

_log = logging.getLogger(__name__)
_GRACE_SECONDS = 1.0
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_UNSETTLED: set[asyncio.Task[Any]] = set()
"""Calls that did not end when they were told to; kept so that they are not collected half-way."""


class Arguments(BaseModel):
    """Base of every tool's arguments. Each string and list needs its `max_length`: a grammar is made of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolContext:
    """Who a tool works for. `seconds` is what the run's budget still allows this call.

    `call_id` names the call for good, also when it is made again after a crash; empty where nothing hangs on it.
    `collections` and `filters` are what the person narrowed the run to; empty means no narrowing.
    """

    principal: Principal
    run_id: str
    agent: str = "main"
    seconds: float = 60.0
    call_id: str = ""
    collections: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What a call brought. `text` is for the model, `data` for programs and the page.

    `rest` says how to get at what was cut off the text. `untrusted` text was written by others: it is material, and
    whoever read it may not write or send without a person. `failure` is None for a call that did what it was asked.
    `passages` are those of documents that the text shows: an answer cites them, not the call.
    """

    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    rest: str | None = None
    untrusted: bool = True
    failure: Failure | None = None
    passages: tuple[Hit, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tool(Generic[A]):
    """A tool. `timeout` is in seconds; `run` may raise whatever it likes, `call` makes an observation of it.

    Raises `ConfigurationError` when its name or its arguments cannot stand in a grammar.
    """

    name: str
    description: str
    arguments: type[A]
    effect: Effect
    timeout: float
    run: Callable[[A, ToolContext], Awaitable[Observation]]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(f"A tool cannot be named {self.name!r}: use lower-case letters, digits and _.")
        if self.arguments.model_config.get("extra") != "forbid" or not self.arguments.model_config.get("frozen"):
            raise ConfigurationError(f"The arguments of {self.name} must be frozen and forbid unknown names.")
        unbounded = list(_unbounded(self.schema, "arguments"))
        if unbounded:
            raise ConfigurationError(f"The tool {self.name} needs bounds for its {', '.join(unbounded)}.")

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments, without references: it can be put into another one."""
        schema = self.arguments.model_json_schema()
        definitions = schema.pop("$defs", {})
        inlined: dict[str, Any] = _inlined(schema, definitions)
        return inlined


def trimmed(text: str, most: int, rest: str, **observed: Any) -> Observation:
    """An observation of at most `most` characters of the text; `rest` says where more is, if there is more."""
    if len(text) <= most:
        return Observation(text=text, **observed)
    note = f"\n[… {len(text) - most:,} more characters. {rest}]"
    return Observation(text=text[:most] + note, rest=rest, **observed)


def misfit(tool: Tool[Any], arguments: Mapping[str, Any]) -> Observation | None:
    """What is wrong with a call's arguments, without repeating them; None where nothing is."""
    try:
        tool.arguments.model_validate(dict(arguments))
    except ValidationError as error:
        return _failure("invalid_arguments", f"The arguments do not fit {tool.name}: {_faults(error)}")
    return None


async def call(tool: Tool[Any], arguments: Mapping[str, Any], context: ToolContext) -> Observation:
    """Calls a tool. Only being cancelled ends in an exception; the tool is then cancelled too.

    The time is the tool's own or what the budget leaves, whichever is less. A tool that blocks must do so in a process
    of its own (`agents.tools.child`); one that ignores being cancelled is left behind after a second, and logged.
    """
    try:
        checked = tool.arguments.model_validate(dict(arguments))
    except ValidationError as error:
        return _failure("invalid_arguments", f"The arguments do not fit {tool.name}: {_faults(error)}")
    seconds = min(tool.timeout, context.seconds)
    if seconds <= 0:
        return _failure("timeout", f"No time is left for {tool.name}.")
    task = asyncio.ensure_future(_run(tool, checked, context))
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if task.cancelled():
            return _failure("failed", f"{tool.name} gave up. Try it with other arguments or go on without it.")
        if done:
            return task.result()
        return _failure("timeout", f"{tool.name} was stopped after {seconds:g} seconds: ask for less at a time.")
    finally:
        await _end(task, tool.name)


async def _run(tool: Tool[Any], arguments: Arguments, context: ToolContext) -> Observation:
    try:
        return await tool.run(arguments, context)
    except FootnoteError as error:
        return _failure("refused", error.message)
    except Exception:  # whatever a tool stumbles over must not end the run; its words may hold secrets
        _log.exception("the tool %s failed in run %s", tool.name, context.run_id)
        return _failure("failed", f"{tool.name} failed. Try it with other arguments or go on without it.")


async def _end(task: asyncio.Task[Observation], name: str) -> None:
    """Cancels a call and waits a moment for it, so that its own clearing up is done."""
    if task.done():
        return
    task.cancel()
    _UNSETTLED.add(task)
    task.add_done_callback(_UNSETTLED.discard)
    await asyncio.wait({task}, timeout=_GRACE_SECONDS)
    if not task.done():
        _log.error("the tool %s ignores being cancelled: it was left behind", name)


def _failure(kind: Failure, text: str) -> Observation:
    return Observation(text=text, failure=kind, untrusted=False)


def _faults(error: ValidationError) -> str:
    """What is wrong with each argument, without repeating what was given."""
    found = [
        f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}"
        for each in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    return "; ".join(found[:5])[:1_000]


def _inlined(part: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema with every reference replaced by what it refers to. Titles go: they only cost tokens."""
    if isinstance(part, list):
        return [_inlined(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        named = copy.deepcopy(definitions[part["$ref"].rpartition("/")[2]])
        return _inlined({**named, **{key: value for key, value in part.items() if key != "$ref"}}, definitions)
    kept = {key: value for key, value in part.items() if key != "title" or not isinstance(value, str)}
    return {key: _inlined(value, definitions) for key, value in kept.items()}


def _unbounded(part: Mapping[str, Any], name: str) -> list[str]:
    """Names of the strings and lists of a schema that may be of any length, and of objects with any content."""
    found: list[str] = []
    kind = part.get("type")
    if (kind == "string" and not {"maxLength", "enum", "const", "format"} & part.keys()) or (
        kind == "array" and "maxItems" not in part
    ):
        found.append(name)
    if kind == "object" and part.get("additionalProperties") is not False:
        found.append(name)
    if kind is None and not {"anyOf", "enum", "const"} & part.keys():
        found.append(name)
    for key, each in part.get("properties", {}).items():
        found += _unbounded(each, key)
    for each in part.get("anyOf", ()):
        found += _unbounded(each, name)
    if "items" in part:
        found += _unbounded(part["items"], f"{name}[]")
    return found
