"""What clients send to begin a run, find a thread, and so on: LangGraph's fields, those that mean something here."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from app.api.agents_left_out import (
    CHECKPOINT_ID,
    HISTORY,
    RUN,
    THREAD,
    THREAD_SEARCH,
    checkpoint_of,
    no_pruned_states,
    without_left_out,
)
from app.api.agents_shapes import Strategy, ThreadStatus
from app.api.filters import Filters
from app.api.shapes import COLLECTION_PATTERN, Request
from app.run_events import MODES, Mode

_LONGEST = 65_536
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


_DEEPEST = 32


def _shallow(value: Any) -> Any:
    """JSON that everything here can go through without end of its stack."""
    level, depth = [value], 0
    while level:
        if depth > _DEEPEST:
            raise ValueError(f"Nest lists and objects at most {_DEEPEST} deep.")
        inner = [list(each.values()) if isinstance(each, dict) else each for each in level]
        level = [one for each in inner if isinstance(each, list) for one in each if isinstance(one, dict | list)]
        depth += 1
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kept(value: dict[str, Any]) -> dict[str, Any]:
    """What every database can keep, and find again."""
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        raise ValueError("Numbers must be finite.") from None
    if "\\u0000" in text or len(text) > _LONGEST:
        raise ValueError(f"Write at most {_LONGEST:,} characters, without NUL.")
    return value


def known_modes(value: Any) -> Any:
    """Modes that a stream can tell in; an empty one, as clients send for none, is left out."""
    named = [each for each in (value if isinstance(value, list) else [value]) if each != ""]
    if unknown := [each for each in named if each not in MODES]:
        raise ValueError(f"There is no stream mode {str(unknown[0])[:64]!r} here; there are {', '.join(MODES)}.")
    return named if isinstance(value, list) else value


Modes = Annotated[Mode | list[Mode], BeforeValidator(known_modes)]
Metadata = Annotated[dict[str, Any], Field(max_length=64), AfterValidator(_shallow), AfterValidator(_kept)]
Json = Annotated[Any, AfterValidator(_shallow)]
Collection = Annotated[str, Field(pattern=COLLECTION_PATTERN)]
Select = Annotated[list[str], Field(max_length=64)]


class Configurable(Request):
    """What a run is narrowed to, and who writes for it."""

    collections: list[Collection] = Field(default_factory=list, max_length=64, description="Else all of them.")
    filters: Filters = Field(default_factory=Filters)
    adapter: str | None = Field(
        default=None, min_length=1, max_length=128, description="The adapter to write it, for administrators to choose."
    )


class RunConfigurable(Configurable):
    """The same, with what LangGraph's clients name there of the thread."""

    thread_id: str | None = Field(default=None, max_length=64, description="The thread of the path, and no other.")
    checkpoint_ns: Literal[""] | None = Field(default=None, description="There is one namespace, without a name.")
    checkpoint_id: None = Field(default=None, description="A run begins where its thread is.")


class Config(Request):
    """LangGraph's configuration. Tags, the name and the limits are accepted and not used: budgets bound a run."""

    configurable: RunConfigurable = Field(default_factory=RunConfigurable)
    metadata: Metadata = Field(default_factory=dict, description="Goes into the run's own metadata, which comes first.")
    tags: list[str] = Field(default_factory=list, max_length=64)
    run_name: str | None = Field(default=None, max_length=256)
    recursion_limit: int | None = Field(default=None, ge=1)
    max_concurrency: int | None = Field(default=None, ge=1)


class Command(Request):
    """How a thread that waits for a person goes on."""

    resume: Json = Field(
        description='`{"decisions": [{"type": "approve" | "edit" | "reject" | "respond", …}]}`, one decision by '
        "itself, or a text that answers a question.",
        examples=[{"decisions": [{"type": "approve"}]}],
    )


class NewRun(Request):
    """A run: a task for an agent (`input`), or a decision on what the thread waits for (`command`)."""

    assistant_id: str = Field(
        min_length=1, max_length=128, description="An assistant's id, or the agent's name.", examples=["researcher"]
    )
    input: Annotated[dict[str, Any], AfterValidator(_shallow)] | None = Field(
        default=None,
        description='`{"messages": [{"role": "user", "content": "…"}]}` or `{"task": "…"}`.',
        examples=[{"messages": [{"role": "user", "content": "How many days of leave do I have?"}]}],
    )
    command: Command | None = None
    config: Config = Field(default_factory=Config)
    context: Configurable | None = Field(default=None, description="In place of `config.configurable`.")
    metadata: Metadata = Field(default_factory=dict)
    multitask_strategy: Strategy = Field(
        default="enqueue", description="What becomes of a run that goes on in this thread: see `409`."
    )
    if_not_exists: Literal["create", "reject"] = Field(default="reject", description="Where there is no such thread.")
    after_seconds: int = Field(default=0, ge=0, le=30 * 86_400, description="Begin it only then.")
    durability: Literal["sync", "async", "exit"] | None = Field(
        default=None, description="Accepted; every step is on disk before the next one begins."
    )
    checkpoint_during: bool | None = Field(default=None, description="Accepted, as `durability` is.")
    strict_resume: bool | None = Field(
        default=None, description="Accepted; a decision on a question that is not asked is refused anyway."
    )
    stream_mode: Modes = Field(
        default="values", description="What a stream of it tells.", examples=[["values", "custom"]]
    )
    stream_subgraphs: bool = Field(default=False, description="Accepted; sub-agents' steps are in the stream anyway.")
    stream_resumable: bool = Field(default=False, description="Accepted; every stream can be resumed.")

    @model_validator(mode="before")
    @classmethod
    def _names_nothing_left_out(cls, data: Any) -> Any:
        return without_left_out(data, RUN)

    @model_validator(mode="after")
    def _keeps_the_config_s_metadata(self) -> Self:
        self.metadata = {**self.config.metadata, **self.metadata}
        return self


class StreamedRun(NewRun):
    """A run that is waited for."""

    on_disconnect: Literal["cancel", "continue"] = "continue"

    @property
    def modes(self) -> list[Mode]:
        """The modes that are asked for."""
        return self.stream_mode if isinstance(self.stream_mode, list) else [self.stream_mode]


class StatelessRun(StreamedRun):
    """A run in a thread of its own, which goes with it unless it is kept."""

    on_completion: Literal["delete", "keep"] = "delete"


class BatchedRun(StatelessRun):
    """One of several runs."""

    thread_id: str | None = Field(default=None, max_length=64, description="Else one is made for it, which goes again.")


class CancelledRuns(Request):
    """Which runs are to be stopped: by their ids, or by how they stand."""

    thread_id: str | None = Field(default=None, max_length=64)
    run_ids: list[Annotated[str, Field(max_length=64)]] | None = Field(default=None, min_length=1, max_length=256)
    status: Literal["pending", "running", "all"] | None = Field(default=None, examples=["pending"])


Strategies = Annotated[Literal["delete"], BeforeValidator(no_pruned_states)]


class TimeToLive(Request):
    """For how long a thread is kept after its last use."""

    ttl: float = Field(gt=0, le=5_256_000, description="Minutes.", examples=[60])
    strategy: Strategies = "delete"

    @property
    def minutes(self) -> int:
        """Whole minutes, one at least."""
        return max(1, round(self.ttl))


Ttl = Annotated[TimeToLive | None, BeforeValidator(lambda given: {"ttl": given} if _is_number(given) else given)]


class PrunedThreads(Request):
    """Which threads are to go."""

    thread_ids: list[Annotated[str, Field(max_length=64)]] = Field(
        min_length=1, max_length=256, examples=[["6c1f0a8e-3c58-4b0c-9d3a-5f2f7a1b8e90"]]
    )
    strategy: Strategies = "delete"


class NewThread(Request):
    """A thread to be."""

    thread_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,36}$", description="Else one is made up.")
    metadata: Metadata = Field(default_factory=dict, examples=[{"title": "Leave"}])
    if_exists: Literal["raise", "do_nothing"] = "raise"
    ttl: Ttl = Field(default=None, description="How long it is kept unused, in minutes; else as the settings say.")

    @model_validator(mode="before")
    @classmethod
    def _names_nothing_left_out(cls, data: Any) -> Any:
        return without_left_out(data, THREAD)


class ChangedThread(Request):
    """What is added to a thread's metadata; null takes a name away."""

    metadata: Metadata = Field(default_factory=dict, examples=[{"title": "Parental leave"}])
    ttl: Ttl = Field(default=None, description="How long it is kept unused, in minutes.")


class ThreadFilter(Request):
    """Which threads; several conditions narrow further."""

    metadata: Metadata = Field(default_factory=dict, examples=[{"graph_id": "researcher"}])
    values: Metadata = Field(default_factory=dict)
    status: ThreadStatus | None = None


class ThreadSearch(ThreadFilter):
    """Which threads, in which order, and which of their fields."""

    ids: list[str] | None = Field(default=None, max_length=1000)
    limit: int = Field(default=10, ge=1, le=1000)
    offset: int = Field(default=0, ge=0, le=1_000_000)
    sort_by: Literal["thread_id", "status", "created_at", "updated_at", "state_updated_at"] = "updated_at"
    sort_order: Literal["asc", "desc"] = "desc"
    select: Select | None = None

    @model_validator(mode="before")
    @classmethod
    def _names_nothing_left_out(cls, data: Any) -> Any:
        return without_left_out(data, THREAD_SEARCH)


def _checkpoint_id(value: str) -> str:
    if not CHECKPOINT_ID.fullmatch(value):
        raise ValueError("A checkpoint's id is as a state tells it: letters, digits and hyphens, 64 at most.")
    return value


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """What every database can look for in the metadata of checkpoints."""
    for name, each in value.items():
        if not _NAME.fullmatch(name):
            raise ValueError("Names are letters, digits and underscores: `source` and `step` are two.")
        if isinstance(each, bool) or not isinstance(each, str | int) or not _writable(each):
            raise ValueError("Values are texts or whole numbers: a `source` is a text, a `step` a number.")
    return value


def _writable(value: str | int) -> bool:
    if isinstance(value, int):
        return abs(value) < 2**63
    return len(value) <= 256 and all(each != "\0" and not "\ud800" <= each <= "\udfff" for each in value)


CheckpointId = Annotated[str, AfterValidator(_checkpoint_id)]


class StateHistory(Request):
    """How far back."""

    limit: int = Field(default=10, ge=1, le=100, examples=[10])
    before: Annotated[CheckpointId | None, BeforeValidator(checkpoint_of)] = Field(
        default=None, description="Only those before this checkpoint: its id, or as a state tells it."
    )
    metadata: Annotated[dict[str, Any], Field(max_length=16), AfterValidator(_plain)] = Field(
        default_factory=dict, description="Only those whose metadata hold all this.", examples=[{"source": "loop"}]
    )
    select: Select | None = None

    @model_validator(mode="before")
    @classmethod
    def _names_nothing_left_out(cls, data: Any) -> Any:
        return without_left_out(data, HISTORY)


class StateAt(Request):
    """The state at a checkpoint."""

    checkpoint: Annotated[CheckpointId | None, BeforeValidator(checkpoint_of)] = Field(
        description="As a state tells it; without an id the last one.",
        examples=[{"checkpoint_ns": "", "checkpoint_id": "1f0c9d3a-5f2f-6a1b-8007-3c584b0c9d3a"}],
    )
    subgraphs: bool = Field(default=False, description="Accepted; sub-agents are in the same state.")
    select: Select | None = None


class AssistantFilter(Request):
    """Which assistants."""

    metadata: Metadata = Field(default_factory=dict)
    graph_id: str | None = Field(default=None, max_length=128, examples=["researcher"])
    name: str | None = Field(default=None, max_length=128, description="A part of its name.")


class AssistantSearch(AssistantFilter):
    """Which assistants, in which order."""

    limit: int = Field(default=10, ge=1, le=1000)
    offset: int = Field(default=0, ge=0)
    sort_by: Literal["assistant_id", "graph_id", "name", "created_at", "updated_at"] = "name"
    sort_order: Literal["asc", "desc"] = "asc"
    select: Select | None = None


class AssistantVersions(Request):
    """Which versions of an assistant."""

    metadata: Metadata = Field(default_factory=dict)
    limit: int = Field(default=10, ge=1, le=1000, examples=[10])
    offset: int = Field(default=0, ge=0)


class StepFeedback(Request):
    """What you think of a step; a rating of null takes it back."""

    rating: Literal["up", "down"] | None = Field(examples=["down"])
    comment: str | None = Field(default=None, max_length=5000, examples=["It should have read on."])
