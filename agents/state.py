"""A run's state as LangGraph keeps it: plain JSON values only, so that any checkpoint can be read by any version.

`steps` and `sources` are kept as differences (`upserted`): a checkpoint holds what it added, not all of it. `messages`
are not: LangGraph makes objects of its own of messages that are kept so.
Who the run works for is in none of it: that comes with each request, so that a revoked right holds at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypedDict

from core.types import Box, Finding, GeneratorInfo, Source, Step, Usage

Json = dict[str, Any]


class Values(TypedDict, total=False):
    """What a thread holds; all of it is shown, but `pending`.

    `messages` are the thread's conversation in LangGraph's shape: {"type": "human" | "ai", "content", "id"}. All else
    is the last run's. `run_id` and `agent` say whose it is. `steps` are `core.types.Step`s, without `data`, which only
    the event of a step carries; `sources` are `core.types.Source`s. `frames` are the agents at work, `Frame`s, the
    whole run's first. `pending` is what the next node has to know of the last step. `budget` is a `BudgetState`.
    `answer` has the shape of `core.types.Answer`, None until there is one. `incomplete` is None, or why the answer was
    given before the work was done: {"reason", "message", "agent"}; a reason is one of a budget's, or "blocked".
    `tainted` says whether text that others wrote was read, in this run or before.
    """

    run_id: str
    agent: str
    messages: list[Json]
    steps: list[Json]
    sources: list[Json]
    frames: list[Json]
    pending: Json | None
    budget: Json
    answer: Json | None
    incomplete: Json | None
    tainted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """An agent at work. `path` says below whom ("coordinator/researcher"), `parent` is the step that set it to work,
    `budget` its budget's name. `critiques` counts how often its answer was sent back; `closing` is the reason why it
    has to answer now, as `incomplete` says it."""

    agent: str
    path: str
    task: str
    budget: str
    parent: int | None = None
    critiques: int = 0
    closing: Json | None = None

    def owns(self, step: Step) -> bool:
        """Whether it took this step."""
        return step.agent == self.path and step.parent == self.parent


SHOWN = ("run_id", "agent", "messages", "steps", "sources", "frames", "budget", "answer", "incomplete", "tainted")
"""The names of what is shown of a thread's values."""
DIFFERENCES = ("steps", "sources")
"""The names of what is kept as differences."""


_STEP = tuple(each.name for each in fields(Step))
_SOURCE = tuple(each.name for each in fields(Source))
_FRAME = tuple(each.name for each in fields(Frame))


def upserted(kept: Sequence[Json] | None, written: Sequence[Sequence[Json]]) -> list[Json]:
    """A list of things with an id or a number, after lists of changes: what is known is replaced, what is new added."""
    found = {_key(each): each for each in kept or ()}
    for changes in written:
        found |= {_key(each): each for each in changes}
    return list(found.values())


def needed(writes: Sequence[tuple[str, Any]]) -> bool:
    """Whether a node's writes have to be kept beside the next checkpoint: differences, which it leaves out, and
    LangGraph's own notes (interrupts, decisions, errors). All of a node's or none: some of them would count as all."""
    return any(channel in DIFFERENCES or channel.startswith("__") for channel, _ in writes)


def shown(values: Mapping[str, Any]) -> Json:
    """What is shown of a thread's values."""
    return {name: values[name] for name in SHOWN if name in values}


def writable(text: str) -> str:
    """The text without halves of surrogate pairs, which no database and no wire takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def dumped_step(step: Step) -> Json:
    """A step as JSON, whole. Not by `asdict`, which copies all that is in it."""
    dumped = {name: getattr(step, name) for name in _STEP}
    dumped["usage"] = asdict(step.usage)
    dumped["generator"] = None if step.generator is None else asdict(step.generator)
    dumped["reasons"], dumped["sources"] = list(step.reasons), list(step.sources)
    dumped["findings"] = [asdict(finding) for finding in step.findings]
    return dumped


def kept_step(step: Step) -> Json:
    """A step as it is kept in a checkpoint: its data, which may be pictures, is not."""
    return {**dumped_step(step), "data": {}}


def read_step(value: Mapping[str, Any]) -> Step:
    """A step out of JSON."""
    known = _known(_STEP, value)
    known["reasons"], known["sources"] = tuple(known.get("reasons", ())), tuple(known.get("sources", ()))
    known["findings"] = tuple(Finding(**each) for each in known.get("findings", ()))
    known["usage"] = Usage(**known.get("usage", {}))
    if known.get("generator"):
        known["generator"] = GeneratorInfo(**known["generator"])
    return Step(**known)


def read_frame(value: Mapping[str, Any]) -> Frame:
    """A frame out of JSON."""
    return Frame(**_known(_FRAME, value))


def dumped_source(source: Source) -> Json:
    """A source as JSON."""
    dumped = {name: getattr(source, name) for name in _SOURCE}
    dumped["boxes"] = [asdict(box) for box in source.boxes]
    dumped["heading_path"] = list(source.heading_path)
    dumped["sentences"] = [list(span) for span in source.sentences]
    return dumped


def read_source(value: Mapping[str, Any]) -> Source:
    """A source out of JSON."""
    known = _known(_SOURCE, value)
    known["boxes"] = tuple(Box(**box) for box in known.get("boxes", ()))
    known["heading_path"] = tuple(known.get("heading_path", ()))
    known["sentences"] = tuple((start, end) for start, end in known.get("sentences", ()))
    return Source(**known)


def _key(value: Mapping[str, Any]) -> Any:
    return value["number"] if "number" in value else value["id"]


def _known(names: Sequence[str], value: Mapping[str, Any]) -> Json:
    """The fields that this version knows; a newer one's checkpoint may have more."""
    return {name: value[name] for name in names if name in value}
